// h = silu(gate) * up (Shazeer 2020) and its gradient. Derivation in docs/math/swiglu.md.
#ifndef LORA_CPU_SWIGLU_ORACLE_H
#define LORA_CPU_SWIGLU_ORACLE_H

#include <cmath>

#include "cpu/oracle_values.h"

namespace lora::cpu {

template <class Real, class Store>
void swiglu_oracle(const lora_swiglu_args& a) {
  const std::int64_t n = elements_of(a.h);
  for (std::int64_t i = 0; i < n; ++i) {
    const Real gate = value<Real>(data<Store>(a.gate)[i]), up = value<Real>(data<Store>(a.up)[i]);
    set(data<Store>(a.h)[i], gate / (1 + std::exp(-gate)) * up);
  }
}

// s = sigmoid(gate);  dgate = dh * up * s * (1 + gate * (1 - s));  dup = dh * gate * s
template <class Real, class Store>
void swiglu_bwd_oracle(const lora_swiglu_bwd_args& a) {
  const std::int64_t n = elements_of(a.dh);
  for (std::int64_t i = 0; i < n; ++i) {
    const Real gate = value<Real>(data<Store>(a.gate)[i]), up = value<Real>(data<Store>(a.up)[i]);
    const Real dh = value<Real>(data<Store>(a.dh)[i]), s = 1 / (1 + std::exp(-gate));
    set(data<Store>(a.dgate)[i], dh * up * s * (1 + gate * (1 - s)));
    set(data<Store>(a.dup)[i], dh * gate * s);
  }
}

}  // namespace lora::cpu
#endif
