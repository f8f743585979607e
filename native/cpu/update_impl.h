// Sum of squares and AdamW, on vectors. Included by ops_<isa>.cc; formulas in update_oracle.h. Sums go over
// chunks of a fixed length and their sums are added in order, so nothing depends on the number of threads.
#ifndef LORA_CPU_UPDATE_IMPL_H
#define LORA_CPU_UPDATE_IMPL_H

#include <cmath>

#include "cpu/vec.h"

namespace lora::cpu::LORA_VEC_NS {

typedef float Half __attribute__((vector_size(kLanes * 2)));
typedef double Wide __attribute__((vector_size(kLanes * 4)));

constexpr std::int64_t kChunk = 32768;

inline double squares(const float* x, std::int64_t n) {
  constexpr int kHalf = kLanes / 2;
  Wide sums{};
  std::int64_t i = 0;
  for (; i + kHalf <= n; i += kHalf) {
    Half half;
    std::memcpy(&half, x + i, sizeof half);
    const Wide wide = __builtin_convertvector(half, Wide);
    sums += wide * wide;
  }
  double sum = 0;
  for (int lane = 0; lane < kHalf; ++lane) sum += sums[lane];
  for (; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

inline void sqnorm(CpuContext& context, const lora_sqnorm_args& a) {
  const std::int64_t n = a.slot.shape[0], P = a.x.shape[1], chunks = (P + kChunk - 1) / kChunk;
  const std::int32_t* slot = static_cast<const std::int32_t*>(a.slot.data);
  const float* x = static_cast<const float*>(a.x.data);
  double* out = static_cast<double*>(a.out.data);
  const Workspace::Scope scope(context.workspace);
  double* part = context.workspace.take<double>(n * chunks);
  context.pool.parallel_for(n * chunks, 1, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t c = begin; c < end; ++c) {
      const std::int64_t from = c % chunks * kChunk, count = P - from < kChunk ? P - from : kChunk;
      part[c] = squares(x + slot[c / chunks] * P + from, count);
    }
  });
  for (std::int64_t i = 0; i < n; ++i) {
    out[i] = 0;
    for (std::int64_t c = 0; c < chunks; ++c) out[i] += part[i * chunks + c];
  }
}

// What one rule comes to, in f32.
struct AdamwFactors {
  float beta1, beta2, rest1, rest2, gradient, decay, step, root, eps;
};

inline AdamwFactors adamw_factors(const lora_adamw_rule& rule, double gradient) {
  const double steps = static_cast<double>(rule.step);
  AdamwFactors f;
  f.beta1 = static_cast<float>(rule.beta1);
  f.beta2 = static_cast<float>(rule.beta2);
  f.rest1 = static_cast<float>(1 - rule.beta1);
  f.rest2 = static_cast<float>(1 - rule.beta2);
  f.gradient = static_cast<float>(gradient);
  f.decay = static_cast<float>(1 - rule.lr * rule.weight_decay);
  f.step = static_cast<float>(rule.lr / (1 - std::pow(rule.beta1, steps)));
  f.root = static_cast<float>(1 / std::sqrt(1 - std::pow(rule.beta2, steps)));
  f.eps = static_cast<float>(rule.eps);
  return f;
}

template <class Store>
void adamw(CpuContext& context, const lora_adamw_args& a) {
  const std::int64_t P = a.master.shape[1];
  const double *sqnorm = static_cast<const double*>(a.sqnorm.data),
               *weight_sum = static_cast<const double*>(a.weight_sum.data);
  double* report = static_cast<double*>(a.report.data);
  bool apply = true;
  for (std::int32_t i = 0; i < a.count; ++i) {
    const double weight = weight_sum[a.rules[i].slot];
    apply = apply && std::isfinite(sqnorm[i]) && std::isfinite(weight) && weight > 0;
  }
  for (std::int32_t i = 0; i < a.count; ++i) {
    const lora_adamw_rule& rule = a.rules[i];
    const double weight = weight_sum[rule.slot], norm = std::sqrt(sqnorm[i]) / weight,
                 ratio = rule.clip / (norm + 1e-6);
    const double factor = rule.clip > 0 && !(ratio > 1.0) ? ratio : 1.0;
    report[3 * i] = norm;
    report[3 * i + 1] = factor;
    report[3 * i + 2] = apply ? 1 : 0;
    if (!apply) continue;

    const AdamwFactors f = adamw_factors(rule, factor / weight);
    float *master = static_cast<float*>(a.master.data) + rule.slot * P,
          *grad = static_cast<float*>(a.grad.data) + rule.slot * P;
    float *moment1 = static_cast<float*>(a.m.data) + rule.slot * P,
          *moment2 = static_cast<float*>(a.v.data) + rule.slot * P;
    Store* work = static_cast<Store*>(a.work.data) + rule.slot * P;
    elements(context, P, [&](std::int64_t p, int n) {
      const Vf g = load_n(grad + p, n) * f.gradient;
      const Vf m = f.beta1 * load_n(moment1 + p, n) + f.rest1 * g;
      const Vf v = f.beta2 * load_n(moment2 + p, n) + f.rest2 * g * g;
      const Vf w = load_n(master + p, n) * f.decay - f.step * m / (sqrt(v) * f.root + f.eps);
      store_n(moment1 + p, m, n);
      store_n(moment2 + p, v, n);
      store_n(master + p, w, n);
      store_n(work + p, w, n);
      store_n(grad + p, Vf{}, n);
    });
  }
}

}  // namespace lora::cpu::LORA_VEC_NS

#endif
