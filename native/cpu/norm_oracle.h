// RMSNorm with its residual add, and its gradient, row by row. Derivation in docs/math/norm.md.
#ifndef LORA_CPU_NORM_ORACLE_H
#define LORA_CPU_NORM_ORACLE_H

#include <cmath>

#include "cpu/oracle_values.h"

namespace lora::cpu {

// sum = r + delta;  rstd = 1 / sqrt(mean(sum^2) + eps);  y = sum * rstd * w
template <class Real, class Store>
void norm_oracle(const lora_norm_args& a) {
  const std::int64_t D = a.w.shape[0], T = elements_of(a.y) / D;
  const Store* w = data<Store>(a.w);
  for (std::int64_t t = 0; t < T; ++t) {
    const Store* x = data<Store>(a.r) + t * D;
    if (a.delta.data != nullptr) {
      const Store* delta = data<Store>(a.delta) + t * D;
      Store* sum = data<Store>(a.sum) + t * D;
      for (std::int64_t d = 0; d < D; ++d) set(sum[d], value<Real>(x[d]) + value<Real>(delta[d]));
      x = sum;
    }
    Real squares = 0;
    for (std::int64_t d = 0; d < D; ++d) squares += value<Real>(x[d]) * value<Real>(x[d]);
    const Real rstd = 1 / std::sqrt(squares / Real(D) + Real(a.eps));
    data<Real>(a.rstd)[t] = rstd;
    Store* y = data<Store>(a.y) + t * D;
    for (std::int64_t d = 0; d < D; ++d) set(y[d], value<Real>(x[d]) * rstd * value<Real>(w[d]));
  }
}

// dx = rstd * (dy * w - xhat * mean(dy * w * xhat)) + dsum,  xhat = sum * rstd
template <class Real, class Store>
void norm_bwd_oracle(const lora_norm_bwd_args& a) {
  const std::int64_t D = a.w.shape[0], T = elements_of(a.dx) / D;
  const Store* w = data<Store>(a.w);
  for (std::int64_t t = 0; t < T; ++t) {
    const Store *dy = data<Store>(a.dy) + t * D, *x = data<Store>(a.sum) + t * D;
    const Store* dsum = a.dsum.data == nullptr ? nullptr : data<Store>(a.dsum) + t * D;
    Store* dx = data<Store>(a.dx) + t * D;
    const Real rstd = data<Real>(a.rstd)[t];
    Real mean = 0;
    for (std::int64_t d = 0; d < D; ++d) {
      mean += value<Real>(dy[d]) * value<Real>(w[d]) * value<Real>(x[d]) * rstd / Real(D);
    }
    for (std::int64_t d = 0; d < D; ++d) {
      const Real inner = value<Real>(dy[d]) * value<Real>(w[d]) - value<Real>(x[d]) * rstd * mean;
      set(dx[d], rstd * inner + (dsum == nullptr ? Real(0) : value<Real>(dsum[d])));
    }
  }
}

}  // namespace lora::cpu
#endif
