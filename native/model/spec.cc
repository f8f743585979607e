// Names and extents of projections, and the checks that a spec must pass before anything is allocated.
#include "model/spec.h"

namespace lora {

namespace {

constexpr const char* kNames[kProjections] = {"q",    "k",  "v",       "qkv",  "o",
                                              "gate", "up", "gate_up", "down", "head"};

void positive(const char* field, std::int64_t value) {
  constexpr std::int64_t kMost = std::int64_t(1) << 31;
  if (value > 0 && value < kMost) {
    return;
  }
  throw invalid_argument(text("spec.", field), "a positive integer below 2^31", text(value));
}

}  // namespace

const char* name_of(Projection projection) { return kNames[static_cast<int>(projection)]; }

Projection projection_of(const std::string& name) {
  for (int i = 0; i < kProjections; ++i) {
    if (name == kNames[i]) {
      return static_cast<Projection>(i);
    }
  }
  throw invalid_argument("projection", "one of q, k, v, qkv, o, gate, up, gate_up, down, head", name);
}

bool ModelSpec::has(Projection projection) const {
  switch (projection) {
    case Projection::kQ:
    case Projection::kK:
    case Projection::kV: return !fused_qkv;
    case Projection::kQkv: return fused_qkv;
    case Projection::kGate:
    case Projection::kUp: return !fused_gate_up;
    case Projection::kGateUp: return fused_gate_up;
    default: return true;
  }
}

bool ModelSpec::bias(Projection projection) const {
  switch (projection) {
    case Projection::kQ:
    case Projection::kK:
    case Projection::kV:
    case Projection::kQkv: return qkv_bias;
    case Projection::kO: return o_bias;
    case Projection::kHead: return false;
    default: return mlp_bias;
  }
}

std::int64_t ModelSpec::rows(Projection projection) const {
  switch (projection) {
    case Projection::kQ: return q_width();
    case Projection::kK:
    case Projection::kV: return kv_width();
    case Projection::kQkv: return q_width() + 2 * kv_width();
    case Projection::kGate:
    case Projection::kUp: return feed_forward;
    case Projection::kGateUp: return 2 * feed_forward;
    case Projection::kHead: return vocabulary;
    default: return width;
  }
}

std::int64_t ModelSpec::columns(Projection projection) const {
  if (projection == Projection::kO) {
    return q_width();
  }
  return projection == Projection::kDown ? feed_forward : width;
}

void ModelSpec::check() const {
  positive("vocabulary", vocabulary);
  positive("width", width);
  positive("layers", layers);
  positive("heads", heads);
  positive("kvHeads", kv_heads);
  positive("headWidth", head_width);
  positive("feedForward", feed_forward);
  positive("rope.rotaryWidth", rope.rotary_width);
  if (heads % kv_heads) {
    throw invalid_argument("spec.kvHeads", text("a divisor of heads (", heads, ")"), text(kv_heads));
  }
  if (rope.rotary_width % 2 || rope.rotary_width > head_width) {
    throw invalid_argument("spec.rope.rotaryWidth", text("an even number up to headWidth (", head_width, ")"),
                           text(rope.rotary_width));
  }
  if (!(norm_eps > 0)) {
    throw invalid_argument("spec.normEps", "a positive number", text(norm_eps));
  }
  if (!(rope.theta > 1)) {
    throw invalid_argument("spec.rope.theta", "a number above 1", text(rope.theta));
  }
  if (rope.kind != RopeKind::kDefault && !(rope.factor > 0)) {
    throw invalid_argument("spec.rope.factor", "a positive number", text(rope.factor));
  }
  const bool needs_original =
      rope.kind == RopeKind::kDynamic || rope.kind == RopeKind::kLlama3 || rope.kind == RopeKind::kYarn;
  if (needs_original) {
    positive("rope.originalMaxPositions", rope.original_max_positions);
  }
  if (window.size() != static_cast<std::size_t>(layers)) {
    throw invalid_argument("spec.window", text("one entry a layer (", layers, ")"),
                           text(window.size(), " entries"));
  }
  for (const std::int32_t w : window) {
    if (w < 0) {
      throw invalid_argument("spec.window", "entries of 0 (none) or more", text(w));
    }
  }
}

}  // namespace lora
