// The memory of one pass, tensor by tensor.
#include "model/activations.h"

namespace lora {

namespace {

LayerSaved take_layer(Arena& arena, const ModelSpec& s, Types types, const Limits& limits, bool adapters,
                      Pass pass, std::int64_t t, const LayerSaved* before) {
  const lora_dtype store = types.store, real = types.real;
  const bool train = pass == Pass::kTrain, first = before == nullptr;
  const bool again = train && limits.recompute == Recompute::kCheap;  // one scratch for all layers
  const std::int64_t d = s.width, h = s.heads, g = s.kv_heads, e = s.head_width, f = s.feed_forward;
  LayerSaved out;
  const char* residual = "activations: residual stream";
  if (!first || !train) {
    out.sum1 = arena.take(residual, store, {t, d});
  }
  out.h1 = again && !first ? before->h1 : arena.take("activations: normalised", store, {t, d});
  out.rstd1 = arena.take("activations: normalised", real, {t});
  if (s.qk_norm) {
    out.q_raw = arena.take("activations: attention", store, {t, h, e});
    out.k_raw = arena.take("activations: attention", store, {t, g, e});
    out.rstd_q = arena.take("activations: attention", real, {t * h});
    out.rstd_k = arena.take("activations: attention", real, {t * g});
  }
  out.q = arena.take("activations: attention", store, {t, h, e});
  out.k = arena.take("activations: attention", store, {t, g, e});
  out.v = arena.take("activations: attention", store, {t, g, e});
  out.o = arena.take("activations: attention", store, {t, h, e});
  if (train) {
    out.lse = arena.take("activations: attention", real, {h, t});
  }
  out.sum2 = arena.take(residual, store, {t, d});
  out.h2 = again ? out.h1 : arena.take("activations: normalised", store, {t, d});
  out.rstd2 = arena.take("activations: normalised", real, {t});
  out.gate = arena.take("activations: feed-forward", store, {t, f});
  out.up = arena.take("activations: feed-forward", store, {t, f});
  out.h = again && !first ? before->h : arena.take("activations: feed-forward", store, {t, f});
  for (int i = 0; adapters && i < kLayerProjections; ++i) {
    if (s.has(static_cast<Projection>(i))) {
      out.u[i] = arena.take("activations: adapters", store, {t, limits.rank});
    }
  }
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
  out.recompute = limits.recompute;
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
  const std::int64_t kept = pass == Pass::kTrain ? s.layers : 1;
  for (std::int64_t l = 0; l < kept; ++l) {
    const LayerSaved* before = l == 0 ? nullptr : &out.layers.back();
    out.layers.push_back(take_layer(arena, s, types, limits, adapters, pass, t, before));
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
