// The memory of one pass, tensor by tensor.
#include "model/activations.h"

namespace lora {

namespace {

// What layers share that make something again.
struct Again {
  LayerSaved layer;  // for those that are run again
  Tensor h, f;       // [T,D], [T,F]: for cheap ones
};

struct Sizes {
  const ModelSpec& spec;
  Types types;
  const Limits& limits;
  bool adapters, train;
  std::int64_t tokens;
};

// Everything that a layer keeps but its input and the u of down; `h` and `f` are there already for a cheap layer.
LayerSaved take_inner(Arena& arena, const Sizes& z, Tensor h, Tensor f, bool again) {
  const ModelSpec& s = z.spec;
  const lora_dtype store = z.types.store, real = z.types.real;
  const std::int64_t t = z.tokens, d = s.width, heads = s.heads, g = s.kv_heads, e = s.head_width;
  const char* normalised = again ? "activations: one layer again" : "activations: normalised";
  const char* attention = again ? normalised : "activations: attention";
  const char* wide = again ? normalised : "activations: feed-forward";
  LayerSaved out;
  out.h1 = h.dims ? h : arena.take(normalised, store, {t, d});
  out.rstd1 = arena.take(normalised, real, {t});
  if (s.qk_norm) {
    out.q_raw = arena.take(attention, store, {t, heads, e});
    out.k_raw = arena.take(attention, store, {t, g, e});
    out.rstd_q = arena.take(attention, real, {t * heads});
    out.rstd_k = arena.take(attention, real, {t * g});
  }
  out.q = arena.take(attention, store, {t, heads, e});
  out.k = arena.take(attention, store, {t, g, e});
  out.v = arena.take(attention, store, {t, g, e});
  out.o = arena.take(attention, store, {t, heads, e});
  if (z.train) {
    out.lse = arena.take(attention, real, {heads, t});
  }
  out.sum2 = arena.take(again ? normalised : "activations: residual stream", store, {t, d});
  out.h2 = h.dims ? h : arena.take(normalised, store, {t, d});
  out.rstd2 = arena.take(normalised, real, {t});
  out.gate = arena.take(wide, store, {t, s.feed_forward});
  out.up = arena.take(wide, store, {t, s.feed_forward});
  out.h = f.dims ? f : arena.take(wide, store, {t, s.feed_forward});
  for (int i = 0; z.adapters && i < kLayerProjections; ++i) {
    if (s.has(static_cast<Projection>(i)) && static_cast<Projection>(i) != Projection::kDown) {
      out.u[i] = arena.take(again ? normalised : "activations: adapters", store, {t, z.limits.rank});
    }
  }
  return out;
}

Again take_again(Arena& arena, const Sizes& z) {
  Again out;
  bool cheap = false, layer = false;
  for (std::int64_t l = 0; z.train && l < z.spec.layers; ++l) {
    cheap = cheap || z.limits.recompute_of(l) == Recompute::kCheap;
    layer = layer || z.limits.recompute_of(l) == Recompute::kLayer;
  }
  if (layer) {
    out.layer = take_inner(arena, z, {}, {}, true);
    out.h = out.layer.h1;
    out.f = out.layer.h;
  } else if (cheap) {
    out.h = arena.take("activations: normalised", z.types.store, {z.tokens, z.spec.width});
    out.f = arena.take("activations: feed-forward", z.types.store, {z.tokens, z.spec.feed_forward});
  }
  return out;
}

LayerSaved take_layer(Arena& arena, const Sizes& z, const Again& again, std::int64_t l) {
  const Recompute policy = z.train ? z.limits.recompute_of(l) : Recompute::kNone;
  LayerSaved out;
  Tensor sum1;
  if (l > 0 || !z.train) {
    sum1 = arena.take("activations: residual stream", z.types.store, {z.tokens, z.spec.width});
  }
  if (policy == Recompute::kLayer) {
    out = again.layer;
  } else {
    const bool cheap = policy == Recompute::kCheap;
    out = take_inner(arena, z, cheap ? again.h : Tensor(), cheap ? again.f : Tensor(), false);
  }
  if (z.adapters) {
    out.u[static_cast<int>(Projection::kDown)] =
        arena.take("activations: adapters", z.types.store, {z.tokens, z.limits.rank});
  }
  out.sum1 = sum1;
  out.recompute = policy;
  return out;
}

void take_head(Arena& arena, const ModelSpec& s, Types types, const Limits& limits, bool adapters, Pass pass,
               std::int64_t n, Activations& out) {
  const char* line = "activations: head";
  for (Tensor* x : {&out.head_r, &out.head_delta, &out.head_sum, &out.head_h}) {
    *x = arena.take(line, types.store, {n, s.width});
  }
  out.head_rstd = arena.take(line, types.real, {n});
  if (adapters) {
    out.head_u = arena.take(line, types.store, {n, limits.rank});
  }
  if (pass == Pass::kGenerate) {
    return;
  }
  out.row_loss = arena.take(line, types.real, {n});
  out.row_top1 = arena.take(line, LORA_I32, {n});
  out.loss_sum = arena.take(line, LORA_F64, {limits.slots + 1});
  out.weight_sum = arena.take(line, LORA_F64, {limits.slots + 1});
  out.scored = arena.take(line, LORA_I32, {limits.slots + 1});
}

}  // namespace

Activations take_activations(Arena& arena, const ModelSpec& s, Types types, const Limits& limits,
                             bool adapters, Pass pass, std::int64_t t, std::int64_t n) {
  const lora_dtype store = types.store;
  Activations out;
  const char* scratch = "activations: scratch";
  out.x0 = arena.take(scratch, store, {t, s.width});
  out.out = arena.take(scratch, store, {t, s.width});
  out.cos = arena.take(scratch, types.real, {t, s.rope.rotary_width / 2});
  out.sin = arena.take(scratch, types.real, {t, s.rope.rotary_width / 2});
  if (s.fused_qkv) {
    out.qkv = arena.take(scratch, store, {t, s.rows(Projection::kQkv)});
  }
  if (s.fused_gate_up) {
    out.gate_up = arena.take(scratch, store, {t, s.rows(Projection::kGateUp)});
  }
  const Sizes sizes{s, types, limits, adapters, pass == Pass::kTrain, t};
  const Again again = take_again(arena, sizes);
  const std::int64_t kept = pass == Pass::kTrain ? s.layers : 1;
  for (std::int64_t l = 0; l < kept; ++l) {
    out.layers.push_back(take_layer(arena, sizes, again, l));
  }
  take_head(arena, s, types, limits, adapters, pass, n, out);
  if (pass != Pass::kTrain) {
    return out;
  }

  const char* line = "activations: gradients";
  out.dres = arena.take(line, store, {t, s.width});
  out.dx = arena.take(line, store, {t, s.width});
  out.head_dx = arena.take(line, store, {n, s.width});
  out.dwide = arena.take(line, store, {t, s.feed_forward});
  if (s.fused_qkv) {
    out.dqkv = out.qkv;
  }
  if (s.fused_gate_up) {
    out.dgate_up = out.gate_up;
  }
  out.dout = arena.take(line, store, {t, s.heads, s.head_width});
  out.dq = arena.take(line, store, {t, s.heads, s.head_width});
  out.dk = arena.take(line, store, {t, s.kv_heads, s.head_width});
  out.dv = arena.take(line, store, {t, s.kv_heads, s.head_width});
  return out;
}

}  // namespace lora
