// Accumulator fragments to memory: four lanes share a row of eight columns; a transposition among them gives each lane
// sixteen contiguous bytes.
#pragma once

#include <cuda_bf16.h>

#include <cstdint>

namespace lora::cuda {

// 4 x 4 transposition of 32-bit words within each quad of lanes: lane l ends with word l of lanes 0..3.
__device__ __forceinline__ void quad_transpose(std::uint32_t (&w)[4]) {
  const int lane = threadIdx.x & 3;
  const bool odd = lane & 1, high = lane & 2;
  std::uint32_t a = __shfl_xor_sync(0xffffffffu, odd ? w[0] : w[1], 1), b = __shfl_xor_sync(0xffffffffu, odd ? w[2] : w[3], 1);
  if (odd) w[0] = a, w[2] = b;
  else w[1] = a, w[3] = b;
  a = __shfl_xor_sync(0xffffffffu, high ? w[0] : w[2], 2), b = __shfl_xor_sync(0xffffffffu, high ? w[1] : w[3], 2);
  if (high) w[0] = a, w[1] = b;
  else w[2] = a, w[3] = b;
}

__device__ __forceinline__ std::uint32_t pack_bf16(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const std::uint32_t*>(&pair);
}

}  // namespace lora::cuda
