// Causal attention over packed sequences and its gradient, one query row at a time. With Kept other than Real the
// probabilities and the gradient of the scores, left sides of products, are kept in it. Derivation in
// docs/math/attention.md.
#ifndef LORA_CPU_ATTENTION_ORACLE_H
#define LORA_CPU_ATTENTION_ORACLE_H

#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/oracle_values.h"

namespace lora::cpu {

// One query row and the keys it sees: row t of q at head h, rows k_first + [low, high] of k at head g.
struct SeenKeys {
  std::int64_t low, high;
};

// Query i of n stands at position i + (keys - n) of its sequence.
inline SeenKeys seen_keys(std::int64_t i, std::int64_t n, std::int64_t keys, std::int64_t window) {
  const std::int64_t position = i + keys - n;
  return {window > 0 ? std::max<std::int64_t>(0, position - window + 1) : 0, position};
}

template <class Real, class Store>
Real dot_rows(const Store* x, const Store* y, std::int64_t n) {
  Real sum = 0;
  for (std::int64_t e = 0; e < n; ++e) sum += value<Real>(x[e]) * value<Real>(y[e]);
  return sum;
}

template <class Real, class Store, class Kept = Real>
void attention_oracle(const lora_attention_args& a) {
  const std::int64_t T = a.q.shape[0], H = a.q.shape[1], E = a.q.shape[2], G = a.k.shape[1],
                     Q = a.k_count.shape[0];
  for (std::int64_t s = 0; s < Q; ++s) {
    const std::int64_t first = a.q_begin_host[s], n = a.q_begin_host[s + 1] - first, keys = a.k_count_host[s];
    for (std::int64_t i = 0; i < n; ++i) {
      const SeenKeys seen = seen_keys(i, n, keys, a.window);
      for (std::int64_t h = 0; h < H; ++h) {
        const Store* q = data<Store>(a.q) + ((first + i) * H + h) * E;
        auto row = [&](const lora_tensor& t, std::int64_t j) {
          return data<Store>(t) + ((a.k_begin_host[s] + j) * G + h / (H / G)) * E;
        };
        std::vector<Real> p(static_cast<std::size_t>(seen.high - seen.low + 1));
        for (std::int64_t j = seen.low; j <= seen.high; ++j)
          p[j - seen.low] = Real(a.scale) * dot_rows<Real>(q, row(a.k, j), E);
        const Real top = *std::max_element(p.begin(), p.end());
        Real sum = 0;
        for (Real& x : p) sum += x = std::exp(x - top);
        for (std::int64_t e = 0; e < E; ++e) {
          Real o = 0;
          for (std::int64_t j = seen.low; j <= seen.high; ++j)
            o += kept<Kept>(p[j - seen.low]) * value<Real>(row(a.v, j)[e]);
          set(data<Store>(a.o)[((first + i) * H + h) * E + e], o / sum);
        }
        if (a.lse.data != nullptr) data<Real>(a.lse)[h * T + first + i] = top + std::log(sum);
      }
    }
  }
}

// p = exp(scale * q k - lse);  dp = dout v;  ds = p * (dp - dout o);
// dq = scale * ds k;  dk = scale * ds^T q;  dv = p^T dout
template <class Real, class Store, class Kept = Real>
void attention_bwd_oracle(const lora_attention_bwd_args& a) {
  const std::int64_t T = a.q.shape[0], H = a.q.shape[1], E = a.q.shape[2], G = a.k.shape[1],
                     Q = a.q_begin.shape[0] - 1;
  std::vector<Real> dk(static_cast<std::size_t>(T * G * E)), dv(dk.size()), dq(static_cast<std::size_t>(E));
  for (std::int64_t s = 0; s < Q; ++s) {
    const std::int64_t first = a.q_begin_host[s], n = a.q_begin_host[s + 1] - first;
    for (std::int64_t i = 0; i < n; ++i) {
      const SeenKeys seen = seen_keys(i, n, n, a.window);
      for (std::int64_t h = 0; h < H; ++h) {
        const std::int64_t at = ((first + i) * H + h) * E;
        const Store *q = data<Store>(a.q) + at, *dout = data<Store>(a.dout) + at;
        const Real through = dot_rows<Real>(dout, data<Store>(a.o) + at, E),
                   lse = data<Real>(a.lse)[h * T + first + i];
        std::fill(dq.begin(), dq.end(), Real(0));
        for (std::int64_t j = seen.low; j <= seen.high; ++j) {
          const std::int64_t key = ((first + j) * G + h / (H / G)) * E;
          const Store *k = data<Store>(a.k) + key, *v = data<Store>(a.v) + key;
          const Real p = std::exp(Real(a.scale) * dot_rows<Real>(q, k, E) - lse);
          const Real ds = Real(a.scale) * kept<Kept>(p * (dot_rows<Real>(dout, v, E) - through)), held = kept<Kept>(p);
          for (std::int64_t e = 0; e < E; ++e) {
            dq[e] += ds * value<Real>(k[e]);
            dk[key + e] += ds * value<Real>(q[e]);
            dv[key + e] += held * value<Real>(dout[e]);
          }
        }
        for (std::int64_t e = 0; e < E; ++e) set(data<Store>(a.dq)[at + e], dq[e]);
      }
    }
  }
  for (std::size_t i = 0; i < dk.size(); ++i) {
    set(data<Store>(a.dk)[i], dk[i]);
    set(data<Store>(a.dv)[i], dv[i]);
  }
}

}  // namespace lora::cpu
#endif
