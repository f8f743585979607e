// h = silu(gate) * up and its gradient, on vectors. Included by ops_<isa>.cc; formulas in swiglu_oracle.h.
#ifndef LORA_CPU_SWIGLU_IMPL_H
#define LORA_CPU_SWIGLU_IMPL_H

#include "cpu/vec.h"

namespace lora::cpu::LORA_VEC_NS {

constexpr std::int64_t kShare = 8192;  // elements a thread takes at least; a multiple of every vector

// body(first, lanes) over n elements, split at multiples of kLanes so that every element is always computed
// in the same lane with the same neighbours.
template <class Body>
void elements(CpuContext& context, std::int64_t n, Body&& body) {
  const std::int64_t blocks = (n + kLanes - 1) / kLanes;
  context.pool.parallel_for(blocks, kShare / kLanes, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t b = begin; b < end; ++b) {
      const std::int64_t at = b * kLanes;
      body(at, n - at < kLanes ? static_cast<int>(n - at) : kLanes);
    }
  });
}

template <class Store>
void swiglu(CpuContext& context, const lora_swiglu_args& a) {
  const Store *gate = static_cast<const Store*>(a.gate.data), *up = static_cast<const Store*>(a.up.data);
  Store* h = static_cast<Store*>(a.h.data);
  elements(context, elements_of(a.h), [&](std::int64_t i, int n) {
    const Vf g = load_n(gate + i, n);
    store_n(h + i, g * sigmoid(g) * load_n(up + i, n), n);
  });
}

template <class Store>
void swiglu_bwd(CpuContext& context, const lora_swiglu_bwd_args& a) {
  const Store *gate = static_cast<const Store*>(a.gate.data), *up = static_cast<const Store*>(a.up.data);
  const Store* dh = static_cast<const Store*>(a.dh.data);
  Store *dgate = static_cast<Store*>(a.dgate.data), *dup = static_cast<Store*>(a.dup.data);
  elements(context, elements_of(a.dh), [&](std::int64_t i, int n) {
    const Vf g = load_n(gate + i, n), u = load_n(up + i, n), d = load_n(dh + i, n), s = sigmoid(g);
    store_n(dgate + i, d * u * s * (1.0f + g * (1.0f - s)), n);
    store_n(dup + i, d * g * s, n);
  });
}

}  // namespace lora::cpu::LORA_VEC_NS

#endif
