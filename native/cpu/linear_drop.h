// Dropout on the input of an adapter, element by element, as the contract draws it (abi/philox.h). The oracle and
// the checks read this; the fast kernels draw the same numbers eight at a time.
#ifndef LORA_CPU_LINEAR_DROP_H
#define LORA_CPU_LINEAR_DROP_H

#include <cstdint>
#include <vector>

#include "abi/philox.h"
#include "abi/types.h"

namespace lora::cpu {

// Which slot each row belongs to.
inline std::vector<std::int32_t> slot_of_rows(const lora_route& route, std::int64_t rows) {
  std::vector<std::int32_t> slot(static_cast<std::size_t>(rows), -1);
  for (std::int32_t i = 0; i < route.segments; ++i) {
    for (std::int32_t t = route.begin[i]; t < route.begin[i + 1]; ++t) slot[static_cast<std::size_t>(t)] = route.slot[i];
  }
  return slot;
}

// What drop() multiplies x[t,k] by: 0, or lora_drop_keep.
template <class Real>
Real drop_factor(const lora_pair& pair, const lora_route& route, std::int32_t slot, std::int64_t t, std::int64_t k) {
  const float p = pair.drop == nullptr ? 0.0f : pair.drop[slot];
  if (!(p > 0.0f)) return Real(1);
  const lora_philox4 draws =
      lora_drop_draws(pair.streams.seed[slot], static_cast<std::uint32_t>(k / 8),
                      static_cast<std::uint32_t>(route.row_dev[t]), pair.site, pair.streams.tick[slot]);
  const std::uint32_t threshold = lora_drop_threshold(p);
  return lora_drop_draw(&draws, static_cast<std::uint32_t>(k)) >= threshold ? static_cast<Real>(lora_drop_keep(threshold))
                                                                             : Real(0);
}

}  // namespace lora::cpu
#endif
