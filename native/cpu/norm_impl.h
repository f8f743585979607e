// RMSNorm with its residual add, and its gradient, on vectors. Included by ops_<isa>.cc; formulas in
// norm_oracle.h. Rows are independent, so results do not depend on the number of threads.
#ifndef LORA_CPU_NORM_IMPL_H
#define LORA_CPU_NORM_IMPL_H

#include "cpu/vec.h"

namespace lora::cpu::LORA_VEC_NS {

// About 16 thousand elements a share: below that a second thread costs more than it saves.
inline std::int64_t rows_per_share(std::int64_t width) { return 1 + 16384 / (width < 1 ? 1 : width); }

// The sum is rounded to its stored type before it is squared, so that backward sees what forward normalised.
template <class Store>
void norm(CpuContext& context, const lora_norm_args& a) {
  const std::int64_t D = a.w.shape[0], T = elements_of(a.y) / D;
  const Store *r = static_cast<const Store*>(a.r.data), *delta = static_cast<const Store*>(a.delta.data);
  const Store* w = static_cast<const Store*>(a.w.data);
  Store *sum_out = static_cast<Store*>(a.sum.data), *y = static_cast<Store*>(a.y.data);
  float* rstd = static_cast<float*>(a.rstd.data);
  const float eps = static_cast<float>(a.eps);
  context.pool.parallel_for(T, rows_per_share(D), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t t = begin; t < end; ++t) {
      const Store* x = r + t * D;
      Vf squares{};
      if (delta != nullptr) {
        Store* out = sum_out + t * D;
        columns(D, [&](std::int64_t d, int n) {
          store_n(out + d, load_n(x + d, n) + load_n(delta + t * D + d, n), n);
          const Vf s = load_n(out + d, n);
          squares = fma(s, s, squares);
        });
        x = out;
      } else {
        columns(D, [&](std::int64_t d, int n) {
          const Vf s = load_n(x + d, n);
          squares = fma(s, s, squares);
        });
      }
      const float scale = 1.0f / __builtin_sqrtf(sum(squares) / static_cast<float>(D) + eps);
      rstd[t] = scale;
      columns(D, [&](std::int64_t d, int n) {
        store_n(y + t * D + d, load_n(x + d, n) * scale * load_n(w + d, n), n);
      });
    }
  });
}

template <class Store>
void norm_bwd(CpuContext& context, const lora_norm_bwd_args& a) {
  const std::int64_t D = a.w.shape[0], T = elements_of(a.dx) / D;
  const Store *dy_in = static_cast<const Store*>(a.dy.data), *x_in = static_cast<const Store*>(a.sum.data);
  const Store *dsum_in = static_cast<const Store*>(a.dsum.data), *w = static_cast<const Store*>(a.w.data);
  Store* dx_out = static_cast<Store*>(a.dx.data);
  const float* rstd = static_cast<const float*>(a.rstd.data);
  context.pool.parallel_for(T, rows_per_share(D), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t t = begin; t < end; ++t) {
      const Store *dy = dy_in + t * D, *x = x_in + t * D;
      Vf dots{};
      columns(D, [&](std::int64_t d, int n) {
        dots = fma(load_n(dy + d, n) * load_n(w + d, n), load_n(x + d, n), dots);
      });
      const float scale = rstd[t], pull = sum(dots) * scale * scale / static_cast<float>(D);
      Store* dx = dx_out + t * D;
      columns(D, [&](std::int64_t d, int n) {
        Vf g = load_n(dy + d, n) * load_n(w + d, n);
        g = scale * (g - load_n(x + d, n) * pull);
        if (dsum_in != nullptr) g += load_n(dsum_in + t * D + d, n);
        store_n(dx + d, g, n);
      });
    }
  });
}

}  // namespace lora::cpu::LORA_VEC_NS

#endif
