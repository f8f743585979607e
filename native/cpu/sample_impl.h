// Drawing one token per row, on vectors and without sorting the whole vocabulary. Included by ops_<isa>.cc;
// the order of steps is the contract's (lora_sample_args) and reads plainly in sample_oracle.h.
#ifndef LORA_CPU_SAMPLE_IMPL_H
#define LORA_CPU_SAMPLE_IMPL_H

#include <algorithm>
#include <cmath>

#include "cpu/sample_oracle.h"
#include "cpu/vec.h"

namespace lora::cpu::LORA_VEC_NS {

inline float largest_of(const float* z, std::int64_t n) {
  Vf top = splat(-__builtin_inff());
  columns(n, [&](std::int64_t i, int lanes) {
    if (lanes == kLanes) {
      top = max(load(z + i), top);
    } else {
      for (int lane = 0; lane < lanes; ++lane) top[lane] = z[i + lane] > top[lane] ? z[i + lane] : top[lane];
    }
  });
  return largest(top);
}

// sum of e^((z - top) * by), in lanes of f32 over short runs and in f64 across them.
inline double sum_exp(const float* z, std::int64_t n, float top, float by) {
  double total = 0;
  for (std::int64_t from = 0; from < n; from += 4096) {
    const std::int64_t run = n - from < 4096 ? n - from : 4096;
    Vf sums{};
    columns(run, [&](std::int64_t i, int lanes) {
      if (lanes == kLanes) {
        sums += exp((load(z + from + i) - top) * by);
        return;
      }
      float rest[kLanes];
      for (int lane = 0; lane < kLanes; ++lane)
        rest[lane] = lane < lanes ? z[from + i + lane] : -__builtin_inff();
      sums += exp((load(rest) - top) * by);
    });
    total += static_cast<double>(sum(sums));
  }
  return total;
}

// The allowed ids in descending order of z (lowest id first on ties), sorted only as far as somebody has
// looked.
class Ranking {
 public:
  Ranking(const float* z, std::int32_t* ids, std::int64_t count) : z_(z), ids_(ids), count_(count) {}

  std::int32_t at(std::int64_t i) {
    while (i >= sorted_) extend();
    return ids_[i];
  }

 private:
  void extend() {
    const auto before = [z = z_](std::int32_t x, std::int32_t y) {
      return z[x] > z[y] || (z[x] == z[y] && x < y);
    };
    const std::int64_t upto = std::min(count_, sorted_ == 0 ? 64 : sorted_ * 8);
    if (upto < count_) std::nth_element(ids_ + sorted_, ids_ + upto, ids_ + count_, before);
    std::sort(ids_ + sorted_, ids_ + upto, before);
    sorted_ = upto;
  }

  const float* z_;
  std::int32_t* ids_;
  std::int64_t count_, sorted_ = 0;
};

// One row: z is scratch of V floats, ids of V numbers.
inline void sample_row(const lora_sample_args& a, std::int64_t q, float* z, std::int32_t* ids) {
  const std::int64_t V = a.logits.shape[1], L = a.history.shape[1];
  const float* logits = data<float>(a.logits) + q * V;
  const float untouched_top = largest_of(logits, V);
  const double lse = untouched_top + std::log(sum_exp(logits, V, untouched_top, 1.0f));

  std::memcpy(z, logits, sizeof(float) * static_cast<std::size_t>(V));
  const float penalty = data<float>(a.penalty)[q];
  const std::int32_t* history = data<std::int32_t>(a.history) + q * L;
  for (std::int32_t i = 0; i < data<std::int32_t>(a.history_count)[q];
       ++i) {  // once, however often an id occurs
    const float x = logits[history[i]];
    z[history[i]] = x > 0 ? x / penalty : x * penalty;
  }
  std::int64_t count = 0;
  float top = -__builtin_inff();
  std::int32_t token = -1;
  for (std::int64_t v = 0; v < V; ++v) {
    if (!allowed(a.allow, q, v)) {
      z[v] = -__builtin_inff();
      continue;
    }
    if (!(z[v] == z[v])) z[v] = -__builtin_inff();  // a NaN can be neither sorted nor drawn
    ids[count++] = static_cast<std::int32_t>(v);
    if (token < 0 || z[v] > top) {
      token = static_cast<std::int32_t>(v);
      top = z[v];
    }
  }
  const float temperature = data<float>(a.temperature)[q];
  if (count > 0 && temperature > 0 && std::isfinite(top)) {
    const std::int32_t top_k = data<std::int32_t>(a.top_k)[q];
    const std::int64_t most = top_k > 0 && top_k < count ? top_k : count;
    const float by = 1.0f / temperature;
    Ranking ranking(z, ids, count);
    const auto chance = [&](std::int64_t i) {
      return static_cast<double>(std::exp((z[ranking.at(i)] - top) * by));
    };
    double all = 0;
    if (most < count) {
      for (std::int64_t i = 0; i < most; ++i) all += chance(i);
    } else {
      all = sum_exp(z, V, top, by);
    }
    // Kept mass. With top_p >= 1 everything is kept and nothing needs to be ranked for it.
    const double top_p = static_cast<double>(data<float>(a.top_p)[q]);
    double kept = all;
    std::int64_t keep = most;
    if (top_p < 1.0) {
      kept = 0;
      for (keep = 0; keep < most && (keep == 0 || kept < top_p * all); ++keep) kept += chance(keep);
    }
    const double target =
        sample_draw(data<std::int32_t>(a.seed) + 2 * q, data<std::int32_t>(a.counter)[q]) * kept;
    double below = 0;
    std::int64_t i = 0;
    for (; i + 1 < keep; ++i) {
      below += chance(i);
      if (below > target) break;
    }
    token = ranking.at(i);
  }
  data<std::int32_t>(a.token)[q] = token;
  data<float>(a.logprob)[q] = token < 0 ? -__builtin_inff() : static_cast<float>(logits[token] - lse);
}

inline void sample(CpuContext& context, const lora_sample_args& a) {
  const std::int64_t Q = a.logits.shape[0], V = a.logits.shape[1];
  const Workspace::Scope scope(context.workspace);
  float* z = context.workspace.take<float>(V * context.pool.threads());
  std::int32_t* ids = context.workspace.take<std::int32_t>(V * context.pool.threads());
  context.pool.parallel_for_dynamic(Q, 1, [&](std::int64_t begin, std::int64_t end, int worker) {
    for (std::int64_t q = begin; q < end; ++q) sample_row(a, q, z + worker * V, ids + worker * V);
  });
}

}  // namespace lora::cpu::LORA_VEC_NS

#endif
