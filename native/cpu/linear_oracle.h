// The linear with adapters, written for reading: three loops and the formula. With Real = double this is the truth
// that every backend is compared with. Every tensor is Real; scale and drop stay f32 as the contract has them.
#ifndef LORA_CPU_LINEAR_ORACLE_H
#define LORA_CPU_LINEAR_ORACLE_H

#include <cstdint>
#include <vector>

#include "abi/backend.h"
#include "cpu/linear_drop.h"

namespace lora::cpu {

// y = x W^T + bias + scale * u B^T,  u = drop(x) A^T
template <class Real>
void linear_oracle(const lora_linear_args* same_x, int count) {
  for (const lora_linear_args* args = same_x; args != same_x + count; ++args) {
    const std::int64_t T = args->x.shape[0], K = args->x.shape[1], N = args->w.codes.shape[0];
    const std::int64_t R = args->pair.a == nullptr ? 0 : args->pair.rank;
    const Real *x = static_cast<const Real*>(args->x.data), *w = static_cast<const Real*>(args->w.codes.data);
    const Real* bias = static_cast<const Real*>(args->bias.data);
    Real *y = static_cast<Real*>(args->y.data), *u = static_cast<Real*>(args->u.data);
    const std::vector<std::int32_t> slots =
        R == 0 ? std::vector<std::int32_t>(T, -1) : slot_of_rows(args->route, T);

    std::vector<Real> row_u(R);
    for (std::int64_t t = 0; t < T; ++t) {
      const std::int32_t slot = slots[t];
      const Real* a = static_cast<const Real*>(args->pair.a) + (slot < 0 ? 0 : slot * args->pair.slot_stride);
      const Real* b = static_cast<const Real*>(args->pair.b) + (slot < 0 ? 0 : slot * args->pair.slot_stride);

      for (std::int64_t r = 0; r < R; ++r) {
        row_u[r] = 0;
        for (std::int64_t k = 0; slot >= 0 && k < K; ++k) {
          row_u[r] += drop_factor<Real>(args->pair, args->route, slot, t, k) * x[t * K + k] * a[r * K + k];
        }
        if (u != nullptr) u[t * R + r] = row_u[r];
      }

      for (std::int64_t n = 0; n < N; ++n) {
        Real base = 0, low = 0;
        for (std::int64_t k = 0; k < K; ++k) base += x[t * K + k] * w[n * K + k];
        for (std::int64_t r = 0; slot >= 0 && r < R; ++r) low += row_u[r] * b[n * R + r];
        y[t * N + n] = base + (bias == nullptr ? Real(0) : bias[n]);
        if (slot >= 0 && R > 0) y[t * N + n] += Real(args->pair.scale[slot]) * low;
      }
    }
  }
}

// g = scale * dy B;  dx (+)= dy W + drop'(g A);  dA += g^T drop(x);  dB += scale * dy^T u
template <class Real>
void linear_bwd_oracle(const lora_linear_bwd_args* same_x, int count) {
  for (const lora_linear_bwd_args* args = same_x; args != same_x + count; ++args) {
    const std::int64_t T = args->dy.shape[0], N = args->w.codes.shape[0], K = args->w.codes.shape[1];
    const std::int64_t R = args->pair.a == nullptr ? 0 : args->pair.rank;
    const Real *dy = static_cast<const Real*>(args->dy.data), *x = static_cast<const Real*>(args->x.data);
    const Real *u = static_cast<const Real*>(args->u.data), *w = static_cast<const Real*>(args->w.codes.data);
    Real* dx = static_cast<Real*>(args->dx.data);
    const std::vector<std::int32_t> slots =
        R == 0 ? std::vector<std::int32_t>(T, -1) : slot_of_rows(args->route, T);

    std::vector<Real> g(R);
    for (std::int64_t t = 0; t < T; ++t) {
      const std::int32_t slot = slots[t];
      const std::int64_t slab = slot < 0 ? 0 : slot * args->pair.slot_stride;
      const Real *a = static_cast<const Real*>(args->pair.a) + slab, *b = static_cast<const Real*>(args->pair.b) + slab;
      const Real scale = slot < 0 || R == 0 ? Real(0) : Real(args->pair.scale[slot]);

      for (std::int64_t r = 0; r < R; ++r) {
        g[r] = 0;
        for (std::int64_t n = 0; slot >= 0 && n < N; ++n) g[r] += scale * dy[t * N + n] * b[n * R + r];
      }

      for (std::int64_t k = 0; dx != nullptr && k < K; ++k) {
        Real base = 0, low = 0;
        for (std::int64_t n = 0; n < N; ++n) base += dy[t * N + n] * w[n * K + k];
        for (std::int64_t r = 0; slot >= 0 && r < R; ++r) low += g[r] * a[r * K + k];
        if (slot >= 0 && R > 0) base += drop_factor<Real>(args->pair, args->route, slot, t, k) * low;
        dx[t * K + k] = (args->dx_write == LORA_ADD ? dx[t * K + k] : Real(0)) + base;
      }

      if (slot < 0 || R == 0 || args->pair.da == nullptr) continue;
      Real *da = static_cast<Real*>(args->pair.da) + slab, *db = static_cast<Real*>(args->pair.db) + slab;
      for (std::int64_t k = 0; k < K; ++k) {
        const Real dropped = drop_factor<Real>(args->pair, args->route, slot, t, k) * x[t * K + k];
        for (std::int64_t r = 0; r < R; ++r) da[r * K + k] += g[r] * dropped;
      }
      for (std::int64_t n = 0; n < N; ++n) {
        for (std::int64_t r = 0; r < R; ++r) db[n * R + r] += scale * dy[t * N + n] * u[t * R + r];
      }
    }
  }
}

}  // namespace lora::cpu
#endif
