// The linear with adapters, written for reading: three loops and the formula. In <double, double> this is the truth
// that every backend is compared with; in <float, float> and <float, bf16> what plain code loses, which is the budget
// of the fast code; in <float, bf16, bf16> what the usual framework loses, which puts drop(x), u and g into tensors. Derivation in docs/math/linear.md.
#ifndef LORA_CPU_LINEAR_ORACLE_H
#define LORA_CPU_LINEAR_ORACLE_H

#include <cstdint>
#include <vector>

#include "cpu/linear_drop.h"
#include "cpu/oracle_values.h"

namespace lora::cpu {

// The pair of one row: A [R,K] and B [N,R] of its slot, rank 0 where it has none.
template <class Store>
struct RowPair {
  const Store *a, *b;
  std::int64_t rank, slab;
  double       scale;

  RowPair(const lora_pair& pair, std::int32_t slot)
      : rank(pair.a == nullptr || slot < 0 ? 0 : pair.rank), slab(rank == 0 ? 0 : slot * pair.slot_stride) {
    a = static_cast<const Store*>(pair.a) + slab;
    b = static_cast<const Store*>(pair.b) + slab;
    scale = rank == 0 ? 0 : pair.scale[slot];
  }
};

// y = x W^T + bias + scale * u B^T,  u = drop(x) A^T
template <class Real, class Store, class Kept = Real>
void linear_oracle(const lora_linear_args* same_x, int count) {
  for (const lora_linear_args* args = same_x; args != same_x + count; ++args) {
    const std::int64_t T = args->x.shape[0], K = args->x.shape[1], N = args->w.codes.shape[0];
    const Store *x = data<Store>(args->x), *w = data<Store>(args->w.codes), *bias = data<Store>(args->bias);
    const std::int64_t R = args->pair.a == nullptr ? 0 : args->pair.rank;
    const std::vector<std::int32_t> slots =
        R == 0 ? std::vector<std::int32_t>(T, -1) : slot_of_rows(args->route, T);

    for (std::int64_t t = 0; t < T; ++t) {
      const RowPair<Store> pair(args->pair, slots[t]);
      std::vector<Real> u(R, Real(0));
      for (std::int64_t r = 0; r < R; ++r) {
        for (std::int64_t k = 0; pair.rank > 0 && k < K; ++k) {
          u[r] += kept<Kept>(drop_factor<Real>(args->pair, args->route, slots[t], t, k) * value<Real>(x[t * K + k])) *
                  value<Real>(pair.a[r * K + k]);
        }
        u[r] = kept<Kept>(u[r]);
        if (args->u.data != nullptr) set(data<Store>(args->u)[t * R + r], u[r]);
      }

      for (std::int64_t n = 0; n < N; ++n) {
        Real base = 0, low = 0;
        for (std::int64_t k = 0; k < K; ++k) base += value<Real>(x[t * K + k]) * value<Real>(w[n * K + k]);
        for (std::int64_t r = 0; r < pair.rank; ++r) low += u[r] * value<Real>(pair.b[n * R + r]);
        const Real y = base + (bias == nullptr ? Real(0) : value<Real>(bias[n])) + Real(pair.scale) * low;
        if (args->y.dtype == args->x.dtype) set(data<Store>(args->y)[t * N + n], y);
        else data<Real>(args->y)[t * N + n] = y;
      }
    }
  }
}

// g = scale * dy B;  dx (+)= dy W + drop'(g A);  dA += g^T drop(x);  dB += scale * dy^T u
template <class Real, class Store, class Kept = Real>
void linear_bwd_oracle(const lora_linear_bwd_args* same_x, int count) {
  for (const lora_linear_bwd_args* args = same_x; args != same_x + count; ++args) {
    const std::int64_t T = args->dy.shape[0], N = args->w.codes.shape[0], K = args->w.codes.shape[1];
    const Store *dy = data<Store>(args->dy), *x = data<Store>(args->x), *u = data<Store>(args->u);
    const Store* w = data<Store>(args->w.codes);
    Store* dx = data<Store>(args->dx);
    const std::int64_t R = args->pair.a == nullptr ? 0 : args->pair.rank;
    const std::vector<std::int32_t> slots =
        R == 0 ? std::vector<std::int32_t>(T, -1) : slot_of_rows(args->route, T);

    for (std::int64_t t = 0; t < T; ++t) {
      const RowPair<Store> pair(args->pair, slots[t]);
      const Real scale = Real(pair.scale);
      auto drop = [&](std::int64_t k) { return drop_factor<Real>(args->pair, args->route, slots[t], t, k); };
      std::vector<Real> g(pair.rank, Real(0));
      for (std::int64_t r = 0; r < pair.rank; ++r) {
        for (std::int64_t n = 0; n < N; ++n) g[r] += scale * value<Real>(dy[t * N + n]) * value<Real>(pair.b[n * R + r]);
        g[r] = kept<Kept>(g[r]);
      }

      for (std::int64_t k = 0; dx != nullptr && k < K; ++k) {
        Real sum = args->dx_write == LORA_ADD ? value<Real>(dx[t * K + k]) : Real(0), low = 0;
        for (std::int64_t n = 0; n < N; ++n) sum += value<Real>(dy[t * N + n]) * value<Real>(w[n * K + k]);
        for (std::int64_t r = 0; r < pair.rank; ++r) low += g[r] * value<Real>(pair.a[r * K + k]);
        set(dx[t * K + k], pair.rank == 0 ? sum : sum + drop(k) * low);
      }

      if (pair.rank == 0 || args->pair.da == nullptr) continue;
      Real *da = static_cast<Real*>(args->pair.da) + pair.slab, *db = static_cast<Real*>(args->pair.db) + pair.slab;
      for (std::int64_t k = 0; k < K; ++k) {
        const Real dropped = kept<Kept>(drop(k) * value<Real>(x[t * K + k]));
        for (std::int64_t r = 0; r < R; ++r) da[r * K + k] += g[r] * dropped;
      }
      for (std::int64_t n = 0; n < N; ++n) {
        for (std::int64_t r = 0; r < R; ++r) {
          db[n * R + r] += scale * value<Real>(dy[t * N + n]) * value<Real>(u[t * R + r]);
        }
      }
    }
  }
}

}  // namespace lora::cpu
#endif
