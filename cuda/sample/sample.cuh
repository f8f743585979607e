// sample_kernel: draws one token per row, one block a row. The order of steps is the contract's (lora_sample_args).
//
// Every allowed token gets a distinct 64-bit key, larger for larger z, for equal z larger for the lower id. Each of the
// three cuts (top-k, top-p, the draw itself) is then one question, "the largest key such that the tokens from it
// upwards weigh at least so much", answered bit by bit: 64 passes over the row, no sorting, no atomics, the same
// result every time.
#pragma once

#include "abi/philox.h"
#include "prim/reduce.cuh"

namespace lora::cuda {

constexpr int kSampleThreads = 1024;

struct SampleArgs {
  float *       logits;
  const float * temperature, *top_p, *penalty;
  const int *   top_k, *seed, *counter, *history, *history_count, *allow;
  int*          token;
  float*        logprob;
  int           vocabulary, history_width, allow_width;
};

__device__ __forceinline__ unsigned long long sample_key(float z, int id) {
  const unsigned bits = __float_as_uint(z), ordered = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return static_cast<unsigned long long>(ordered) << 32 | (0xFFFFFFFFu - static_cast<unsigned>(id));
}

__global__ void __launch_bounds__(kSampleThreads) sample_kernel(const SampleArgs args) {
  __shared__ double shared[32];
  __shared__ float  shared_max[32];
  const int q = blockIdx.x, count = args.vocabulary;
  float* z = args.logits + static_cast<long long>(q) * count;
  float top = -INFINITY;
  for (int v = threadIdx.x; v < count; v += kSampleThreads) {
    if (isnan(z[v])) z[v] = -INFINITY;  // a logit that is no number is never preferred
    top = fmaxf(top, z[v]);
  }
  top = block_max(top, shared_max);
  double sum = 0.0;
  for (int v = threadIdx.x; v < count; v += kSampleThreads) sum += expf(z[v] - top);
  const double lse = top + log(block_sum(sum, shared));

  // The penalty, once for each id: an id's first place in the history applies it. The untouched value of the token that
  // is drawn is recovered by undoing it.
  const float penalty = args.penalty[q];
  const int* history = args.history + static_cast<long long>(q) * args.history_width;
  const int seen = penalty != 1.0f ? args.history_count[q] : 0;
  for (int i = threadIdx.x; i < seen; i += kSampleThreads) {
    bool first = true;
    for (int j = 0; j < i && first; ++j) first = history[j] != history[i];
    if (!first) continue;
    const float x = z[history[i]];
    z[history[i]] = x > 0.0f ? x / penalty : x * penalty;
  }
  __syncthreads();

  const int* allow = args.allow != nullptr ? args.allow + static_cast<long long>(q) * args.allow_width : nullptr;
  const auto allowed = [&](int v) { return allow == nullptr || (static_cast<unsigned>(allow[v / 32]) >> (v % 32) & 1u) != 0; };
  const float temperature = args.temperature[q], cold = temperature > 0.0f ? 1.0f / temperature : 1.0f;
  float best = -INFINITY;
  for (int v = threadIdx.x; v < count; v += kSampleThreads) {
    if (allowed(v)) best = fmaxf(best, z[v]);
  }
  best = block_max(best, shared_max);

  // Weight of the tokens whose key is at least `from`: their number, or their probability before normalisation.
  const auto weigh = [&](unsigned long long from, bool number) {
    double part = 0.0;
    for (int v = threadIdx.x; v < count; v += kSampleThreads) {
      if (allowed(v) && sample_key(z[v], v) >= from) part += number ? 1.0 : static_cast<double>(expf((z[v] - best) * cold));
    }
    return block_sum(part, shared);
  };
  // The largest key whose weight upwards reaches the goal (or passes it, when strict).
  const auto cut = [&](double goal, bool number, bool strict) {
    unsigned long long key = 0;
    for (int bit = 63; bit >= 0; --bit) {
      const unsigned long long candidate = key | 1ull << bit;
      const double weight = weigh(candidate, number);
      if (strict ? weight > goal : weight >= goal) key = candidate;
    }
    return key;
  };

  const double options = weigh(0, true);
  int token = -1;
  if (options > 0.0) {
    unsigned long long lowest = 0;
    // With an infinite best there are no probabilities: the first of the best is taken.
    if (temperature <= 0.0f || isinf(best)) {
      lowest = cut(1.0, true, false);
    } else {
      const int k = args.top_k[q];
      if (k > 0 && k < options) lowest = cut(k, true, false);
      const double all = weigh(lowest, false);
      const float p = args.top_p[q];
      if (p < 1.0f) {
        const unsigned long long nucleus = cut(p * all, false, false), first = cut(1.0, true, false);
        lowest = nucleus > lowest ? nucleus : lowest;
        lowest = lowest < first ? lowest : first;  // never empty
      }
      const unsigned long long seed = static_cast<unsigned>(args.seed[2 * q]) | static_cast<unsigned long long>(static_cast<unsigned>(args.seed[2 * q + 1])) << 32;
      const float draw = lora_uniform(lora_philox(seed, 0, 0, LORA_SITE_SAMPLE, args.counter[q]).v[0]);
      const unsigned long long drawn = cut(draw * weigh(lowest, false), false, true);
      lowest = drawn > lowest ? drawn : lowest;
    }
    token = static_cast<int>(0xFFFFFFFFu - static_cast<unsigned>(lowest));
  }
  if (threadIdx.x == 0) {
    args.token[q] = token;
    float value = token >= 0 ? z[token] : -INFINITY;
    for (int i = 0; token >= 0 && i < seen; ++i) {
      if (history[i] != token) continue;
      value = value > 0.0f ? value * penalty : value / penalty;
      break;
    }
    args.logprob[q] = token >= 0 ? static_cast<float>(value - lse) : -INFINITY;
  }
}

}  // namespace lora::cuda
