// Kernels of the loss head over one chunk of rows whose logits lie in workspace: z [rows, V].
//
//   nll = logsumexp(z) - (1 - s) z[label] - s mean(z);   dz = weight (softmax(z) - (1 - s) onehot - s / V), over z
//
// Two passes over a row of logits (maximum and sum together, online; then the gradient), in f32, in a fixed order.
#pragma once

#include "prim/convert.cuh"
#include "prim/pack.cuh"
#include "prim/reduce.cuh"

namespace lora::cuda {

constexpr int kLossThreads = 512;

// Grid: a block per row. Rows that are not scored get zero gradients and no loss.
template <class T, int kWide>
__global__ void __launch_bounds__(kLossThreads)
head_loss_row_kernel(T* z, const int* label, const float* weight, float* row_loss, int* row_top1, float* kept_loss, int vocabulary,
                     float smoothing, bool gradient) {
  __shared__ float shared[32];
  __shared__ int shared_id[32];
  const long long row = blockIdx.x;
  T* line = z + row * vocabulary;
  const int target = label[row];
  // kWide neighbours a thread; 1 where rows do not start on 16 bytes.
  const auto each = [&](auto&& work) {
    for (int v = threadIdx.x * kWide; v < vocabulary; v += kLossThreads * kWide) {
      alignas(16) T values[kWide];
      if constexpr (kWide == 1) values[0] = line[v];
      else *reinterpret_cast<Pack<T>*>(values) = load_pack(line + v);
      work(v, values);
    }
  };
  const auto put = [&](int v, const T (&values)[kWide]) {
    if constexpr (kWide == 1) line[v] = values[0];
    else store_pack(line + v, *reinterpret_cast<const Pack<T>*>(values));
  };
  if (target < 0) {
    if (gradient) {
      for (int v = threadIdx.x; v < vocabulary; v += kLossThreads) line[v] = from_f32<T>(0.0f);
    }
    if (threadIdx.x == 0) {
      kept_loss[row] = 0.0f;
      if (row_loss != nullptr) row_loss[row] = 0.0f;
      if (row_top1 != nullptr) row_top1[row] = -1;
    }
    return;
  }
  // Online maximum and sum per thread, then over the block; the lowest id wins ties for the maximum.
  float top = -INFINITY, sum = 0.0f, total = 0.0f;
  int top_id = vocabulary;
  each([&](int v, const T (&values)[kWide]) {
    float most = top;
#pragma unroll
    for (int j = 0; j < kWide; ++j) {
      const float x = to_f32(values[j]);
      total += x;
      if (x > most) most = x, top_id = v + j;
    }
    if (most > top) sum *= expf(top - most), top = most;
#pragma unroll
    for (int j = 0; j < kWide; ++j) sum += expf(to_f32(values[j]) - top);
  });
  const float best = block_max(top, shared);
  sum = block_sum(top == -INFINITY ? 0.0f : sum * expf(top - best), shared);
  total = smoothing > 0.0f ? block_sum(total, shared) : 0.0f;
  const float log_sum = best + logf(sum);
  if (row_top1 != nullptr) {
    int id = top == best ? top_id : vocabulary;
#pragma unroll
    for (int lane = 16; lane > 0; lane /= 2) id = min(id, __shfl_xor_sync(0xffffffffu, id, lane));
    if (threadIdx.x % 32 == 0) shared_id[threadIdx.x / 32] = id;
    __syncthreads();
    if (threadIdx.x == 0) {
      for (int w = 0; w < kLossThreads / 32; ++w) id = min(id, shared_id[w]);
      row_top1[row] = id;
    }
  }
  const float at_target = to_f32(line[target]);
  __syncthreads();
  if (threadIdx.x == 0) {
    const float nll = log_sum - (1.0f - smoothing) * at_target - smoothing * total / vocabulary;
    kept_loss[row] = nll;
    if (row_loss != nullptr) row_loss[row] = nll;
  }
  if (!gradient) return;
  const float factor = weight != nullptr ? weight[row] : 1.0f, even = smoothing / vocabulary;
  each([&](int v, T (&values)[kWide]) {
#pragma unroll
    for (int j = 0; j < kWide; ++j) {
      const float p = expf(to_f32(values[j]) - log_sum);
      values[j] = from_f32<T>(factor * (p - even - (v + j == target ? 1.0f - smoothing : 0.0f)));
    }
    put(v, values);
  });
}

// Adds a chunk's sums to the slots' totals, one block, one segment after the other, rows in a fixed order.
__global__ void head_loss_sum_kernel(const float* kept_loss, const int* label, const float* weight, const int* begin, const int* slot,
                                     int segments, int from, int rows, int slots, double* loss_sum, double* weight_sum, int* scored) {
  __shared__ double shared[32];
  for (int s = 0; s < segments; ++s) {
    const int first = max(begin != nullptr ? begin[s] : 0, from), last = min(begin != nullptr ? begin[s + 1] : from + rows, from + rows);
    if (first >= last) continue;
    double loss = 0.0, weights = 0.0, count = 0.0;
    for (int t = first + threadIdx.x; t < last; t += blockDim.x) {
      if (label[t - from] < 0) continue;
      const double w = weight != nullptr ? weight[t - from] : 1.0;
      loss += w * kept_loss[t - from], weights += w, count += 1.0;
    }
    loss = block_sum(loss, shared), weights = block_sum(weights, shared), count = block_sum(count, shared);
    if (threadIdx.x == 0) {
      const int at = slot != nullptr && slot[s] >= 0 ? slot[s] : slots;
      loss_sum[at] += loss, weight_sum[at] += weights, scored[at] += static_cast<int>(count);
    }
    __syncthreads();
  }
}

}  // namespace lora::cuda
