// LoRA dropout: whether an element is kept, drawn again wherever it is needed. abi/philox.h is the contract.
#pragma once

#include "abi/philox.h"

namespace lora::cuda {

// One adapter's stream on one projection. threshold 0: everything is kept.
struct DropStream {
  unsigned long long seed;
  unsigned           tick, site, threshold;
  float              scale;  // 1 / (1 - p)
};

__device__ __forceinline__ DropStream drop_stream(const float* drop, const std::uint64_t* seed, const std::uint32_t* tick,
                                                  unsigned site, int slot) {
  DropStream stream{0, 0, site, 0, 1.0f};
  if (drop == nullptr || slot < 0 || !(drop[slot] > 0.0f)) return stream;
  stream.seed = seed[slot];
  stream.tick = tick[slot];
  stream.threshold = lora_drop_threshold(drop[slot]);
  stream.scale = 1.0f / (1.0f - drop[slot]);
  return stream;
}

// The factor of one element: 0 or 1 / (1 - p).
__device__ __forceinline__ float drop_factor(const DropStream& stream, unsigned row, unsigned column) {
  if (stream.threshold == 0) return 1.0f;
  const lora_philox4 draw = lora_philox(stream.seed, column >> 2, row, stream.site, stream.tick);
  const unsigned lane = (column & 2) ? ((column & 1) ? draw.v[3] : draw.v[2]) : ((column & 1) ? draw.v[1] : draw.v[0]);
  return lane >= stream.threshold ? stream.scale : 0.0f;
}

// Eight neighbouring elements, from a column that is a multiple of 8: two draws.
__device__ __forceinline__ void drop_eight(const DropStream& stream, unsigned row, unsigned column, float (&factor)[8]) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const lora_philox4 draw = lora_philox(stream.seed, (column >> 2) + h, row, stream.site, stream.tick);
#pragma unroll
    for (int i = 0; i < 4; ++i) factor[4 * h + i] = draw.v[i] >= stream.threshold ? stream.scale : 0.0f;
  }
}

}  // namespace lora::cuda
