// Moving rows and columns about: split, join, gather and scatter, element by element.
#ifndef LORA_CPU_COLUMNS_ORACLE_H
#define LORA_CPU_COLUMNS_ORACLE_H

#include "cpu/oracle_values.h"

namespace lora::cpu {

// split: whole -> parts; else parts -> whole.
template <class Store>
void columns_oracle(const lora_columns_args& a, bool split) {
  const std::int64_t T = a.whole.shape[0], N = a.whole.shape[1];
  for (std::int64_t t = 0; t < T; ++t) {
    Store* whole = data<Store>(a.whole) + t * N;
    for (std::int32_t i = 0; i < a.count; ++i) {
      const std::int64_t n = elements_of(a.part[i]) / T;
      Store* part = data<Store>(a.part[i]) + t * n;
      for (std::int64_t c = 0; c < n; ++c, ++whole) (split ? part[c] : *whole) = split ? *whole : part[c];
    }
  }
}

template <class Real, class Store>
void rows_oracle(const lora_rows_args& a) {
  const std::int64_t n = a.index.shape[0], D = a.src.shape[1];
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t at = data<std::int32_t>(a.index)[i];
    const Store* src = data<Store>(a.src) + (a.scatter ? i : at) * D;
    Store* dst = data<Store>(a.dst) + (a.scatter ? at : i) * D;
    for (std::int64_t d = 0; d < D; ++d) {
      if (a.write == LORA_ADD) {
        set(dst[d], value<Real>(dst[d]) + value<Real>(src[d]));
      } else {
        dst[d] = src[d];
      }
    }
  }
}

}  // namespace lora::cpu
#endif
