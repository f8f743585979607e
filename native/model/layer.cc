// The order of a layer: norm, q k v, (norms on heads), RoPE, attention, o, norm, gate up, SwiGLU, down.
#include "model/layer.h"

#include <cmath>

namespace lora {

namespace {

using P = Projection;

// [T, heads, E] as the matrix [T, heads * E] that a linear reads and writes.
Tensor flat(const Tensor& t) { return t.as({t.shape[0], t.shape[1] * t.shape[2]}); }

// [T, heads, E] as T * heads rows of E: a norm on each head is a norm on each row.
Tensor heads_as_rows(const Tensor& t) { return t.as({t.shape[0] * t.shape[1], t.shape[2]}); }

lora_columns_args columns(const Tensor& whole, std::initializer_list<Tensor> parts) {
  lora_columns_args args{};
  args.whole = whole;
  for (const Tensor& part : parts) {
    args.part[args.count++] = part;
  }
  return args;
}

void apply_norm(Ops& ops, Tensor r, Tensor delta, Tensor sum, Tensor w, Tensor y, Tensor rstd, double eps) {
  lora_norm_args args{};
  args.r = r;
  args.delta = delta;
  args.sum = sum;
  args.w = w;
  args.y = y;
  args.rstd = rstd;
  args.eps = eps;
  ops.norm(args);
}

void apply_norm_bwd(Ops& ops, Tensor dy, Tensor sum, Tensor w, Tensor rstd, Tensor dsum, Tensor dx) {
  lora_norm_bwd_args args{};
  args.dy = dy;
  args.sum = sum;
  args.w = w;
  args.rstd = rstd;
  args.dsum = dsum;
  args.dx = dx;
  ops.norm_bwd(args);
}

void apply_swiglu(Ops& ops, const LayerSaved& s) {
  lora_swiglu_args args{};
  args.gate = s.gate;
  args.up = s.up;
  args.h = s.h;
  ops.swiglu(args);
}

}  // namespace

Layer::Layer(const ModelSpec& spec, const LayerWeights& weights, const Adapters& adapters, std::int32_t index)
    : spec_(spec), weights_(weights), adapters_(adapters), index_(index) {
  for (int i = 0; i < kLayerProjections; ++i) {
    site_[i] = adapters.find(index, static_cast<P>(i));
  }
}

lora_linear_args Layer::forward_of(P p, const BatchView& b, bool training, Tensor x, Tensor y,
                                   const LayerSaved& s) const {
  const int i = static_cast<int>(p);
  lora_linear_args args{};
  args.x = x;
  args.y = y;
  args.bias = weights_.linear[i].bias;
  args.w = weights_.linear[i].w;
  args.pair = adapters_.pair(site_[i], b.slots, b.streams, training);
  args.u = args.pair.a ? s.u[i] : Tensor();
  args.route = b.route.view;
  return args;
}

lora_linear_bwd_args Layer::backward_of(P p, const BatchView& b, Tensor dy, Tensor x, Tensor dx,
                                        lora_write write, const LayerSaved& s) const {
  const int i = static_cast<int>(p);
  lora_linear_bwd_args args{};
  args.dy = dy;
  args.x = x;
  args.dx = dx;
  args.w = weights_.linear[i].w;
  args.pair = adapters_.pair(site_[i], b.slots, b.streams, true);
  args.u = args.pair.a ? s.u[i] : Tensor();
  args.route = b.route.view;
  args.dx_write = write;
  return args;
}

void Layer::attention_forward(Ops& ops, const BatchView& b, bool training, const Activations& a,
                              const LayerSaved& s) const {
  const Tensor q = spec_.qk_norm ? s.q_raw : s.q, k = spec_.qk_norm ? s.k_raw : s.k;
  if (spec_.fused_qkv) {
    const lora_linear_args qkv[] = {forward_of(P::kQkv, b, training, s.h1, a.qkv, s)};
    ops.linear(qkv, 1);
    ops.split(columns(a.qkv, {flat(q), flat(k), flat(s.v)}));
  } else {
    const lora_linear_args qkv[] = {forward_of(P::kQ, b, training, s.h1, flat(q), s),
                                    forward_of(P::kK, b, training, s.h1, flat(k), s),
                                    forward_of(P::kV, b, training, s.h1, flat(s.v), s)};
    ops.linear(qkv, 3);
  }
  if (spec_.qk_norm) {
    apply_norm(ops, heads_as_rows(q), {}, {}, weights_.q_norm, heads_as_rows(s.q), s.rstd_q, spec_.norm_eps);
    apply_norm(ops, heads_as_rows(k), {}, {}, weights_.k_norm, heads_as_rows(s.k), s.rstd_k, spec_.norm_eps);
  }
  lora_rope_args rope{};
  rope.q = s.q;
  rope.k = s.k;
  rope.cos = a.cos;
  rope.sin = a.sin;
  rope.sign = 1;
  ops.rope(rope);

  lora_attention_args args{};
  args.q = s.q;
  args.k = s.k;
  args.v = s.v;
  if (b.cache.k) {  // new keys and values join those of earlier calls, and attention reads them there
    const Tensor& cache_k = (*b.cache.k)[static_cast<std::size_t>(index_)];
    const Tensor& cache_v = (*b.cache.v)[static_cast<std::size_t>(index_)];
    lora_rows_args put{};
    put.index = b.cache.index;
    put.scatter = 1;
    put.src = flat(s.k);
    put.dst = flat(cache_k);
    ops.rows(put);
    put.src = flat(s.v);
    put.dst = flat(cache_v);
    ops.rows(put);
    args.k = cache_k;
    args.v = cache_v;
  }
  args.o = s.o;
  args.lse = s.lse;
  args.q_begin = b.q_begin;
  args.k_begin = b.k_begin;
  args.k_count = b.k_count;
  args.q_begin_host = b.q_begin_host.data();
  args.k_begin_host = b.k_begin_host.data();
  args.k_count_host = b.k_count_host.data();
  args.longest = b.longest;
  args.window = spec_.window[static_cast<std::size_t>(index_)];
  args.scale = 1.0 / std::sqrt(double(spec_.head_width));
  ops.attention(args);
}

void Layer::forward_inner(Ops& ops, const BatchView& b, bool training, Tensor r, Tensor delta,
                          const Activations& a, const LayerSaved& s) const {
  const Tensor sum1 = delta ? s.sum1 : r;
  apply_norm(ops, r, delta, s.sum1, weights_.norm1, s.h1, s.rstd1, spec_.norm_eps);
  attention_forward(ops, b, training, a, s);
  const lora_linear_args o[] = {forward_of(P::kO, b, training, flat(s.o), a.out, s)};
  ops.linear(o, 1);
  apply_norm(ops, sum1, a.out, s.sum2, weights_.norm2, s.h2, s.rstd2, spec_.norm_eps);

  if (spec_.fused_gate_up) {
    const lora_linear_args gate_up[] = {forward_of(P::kGateUp, b, training, s.h2, a.gate_up, s)};
    ops.linear(gate_up, 1);
    ops.split(columns(a.gate_up, {s.gate, s.up}));
  } else {
    const lora_linear_args gate_up[] = {forward_of(P::kGate, b, training, s.h2, s.gate, s),
                                        forward_of(P::kUp, b, training, s.h2, s.up, s)};
    ops.linear(gate_up, 2);
  }
  apply_swiglu(ops, s);
}

void Layer::forward(Ops& ops, const BatchView& b, bool training, Tensor r, Tensor delta, const Activations& a,
                    const LayerSaved& s) const {
  forward_inner(ops, b, training, r, delta, a, s);
  const lora_linear_args down[] = {forward_of(P::kDown, b, training, s.h, a.out, s)};
  ops.linear(down, 1);
}

void Layer::attention_backward(Ops& ops, const BatchView& b, const Activations& a,
                               const LayerSaved& s) const {
  lora_attention_bwd_args args{};
  args.q = s.q;
  args.k = s.k;
  args.v = s.v;
  args.o = s.o;
  args.lse = s.lse;
  args.dout = a.dout;
  args.dq = a.dq;
  args.dk = a.dk;
  args.dv = a.dv;
  args.q_begin = b.q_begin;
  args.q_begin_host = b.q_begin_host.data();
  args.longest = b.longest;
  args.window = spec_.window[static_cast<std::size_t>(index_)];
  args.scale = 1.0 / std::sqrt(double(spec_.head_width));
  ops.attention_bwd(args);

  lora_rope_args rope{};
  rope.q = a.dq;
  rope.k = a.dk;
  rope.cos = a.cos;
  rope.sin = a.sin;
  rope.sign = -1;
  ops.rope(rope);
  if (spec_.qk_norm) {
    const Tensor dq = heads_as_rows(a.dq), dk = heads_as_rows(a.dk);
    apply_norm_bwd(ops, dq, heads_as_rows(s.q_raw), weights_.q_norm, s.rstd_q, {}, dq);
    apply_norm_bwd(ops, dk, heads_as_rows(s.k_raw), weights_.k_norm, s.rstd_k, {}, dk);
  }
}

void Layer::backward(Ops& ops, const BatchView& b, std::int32_t lowest, const Activations& a,
                     const LayerSaved& s) const {
  // The gradient by a stage's input is wanted when anything before that stage trains.
  const std::int32_t first = index_ * Adapters::kStagesPerLayer;
  const auto wanted = [&](int stage) { return lowest < first + stage; };

  if (s.recompute == Recompute::kCheap) {
    apply_swiglu(ops, s);
  } else if (s.recompute == Recompute::kLayer) {
    forward_inner(ops, b, true, s.sum1 ? s.sum1 : a.x0, {}, a, s);
  }
  const lora_linear_bwd_args down[] = {
      backward_of(P::kDown, b, a.dres, s.h, wanted(3) ? a.dwide : Tensor(), LORA_OVERWRITE, s)};
  ops.linear_bwd(down, 1);
  if (!wanted(3)) {
    return;
  }

  lora_swiglu_bwd_args swiglu{};
  swiglu.gate = s.gate;
  swiglu.up = s.up;
  swiglu.dh = a.dwide;
  swiglu.dgate = s.gate;
  swiglu.dup = s.up;
  ops.swiglu_bwd(swiglu);
  Tensor dx = wanted(2) ? a.dx : Tensor();
  if (s.recompute == Recompute::kCheap) {
    apply_norm(ops, s.sum2, {}, {}, weights_.norm2, s.h2, s.rstd2, spec_.norm_eps);
  }
  if (spec_.fused_gate_up) {
    ops.join(columns(a.dgate_up, {s.gate, s.up}));
    const lora_linear_bwd_args gate_up[] = {
        backward_of(P::kGateUp, b, a.dgate_up, s.h2, dx, LORA_OVERWRITE, s)};
    ops.linear_bwd(gate_up, 1);
  } else {
    const lora_linear_bwd_args gate_up[] = {backward_of(P::kGate, b, s.gate, s.h2, dx, LORA_OVERWRITE, s),
                                            backward_of(P::kUp, b, s.up, s.h2, dx, LORA_ADD, s)};
    ops.linear_bwd(gate_up, 2);
  }
  if (!wanted(2)) {
    return;
  }
  apply_norm_bwd(ops, a.dx, s.sum2, weights_.norm2, s.rstd2, a.dres, a.dres);

  const lora_linear_bwd_args o[] = {
      backward_of(P::kO, b, a.dres, flat(s.o), wanted(1) ? flat(a.dout) : Tensor(), LORA_OVERWRITE, s)};
  ops.linear_bwd(o, 1);
  if (!wanted(1)) {
    return;
  }

  attention_backward(ops, b, a, s);
  dx = wanted(0) ? a.dx : Tensor();
  if (s.recompute == Recompute::kCheap) {
    apply_norm(ops, s.sum1 ? s.sum1 : a.x0, {}, {}, weights_.norm1, s.h1, s.rstd1, spec_.norm_eps);
  }
  if (spec_.fused_qkv) {
    ops.join(columns(a.dqkv, {flat(a.dq), flat(a.dk), flat(a.dv)}));
    const lora_linear_bwd_args qkv[] = {backward_of(P::kQkv, b, a.dqkv, s.h1, dx, LORA_OVERWRITE, s)};
    ops.linear_bwd(qkv, 1);
  } else {
    const lora_linear_bwd_args qkv[] = {backward_of(P::kQ, b, flat(a.dq), s.h1, dx, LORA_OVERWRITE, s),
                                        backward_of(P::kK, b, flat(a.dk), s.h1, dx, LORA_ADD, s),
                                        backward_of(P::kV, b, flat(a.dv), s.h1, dx, LORA_ADD, s)};
    ops.linear_bwd(qkv, 3);
  }
  if (!wanted(0)) {
    return;
  }
  apply_norm_bwd(ops, a.dx, s.sum1, weights_.norm1, s.rstd1, a.dres, a.dres);
}

}  // namespace lora
