// How the oracle reads and writes elements: Real is what it computes in, Store what the tensors hold, Kept what the
// results between two products are kept in: Real, or Store as in programs that put every one of them into a tensor.
#ifndef LORA_CPU_ORACLE_VALUES_H
#define LORA_CPU_ORACLE_VALUES_H

#include <cstdint>

#include "abi/backend.h"
#include "base/dtype.h"

namespace lora::cpu {

template <class Real>
Real value(Real x) {
  return x;
}
template <class Real>
Real value(bf16 x) {
  return to_f32(x);
}

inline void set(double& to, double x) { to = x; }
inline void set(float& to, float x) { to = x; }
inline void set(bf16& to, float x) { to = to_bf16(x); }

// What is left of an intermediate result once it has been kept as Kept.
template <class Kept, class Real>
Real kept(Real x) {
  Kept held;
  set(held, x);
  return value<Real>(held);
}

template <class T>
T* data(const lora_tensor& t) {
  return static_cast<T*>(t.data);
}

inline std::int64_t width_of(const lora_tensor& t) { return t.shape[t.dims - 1]; }

// The row's own slot, or -1.
inline std::int32_t slot_at(const lora_route& route, std::int64_t t) {
  std::int32_t segment = 0;
  while (t >= route.begin[segment + 1]) ++segment;
  return route.slot[segment];
}

}  // namespace lora::cpu
#endif
