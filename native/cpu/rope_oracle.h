// Rotary positions (Su et al. 2021): the table of angles and the rotation. Derivation in docs/math/rope.md.
#ifndef LORA_CPU_ROPE_ORACLE_H
#define LORA_CPU_ROPE_ORACLE_H

#include <cmath>

#include "cpu/oracle_values.h"

namespace lora::cpu {

template <class Real>
void rope_table_oracle(const lora_rope_table_args& a) {
  const std::int64_t T = a.cos.shape[0], I = a.cos.shape[1];
  const std::int32_t* variant = data<std::int32_t>(a.variant);
  for (std::int64_t t = 0; t < T; ++t) {
    const double* inv_freq = data<double>(a.inv_freq) + (variant == nullptr ? 0 : variant[t]) * I;
    for (std::int64_t i = 0; i < I; ++i) {
      const double angle = data<std::int32_t>(a.position)[t] * inv_freq[i];
      data<Real>(a.cos)[t * I + i] = static_cast<Real>(a.amplitude * std::cos(angle));
      data<Real>(a.sin)[t * I + i] = static_cast<Real>(a.amplitude * std::sin(angle));
    }
  }
}

// (x_i, x_{i+I}) -> (x_i cos - x_{i+I} sin, x_{i+I} cos + x_i sin), the sine's sign turned for the backward
// pass.
template <class Real, class Store>
void rope_oracle(const lora_rope_args& a) {
  const std::int64_t I = a.cos.shape[1];
  for (const lora_tensor* x : {&a.q, &a.k}) {
    if (x->data == nullptr) continue;
    const std::int64_t T = x->shape[0], heads = x->shape[1], E = x->shape[2];
    for (std::int64_t t = 0; t < T; ++t) {
      const Real *cos = data<Real>(a.cos) + t * I, *sin = data<Real>(a.sin) + t * I;
      for (std::int64_t h = 0; h < heads; ++h) {
        Store* row = data<Store>(*x) + (t * heads + h) * E;
        for (std::int64_t i = 0; i < I; ++i) {
          const Real low = value<Real>(row[i]), high = value<Real>(row[i + I]), s = Real(a.sign) * sin[i];
          set(row[i], low * cos[i] - high * s);
          set(row[i + I], high * cos[i] + low * s);
        }
      }
    }
  }
}

}  // namespace lora::cpu
#endif
