// Token embedding with NEFTune's noise (Jain et al. 2023), one element at a time.
#ifndef LORA_CPU_EMBED_ORACLE_H
#define LORA_CPU_EMBED_ORACLE_H

#include "abi/philox.h"
#include "cpu/oracle_values.h"

namespace lora::cpu {

// U(-1, 1) for column d of row t of the slot. 2u - 1 is exact in f32.
inline float neftune_draw(const lora_streams& streams, std::int32_t slot, std::int32_t row, std::int64_t d) {
  const lora_philox4 draws =
      lora_philox(streams.seed[slot], static_cast<std::uint32_t>(d / 4), static_cast<std::uint32_t>(row),
                  LORA_SITE_NEFTUNE, streams.tick[slot]);
  return 2.0f * lora_uniform(draws.v[d % 4]) - 1.0f;
}

template <class Real, class Store>
void embed_oracle(const lora_embed_args& a) {
  const std::int64_t T = a.out.shape[0], D = a.out.shape[1];
  const float* noise = data<float>(a.noise);
  for (std::int64_t t = 0; t < T; ++t) {
    const std::int32_t slot = noise == nullptr ? -1 : slot_at(a.route, t);
    const Store* row = data<Store>(a.table) + data<std::int32_t>(a.ids)[t] * D;
    Store* out = data<Store>(a.out) + t * D;
    for (std::int64_t d = 0; d < D; ++d) {
      Real x = value<Real>(row[d]);
      if (slot >= 0 && noise[t] != 0.0f)
        x += Real(noise[t]) * neftune_draw(a.streams, slot, a.route.row_dev[t], d);
      set(out[d], x);
    }
  }
}

}  // namespace lora::cpu
#endif
