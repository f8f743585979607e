// LoRA dropout: whether an element is kept, drawn again wherever it is needed. abi/philox.h is the contract.
#pragma once

#include <cstdint>

#include "abi/philox.h"
#include "abi/types.h"

namespace lora::cuda {

// One adapter's stream on one input. threshold 0: everything is kept.
struct DropStream {
  unsigned long long seed;
  unsigned           tick, site, threshold;
  float              keep;  // what is kept is multiplied by this
};

__device__ __forceinline__ DropStream drop_stream(const float* drop, const lora_streams& streams, unsigned site, int slot) {
  DropStream stream{0, 0, site, 0, 1.0f};
  if (drop == nullptr || slot < 0 || !(drop[slot] > 0.0f)) return stream;
  stream.seed = streams.seed[slot];
  stream.tick = streams.tick[slot];
  stream.threshold = lora_drop_threshold(drop[slot]);
  stream.keep = static_cast<float>(lora_drop_keep(stream.threshold));
  return stream;
}

// The factor of one element: 0 or keep.
__device__ __forceinline__ float drop_factor(const DropStream& stream, unsigned row, unsigned column) {
  if (stream.threshold == 0) return 1.0f;
  const lora_philox4 draws = lora_drop_draws(stream.seed, column >> 3, row, stream.site, stream.tick);
  const unsigned pair = (column & 4) ? ((column & 2) ? draws.v[3] : draws.v[2]) : ((column & 2) ? draws.v[1] : draws.v[0]);
  return (column & 1 ? pair >> 16 : pair & 0xFFFFu) >= stream.threshold ? stream.keep : 0.0f;
}

// Of columns 8 eight .. 8 eight + 7: words of 0xFFFF where a 16-bit element is kept and 0 where it is dropped.
__device__ __forceinline__ void drop_words(const DropStream& stream, unsigned row, unsigned eight, std::uint32_t (&mask)[4]) {
  const lora_philox4 draws = lora_drop_draws(stream.seed, eight, row, stream.site, stream.tick);
  const unsigned threshold = stream.threshold << 16;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    mask[i] = ((draws.v[i] << 16) >= threshold ? 0x0000FFFFu : 0u) | (draws.v[i] >= threshold ? 0xFFFF0000u : 0u);
  }
}

}  // namespace lora::cuda
