// Rotary positions in place, on vectors. Included by ops_<isa>.cc; formulas in rope_oracle.h.
#ifndef LORA_CPU_ROPE_IMPL_H
#define LORA_CPU_ROPE_IMPL_H

#include "cpu/vec.h"

namespace lora::cpu::LORA_VEC_NS {

template <class Store>
void rope_rows(CpuContext& context, const lora_tensor& x, const float* cos, const float* sin, std::int64_t I,
               float sign) {
  if (x.data == nullptr) return;
  const std::int64_t T = x.shape[0], heads = x.shape[1], E = x.shape[2];
  context.pool.parallel_for(T, rows_per_share(heads * E), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t th = begin * heads; th < end * heads; ++th) {
      Store* row = static_cast<Store*>(x.data) + th * E;
      const float *c = cos + th / heads * I, *s = sin + th / heads * I;
      columns(I, [&](std::int64_t i, int n) {
        const Vf low = load_n(row + i, n), high = load_n(row + i + I, n);
        const Vf cs = load_n(c + i, n), sn = sign * load_n(s + i, n);
        store_n(row + i, low * cs - high * sn, n);
        store_n(row + i + I, high * cs + low * sn, n);
      });
    }
  });
}

template <class Store>
void rope(CpuContext& context, const lora_rope_args& a) {
  const float *cos = static_cast<const float*>(a.cos.data), *sin = static_cast<const float*>(a.sin.data);
  rope_rows<Store>(context, a.q, cos, sin, a.cos.shape[1], a.sign);
  rope_rows<Store>(context, a.k, cos, sin, a.cos.shape[1], a.sign);
}

}  // namespace lora::cpu::LORA_VEC_NS

#endif
