// Kernels of the optimizer: squared norms of gradient slabs, and AdamW over all slabs in one launch.
#pragma once

#include "abi/backend.h"
#include "prim/convert.cuh"
#include "prim/reduce.cuh"

namespace lora::cuda {

// sqnorm_part_kernel: block (b, i) sums the squares of its share of slab slot[i] in f64, in a fixed order.
// sqnorm_sum_kernel adds the blocks' shares, again in order: no atomics, so results repeat bit for bit.
__global__ void sqnorm_part_kernel(const float* x, const int* slot, double* part, long long width) {
  __shared__ double shared[32];
  const float* row = x + static_cast<long long>(slot[blockIdx.y]) * width;
  double sum = 0.0;
  for (long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; i < width;
       i += static_cast<long long>(gridDim.x) * blockDim.x) {
    sum += static_cast<double>(row[i]) * row[i];
  }
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) part[static_cast<long long>(blockIdx.y) * gridDim.x + blockIdx.x] = sum;
}

__global__ void sqnorm_sum_kernel(const double* part, double* out, int blocks) {
  __shared__ double shared[32];
  double sum = 0.0;
  for (int i = threadIdx.x; i < blocks; i += blockDim.x) sum += part[static_cast<long long>(blockIdx.x) * blocks + i];
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

// adamw_report_kernel: per rule the norm, the clipping factor and whether the update may happen; one thread. An update
// happens for all rules or for none: `go` is what adamw_kernel reads.
__global__ void adamw_report_kernel(const lora_adamw_rule* rules, const double* sqnorm, const double* weight_sum, double* report,
                                    int* go, int count) {
  int all = 1;
  for (int i = 0; i < count; ++i) {
    const double total = weight_sum[rules[i].slot];
    const double norm = sqrt(sqnorm[i]) / total;
    const double factor = rules[i].clip > 0.0 ? fmin(1.0, rules[i].clip / (norm + 1e-6)) : 1.0;
    report[i * 3] = norm;
    report[i * 3 + 1] = factor;
    if (!isfinite(sqnorm[i]) || !(total > 0.0) || !isfinite(total)) all = 0;
  }
  for (int i = 0; i < count; ++i) report[i * 3 + 2] = all;
  *go = all;
}

// adamw_kernel: blockIdx.y is the rule. The formula stands at lora_adamw_args; bias corrections come from the host in
// double. Reads and writes 18 (bf16 working copy) or 20 bytes an element.
struct AdamwCorrection {
  float first, second;  // lr / (1 - beta1^step), 1 / sqrt(1 - beta2^step)
};

template <class T>
__global__ void adamw_kernel(float* master, T* work, float* grad, float* m, float* v, const lora_adamw_rule* rules,
                             const AdamwCorrection* corrections, const double* weight_sum, const double* report, const int* go,
                             long long width) {
  if (*go == 0) return;
  const lora_adamw_rule rule = rules[blockIdx.y];
  const float first = corrections[blockIdx.y].first, second = corrections[blockIdx.y].second;
  const float scale = static_cast<float>(report[blockIdx.y * 3 + 1] / weight_sum[rule.slot]);
  const float keep = static_cast<float>(1.0 - rule.lr * rule.weight_decay);
  const float beta1 = static_cast<float>(rule.beta1), beta2 = static_cast<float>(rule.beta2);
  const float rest1 = static_cast<float>(1.0 - rule.beta1), rest2 = static_cast<float>(1.0 - rule.beta2);
  const float eps = static_cast<float>(rule.eps);
  const long long base = static_cast<long long>(rule.slot) * width;
  for (long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; i < width;
       i += static_cast<long long>(gridDim.x) * blockDim.x) {
    const float g = grad[base + i] * scale;
    const float m1 = beta1 * m[base + i] + rest1 * g;
    const float v1 = beta2 * v[base + i] + rest2 * g * g;
    const float p = master[base + i] * keep - first * m1 / (sqrtf(v1) * second + eps);
    m[base + i] = m1;
    v[base + i] = v1;
    master[base + i] = p;
    work[base + i] = from_f32<T>(p);
    grad[base + i] = 0.0f;
  }
}

}  // namespace lora::cuda
