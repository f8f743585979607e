// Kernels of the residual add with RMSNorm and of its backward. docs/math/norm.md derives the formulas.
#pragma once

#include "prim/pack.cuh"
#include "prim/reduce.cuh"

namespace lora::cuda {

// norm_row_kernel: residual add, then RMSNorm, one block per row.
//
//   sum[t,:] = r[t,:] + delta[t,:]              (delta null: sum is not written, r is used)
//   rstd[t]  = 1 / sqrt(mean(sum[t,:]^2) + eps)
//   y[t,:]   = sum[t,:] * rstd[t] * w
//
// Shapes   r, delta, sum, y [T,D]; w [D]; rstd [T] f32. D a multiple of the pack and at most
//          kThreads * kPacks packs (launch_norm picks both). sum may be r.
// Why      The row stays in registers between its two uses, so each tensor moves once. The stored sum is rounded
//          before it is squared, so that backward sees exactly the values that forward normalised.
template <class T, int kPacks>
__global__ void norm_row_kernel(const T* r, const T* __restrict__ delta, T* sum, const T* __restrict__ w, T* __restrict__ y,
                                float* __restrict__ rstd, int width, float eps) {
  constexpr int kSize = Pack<T>::kSize;
  __shared__ float shared[32];
  const long long row = static_cast<long long>(blockIdx.x) * width;
  const int packs = width / kSize;
  Pack<T> kept[kPacks];
  float squares = 0.0f;
#pragma unroll
  for (int i = 0; i < kPacks; ++i) {
    const int p = threadIdx.x + i * blockDim.x;
    if (p >= packs) continue;
    kept[i] = load_pack(r + row + p * kSize);
    if (delta != nullptr) {
      const Pack<T> d = load_pack_once(delta + row + p * kSize);
#pragma unroll
      for (int j = 0; j < kSize; ++j) kept[i].at[j] = from_f32<T>(to_f32(kept[i].at[j]) + to_f32(d.at[j]));
      store_pack(sum + row + p * kSize, kept[i]);
    }
#pragma unroll
    for (int j = 0; j < kSize; ++j) squares += to_f32(kept[i].at[j]) * to_f32(kept[i].at[j]);
  }
  const float scale = rsqrtf(block_sum(squares, shared) / width + eps);
  if (threadIdx.x == 0) rstd[blockIdx.x] = scale;
#pragma unroll
  for (int i = 0; i < kPacks; ++i) {
    const int p = threadIdx.x + i * blockDim.x;
    if (p >= packs) continue;
    const Pack<T> weight = load_pack(w + p * kSize);
    Pack<T> out;
#pragma unroll
    for (int j = 0; j < kSize; ++j) out.at[j] = from_f32<T>(to_f32(kept[i].at[j]) * scale * to_f32(weight.at[j]));
    store_pack(y + row + p * kSize, out);
  }
}

// norm_bwd_row_kernel: dx = rstd (dy w - xhat mean(dy w xhat)) + dsum, one block per row; same limits.
template <class T, int kPacks>
__global__ void norm_bwd_row_kernel(const T* dy, const T* __restrict__ sum, const T* __restrict__ w,
                                    const float* __restrict__ rstd, const T* dsum, T* dx, int width) {
  constexpr int kSize = Pack<T>::kSize;
  __shared__ float shared[32];
  const long long row = static_cast<long long>(blockIdx.x) * width;
  const int packs = width / kSize;
  const float scale = rstd[blockIdx.x];
  float g[kPacks][kSize], xhat[kPacks][kSize];
  float dot = 0.0f;
#pragma unroll
  for (int i = 0; i < kPacks; ++i) {
    const int p = threadIdx.x + i * blockDim.x;
    if (p >= packs) continue;
    const Pack<T> d = load_pack(dy + row + p * kSize), s = load_pack_once(sum + row + p * kSize), v = load_pack(w + p * kSize);
#pragma unroll
    for (int j = 0; j < kSize; ++j) {
      g[i][j] = to_f32(d.at[j]) * to_f32(v.at[j]);
      xhat[i][j] = to_f32(s.at[j]) * scale;
      dot += g[i][j] * xhat[i][j];
    }
  }
  const float mean = block_sum(dot, shared) / width;
#pragma unroll
  for (int i = 0; i < kPacks; ++i) {
    const int p = threadIdx.x + i * blockDim.x;
    if (p >= packs) continue;
    Pack<T> past{}, out;
    if (dsum != nullptr) past = load_pack(dsum + row + p * kSize);
#pragma unroll
    for (int j = 0; j < kSize; ++j) {
      const float add = dsum != nullptr ? to_f32(past.at[j]) : 0.0f;
      out.at[j] = from_f32<T>(scale * (g[i][j] - xhat[i][j] * mean) + add);
    }
    store_pack(dx + row + p * kSize, out);
  }
}

// Widths that packs do not fit: one warp per row, element by element, three passes over the row.
template <class T>
__global__ void norm_any_kernel(const T* r, const T* delta, T* sum, const T* w, T* y, float* rstd, int rows, int width, float eps) {
  const int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
  if (row >= rows) return;
  const long long base = static_cast<long long>(row) * width;
  float squares = 0.0f;
  for (int d = lane; d < width; d += 32) {
    float x = to_f32(r[base + d]);
    if (delta != nullptr) {
      const T rounded = from_f32<T>(x + to_f32(delta[base + d]));
      sum[base + d] = rounded;
      x = to_f32(rounded);
    }
    squares += x * x;
  }
  const float scale = rsqrtf(warp_sum(squares) / width + eps);
  if (lane == 0) rstd[row] = scale;
  const T* from = delta != nullptr ? sum : r;
  for (int d = lane; d < width; d += 32) y[base + d] = from_f32<T>(to_f32(from[base + d]) * scale * to_f32(w[d]));
}

template <class T>
__global__ void norm_bwd_any_kernel(const T* dy, const T* sum, const T* w, const float* rstd, const T* dsum, T* dx, int rows,
                                    int width) {
  const int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
  if (row >= rows) return;
  const long long base = static_cast<long long>(row) * width;
  const float scale = rstd[row];
  float dot = 0.0f;
  for (int d = lane; d < width; d += 32) dot += to_f32(dy[base + d]) * to_f32(w[d]) * to_f32(sum[base + d]) * scale;
  const float mean = warp_sum(dot) / width;
  for (int d = lane; d < width; d += 32) {
    const float add = dsum != nullptr ? to_f32(dsum[base + d]) : 0.0f;
    dx[base + d] = from_f32<T>(scale * (to_f32(dy[base + d]) * to_f32(w[d]) - to_f32(sum[base + d]) * scale * mean) + add);
  }
}

}  // namespace lora::cuda
