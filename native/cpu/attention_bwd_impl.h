// Attention backward in tiles: probabilities are made again from the kept log-sum-exp. Included by
// ops_<isa>.cc; formulas in docs/math/attention.md.
//
// One item of work is one sequence with one query head. It walks blocks of queries, and for each the tiles of
// keys that they see; dq of a block is finished there, dk and dv of the head are sums in scratch of [T, E]
// that are added over the heads that share a key head at the end, in order. So results do not depend on the
// number of threads.
#ifndef LORA_CPU_ATTENTION_BWD_IMPL_H
#define LORA_CPU_ATTENTION_BWD_IMPL_H

#include "cpu/attention_impl.h"

namespace lora::cpu::LORA_VEC_NS {

struct BackwardScratch {
  float *q, *dout, *q_turned, *dout_turned, *keys, *values, *p, *ds, *dq, *lse, *through;
  Sight sight;

  static std::int64_t floats(std::int64_t E, std::int64_t Ep) {
    return kQueryRows * (3 * Ep + 2 * E + 4) + 2 * kKeys * (Ep + kQueryRows);
  }
  BackwardScratch(float* at, std::int64_t E, std::int64_t Ep) {
    const auto take = [&at](std::int64_t n) { return (at += n) - n; };
    q = take(kQueryRows * Ep);
    dout = take(kQueryRows * Ep);
    dq = take(kQueryRows * Ep);
    q_turned = take(kQueryRows * E);
    dout_turned = take(kQueryRows * E);
    lse = take(kQueryRows);
    through = take(kQueryRows);
    sight.low = reinterpret_cast<std::int32_t*>(take(kQueryRows));
    sight.high = reinterpret_cast<std::int32_t*>(take(kQueryRows));
    keys = take(kKeys * Ep);
    values = take(kKeys * Ep);
    p = take(kKeys * kQueryRows);
    ds = take(kKeys * kQueryRows);
  }
};

// scores -> p = e^(score - lse);  ds = p * (ds - through), where ds holds dout v^T. Both [keys, rows].
inline void backward_scores(float* p, float* ds, std::int64_t padded, std::int64_t count, const float* lse,
                            const float* through) {
  for (std::int64_t r = 0; r < padded; r += kLanes) {
    const Vf top = load(lse + r), less = load(through + r);
    for (std::int64_t j = 0; j < count; ++j) {
      const Vf x = exp(load(p + j * padded + r) - top);
      store(p + j * padded + r, x);
      store(ds + j * padded + r, x * (load(ds + j * padded + r) - less));
    }
  }
}

// Queries [first, first + rows) of sequence s at head h; dk and dv are this head's sums, rows of Ep from the
// sequence's first.
template <class Store>
inline void attention_bwd_block(const lora_attention_bwd_args& a, std::int64_t s, std::int64_t h,
                                std::int64_t first, std::int64_t rows, BackwardScratch& w, float* dk,
                                float* dv) {
  const std::int64_t T = a.q.shape[0], H = a.q.shape[1], E = a.q.shape[2], G = a.k.shape[1];
  const std::int64_t Ep = round_up(E, kLanes), padded = round_up(rows, kLanes),
                     t0 = a.q_begin_host[s] + first;
  const float scale = static_cast<float>(a.scale);
  w.sight.set(rows, padded, first, 1, 0, a.window);
  std::memset(w.q_turned, 0, sizeof(float) * static_cast<std::size_t>(E * padded));
  std::memset(w.dout_turned, 0, sizeof(float) * static_cast<std::size_t>(E * padded));
  for (std::int64_t r = 0; r < padded; ++r) {
    w.lse[r] = __builtin_inff();  // padding has probability 0
    w.through[r] = 0;
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t at = ((t0 + r) * H + h) * E;
    const Store* o = static_cast<const Store*>(a.o.data) + at;
    float *q = w.q + r * Ep, *dout = w.dout + r * Ep;
    widen_row(static_cast<const Store*>(a.q.data) + at, E, scale, q);
    widen_row(static_cast<const Store*>(a.dout.data) + at, E, 1.0f, dout);
    Vf dots{};
    columns(E, [&](std::int64_t e, int lanes) { dots = fma(load(dout + e), load_n(o + e, lanes), dots); });
    w.through[r] = sum(dots);
    w.lse[r] = static_cast<const float*>(a.lse.data)[h * T + t0 + r];
    for (std::int64_t e = 0; e < E; ++e) {
      w.q_turned[e * padded + r] = q[e];
      w.dout_turned[e * padded + r] = dout[e];
    }
  }
  const std::int64_t step = G * E, base = (a.q_begin_host[s] * G + h / (H / G)) * E;
  for (std::int64_t k0 = w.sight.lowest; k0 <= w.sight.highest; k0 += kKeys) {
    const std::int64_t tile = w.sight.highest + 1 - k0 < kKeys ? w.sight.highest + 1 - k0 : kKeys;
    widen_keys(static_cast<const Store*>(a.k.data) + base + k0 * step, step, tile, E, Ep, w.keys);
    widen_keys(static_cast<const Store*>(a.v.data) + base + k0 * step, step, tile, E, Ep, w.values);
    small_product<Left::kRows>(tile, padded, E, w.keys, Ep, w.q_turned, padded, w.p, padded, false);
    if (w.sight.partial(k0, tile)) hide(w.p, padded, k0, tile, w.sight);
    small_product<Left::kRows>(tile, padded, E, w.values, Ep, w.dout_turned, padded, w.ds, padded, false);
    backward_scores(w.p, w.ds, padded, tile, w.lse, w.through);
    small_product<Left::kRows>(tile, Ep, rows, w.p, padded, w.dout, Ep, dv + k0 * Ep, Ep, true);
    small_product<Left::kRows>(tile, Ep, rows, w.ds, padded, w.q, Ep, dk + k0 * Ep, Ep, true);
    small_product<Left::kTurned>(rows, Ep, tile, w.ds, padded, w.keys, Ep, w.dq, Ep, k0 != w.sight.lowest);
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    narrow_row(w.dq + r * Ep, E, scale, static_cast<Store*>(a.dq.data) + ((t0 + r) * H + h) * E);
  }
}

template <class Store>
void attention_bwd(CpuContext& context, const lora_attention_bwd_args& a) {
  const std::int64_t T = a.q.shape[0], H = a.q.shape[1], E = a.q.shape[2], G = a.k.shape[1], group = H / G;
  const std::int64_t Q = a.q_begin.shape[0] - 1, Ep = round_up(E, kLanes);
  if (T == 0 || E == 0) return;
  const Workspace::Scope scope(context.workspace);
  const std::int64_t each = round_up(BackwardScratch::floats(E, Ep), 16);
  float* scratch = context.workspace.take<float>(each * context.pool.threads());
  float *dk = context.workspace.take<float>(H * T * Ep), *dv = context.workspace.take<float>(H * T * Ep);
  std::int32_t* order = context.workspace.take<std::int32_t>(Q);
  for (std::int64_t s = 0; s < Q; ++s) order[s] = static_cast<std::int32_t>(s);
  std::sort(order, order + Q, [&](std::int32_t x, std::int32_t y) {  // the longest first: better balanced
    const std::int32_t nx = a.q_begin_host[x + 1] - a.q_begin_host[x],
                       ny = a.q_begin_host[y + 1] - a.q_begin_host[y];
    return nx != ny ? nx > ny : x < y;
  });

  context.pool.parallel_for_dynamic(Q * H, 1, [&](std::int64_t begin, std::int64_t end, int worker) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t s = order[i / H], h = i % H, from = a.q_begin_host[s],
                         n = a.q_begin_host[s + 1] - from;
      BackwardScratch w(scratch + worker * each, E, Ep);
      float *head_dk = dk + (h * T + from) * Ep, *head_dv = dv + (h * T + from) * Ep;
      std::memset(head_dk, 0, sizeof(float) * static_cast<std::size_t>(n * Ep));
      std::memset(head_dv, 0, sizeof(float) * static_cast<std::size_t>(n * Ep));
      for (std::int64_t first = 0; first < n; first += kQueryRows) {
        attention_bwd_block<Store>(a, s, h, first, n - first < kQueryRows ? n - first : kQueryRows, w,
                                   head_dk, head_dv);
      }
    }
  });

  context.pool.parallel_for(T, rows_per_share(2 * H * E), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin * G; i < end * G; ++i) {
      const std::int64_t t = i / G, g = i % G;
      for (const auto& [from, out] : {std::pair{dk, a.dk.data}, std::pair{dv, a.dv.data}}) {
        float* sums = from + (g * group * T + t) * Ep;
        for (std::int64_t h = 1; h < group; ++h) {
          const float* other = from + ((g * group + h) * T + t) * Ep;
          for (std::int64_t e = 0; e < Ep; e += kLanes) store(sums + e, load(sums + e) + load(other + e));
        }
        narrow_row(sums, E, 1.0f, static_cast<Store*>(out) + (t * G + g) * E);
      }
    }
  });
}

}  // namespace lora::cpu::LORA_VEC_NS

#endif
