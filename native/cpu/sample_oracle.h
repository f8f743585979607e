// Drawing one token per row, by sorting everything. The order of steps is the contract's (lora_sample_args).
#ifndef LORA_CPU_SAMPLE_ORACLE_H
#define LORA_CPU_SAMPLE_ORACLE_H

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "abi/philox.h"
#include "cpu/oracle_values.h"

namespace lora::cpu {

// The uniform draw of a row: lane 0 of (0, 0, LORA_SITE_SAMPLE, counter) under the row's seed.
inline float sample_draw(const std::int32_t* seed, std::int32_t counter) {
  const std::uint64_t low = static_cast<std::uint32_t>(seed[0]), high = static_cast<std::uint32_t>(seed[1]);
  return lora_uniform(
      lora_philox(low | high << 32, 0, 0, LORA_SITE_SAMPLE, static_cast<std::uint32_t>(counter)).v[0]);
}

inline bool allowed(const lora_tensor& allow, std::int64_t row, std::int64_t id) {
  if (allow.data == nullptr) return true;
  return (static_cast<std::uint32_t>(data<std::int32_t>(allow)[row * allow.shape[1] + id / 32]) >> (id % 32) &
          1u) != 0;
}

template <class Logit>
void sample_oracle(const lora_sample_args& a) {
  const std::int64_t Q = a.logits.shape[0], V = a.logits.shape[1], L = a.history.shape[1];
  for (std::int64_t q = 0; q < Q; ++q) {
    const Logit* logits = data<Logit>(a.logits) + q * V;
    std::vector<double> z(logits, logits + V);
    const double top = *std::max_element(z.begin(), z.end());
    double sum = 0;
    for (double x : z) sum += std::exp(x - top);
    const double lse = top + std::log(sum), penalty = data<float>(a.penalty)[q];

    const std::int32_t* history = data<std::int32_t>(a.history) + q * L;
    std::vector<bool> seen(static_cast<std::size_t>(V));
    for (std::int32_t i = 0; i < data<std::int32_t>(a.history_count)[q]; ++i) seen[history[i]] = true;
    std::vector<std::int32_t> order;
    for (std::int64_t v = 0; v < V; ++v) {
      if (seen[v]) z[v] = z[v] > 0 ? z[v] / penalty : z[v] * penalty;
      if (std::isnan(z[v])) z[v] = -std::numeric_limits<double>::infinity();
      if (allowed(a.allow, q, v)) order.push_back(static_cast<std::int32_t>(v));
    }
    std::int32_t token = -1;
    if (!order.empty()) {
      std::stable_sort(order.begin(), order.end(),
                       [&](std::int32_t x, std::int32_t y) { return z[x] > z[y]; });
      token = order[0];
      const double temperature = data<float>(a.temperature)[q];
      const std::int32_t top_k = data<std::int32_t>(a.top_k)[q];
      if (temperature > 0 && std::isfinite(z[token])) {
        if (top_k > 0 && static_cast<std::size_t>(top_k) < order.size())
          order.resize(static_cast<std::size_t>(top_k));
        std::vector<double> p;
        for (std::int32_t v : order) p.push_back(std::exp((z[v] - z[order[0]]) / temperature));
        const double all = std::accumulate(p.begin(), p.end(), 0.0), top_p = data<float>(a.top_p)[q];
        double kept = 0;
        std::size_t count = 0;
        while (count < p.size() && (count == 0 || kept < top_p * all)) kept += p[count++];
        const double target =
            sample_draw(data<std::int32_t>(a.seed) + 2 * q, data<std::int32_t>(a.counter)[q]) * kept;
        double below = 0;
        std::size_t i = 0;
        while (i + 1 < count && below + p[i] <= target) below += p[i++];
        token = order[i];
      }
    }
    data<std::int32_t>(a.token)[q] = token;
    data<float>(a.logprob)[q] =
        token < 0 ? -std::numeric_limits<float>::infinity() : static_cast<float>(logits[token] - lse);
  }
}

}  // namespace lora::cpu
#endif
