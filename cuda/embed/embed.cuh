// Kernels that move rows: the embedding with NEFTune's noise, gather and scatter, and columns side by side.
#pragma once

#include "abi/philox.h"
#include "prim/pack.cuh"

namespace lora::cuda {

// The slot of row t: segments are few, so a walk from the first is as good as a search.
__device__ __forceinline__ int slot_of(const int* begin, const int* slot, int segments, int t) {
  int s = 0;
  while (s + 1 < segments && begin[s + 1] <= t) ++s;
  return slot[s];
}

// embed_kernel: out[t,:] = table[ids[t],:] + noise[t] U(-1,1), one block per row. The noise of columns 4i..4i+3 is
// one Philox draw, keyed as abi/philox.h says.
template <class T>
__global__ void embed_kernel(const int* ids, const T* __restrict__ table, T* __restrict__ out, int width, const float* noise,
                             const unsigned long long* seed, const unsigned* tick, const int* row, const int* begin, const int* slot,
                             int segments) {
  const int t = blockIdx.x;
  const T* from = table + static_cast<long long>(ids[t]) * width;
  T* to = out + static_cast<long long>(t) * width;
  const float level = noise != nullptr ? noise[t] : 0.0f;
  const int owner = level != 0.0f ? slot_of(begin, slot, segments, t) : -1;
  if (owner < 0) {
    for (int d = threadIdx.x; d < width; d += blockDim.x) to[d] = from[d];
    return;
  }
  for (int d = threadIdx.x; d < width; d += blockDim.x) {
    const lora_philox4 draw = lora_philox(seed[owner], d >> 2, row[t], LORA_SITE_NEFTUNE, tick[owner]);
    const unsigned lanes[4] = {draw.v[0], draw.v[1], draw.v[2], draw.v[3]};
    const unsigned lane = (d & 2) ? ((d & 1) ? lanes[3] : lanes[2]) : ((d & 1) ? lanes[1] : lanes[0]);
    to[d] = from_f32<T>(to_f32(from[d]) + level * (2.0f * lora_uniform(lane) - 1.0f));
  }
}

// rows_kernel: one block per moved row. Gather: dst[i] = src[index[i]]; scatter: dst[index[i]] = src[i].
template <class T>
__global__ void rows_kernel(const T* __restrict__ src, T* dst, const int* index, int width, bool scatter, bool add) {
  const long long i = blockIdx.x, other = index[i];
  const T* from = src + (scatter ? i : other) * width;
  T* to = dst + (scatter ? other : i) * width;
  for (int d = threadIdx.x; d < width; d += blockDim.x) to[d] = add ? from_f32<T>(to_f32(to[d]) + to_f32(from[d])) : from[d];
}

// columns_kernel: copies part [T,narrow] to or from columns [at, at + narrow) of whole [T,wide], 16 or 2 bytes a thread.
template <class Unit>
__global__ void columns_kernel(Unit* whole, Unit* part, long long rows, int wide, int narrow, int at, bool join) {
  const long long count = rows * narrow;
  for (long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; i < count;
       i += static_cast<long long>(gridDim.x) * blockDim.x) {
    Unit* outer = whole + i / narrow * wide + at + i % narrow;
    if (join) *outer = part[i];
    else part[i] = *outer;
  }
}

}  // namespace lora::cuda
