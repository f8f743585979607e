// Kernels of the rotary embedding: the table of a batch, and the rotation in place.
#pragma once

#include "prim/pack.cuh"

namespace lora::cuda {

// rope_table_kernel: cos and sin of every row's angles, once per batch. Angles are products in double, reduced to one
// turn before the f32 functions see them, so long positions lose nothing.
__global__ void rope_table_kernel(const int* position, const int* variant, const double* inv_freq, float* cos_out, float* sin_out,
                                  long long count, int half, double amplitude) {
  constexpr double kTurn = 6.283185307179586476925286766559;
  for (long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; i < count;
       i += static_cast<long long>(gridDim.x) * blockDim.x) {
    const long long t = i / half;
    const int       f = static_cast<int>(i % half);
    const double angle = position[t] * inv_freq[static_cast<long long>(variant != nullptr ? variant[t] : 0) * half + f];
    const double folded = angle - kTurn * rint(angle / kTurn);
    float s, c;
    sincosf(static_cast<float>(folded), &s, &c);
    cos_out[i] = static_cast<float>(amplitude * c);
    sin_out[i] = static_cast<float>(amplitude * s);
  }
}

// rope_kernel: rotates elements i and i + half of every head in place, kWide pairs a thread (as many as a pack holds, or
// one), q's heads then k's.
//
//   a' = a cos - sign b sin;  b' = b cos + sign a sin
//
// Shapes  q [T,H,E], k [T,G,E]; cos, sin [T,half]; 2 half <= E. Grid: x over the pairs of a row, y over rows.
template <class T, int kWide>
__global__ void rope_kernel(T* q, T* k, const float* __restrict__ cos_in, const float* __restrict__ sin_in, int rows, int q_heads,
                            int k_heads, int width, int half, float sign) {
  const int per_head = half / kWide, items = (q_heads + k_heads) * per_head;
  for (int row = blockIdx.y; row < rows; row += gridDim.y) {
    for (int p = blockIdx.x * blockDim.x + threadIdx.x; p < items; p += gridDim.x * blockDim.x) {
      const int head = p / per_head, i = p % per_head * kWide;
      const float* c = cos_in + static_cast<long long>(row) * half + i;
      const float* s = sin_in + static_cast<long long>(row) * half + i;
      T* at = (head < q_heads ? q + (static_cast<long long>(row) * q_heads + head) * width
                              : k + (static_cast<long long>(row) * k_heads + (head - q_heads)) * width) + i;
      if constexpr (kWide == 1) {
        const float a = to_f32(at[0]), b = to_f32(at[half]);
        at[0] = from_f32<T>(a * *c - b * sign * *s);
        at[half] = from_f32<T>(b * *c + a * sign * *s);
      } else {
        Pack<T> low = load_pack(at), high = load_pack(at + half);
#pragma unroll
        for (int j = 0; j < kWide; ++j) {
          const float a = to_f32(low.at[j]), b = to_f32(high.at[j]);
          low.at[j] = from_f32<T>(a * c[j] - b * sign * s[j]);
          high.at[j] = from_f32<T>(b * c[j] + a * sign * s[j]);
        }
        store_pack(at, low);
        store_pack(at + half, high);
      }
    }
  }
}

}  // namespace lora::cuda
