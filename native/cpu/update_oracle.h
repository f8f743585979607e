// Sum of squares and AdamW, slot by slot. Derivation in docs/math/adamw.md.
#ifndef LORA_CPU_UPDATE_ORACLE_H
#define LORA_CPU_UPDATE_ORACLE_H

#include <algorithm>
#include <cmath>

#include "cpu/oracle_values.h"

namespace lora::cpu {

template <class Real>
void sqnorm_oracle(const lora_sqnorm_args& a) {
  const std::int64_t n = a.slot.shape[0], P = a.x.shape[1];
  for (std::int64_t i = 0; i < n; ++i) {
    const Real* x = data<Real>(a.x) + data<std::int32_t>(a.slot)[i] * P;
    double sum = 0;
    for (std::int64_t p = 0; p < P; ++p) sum += static_cast<double>(x[p]) * static_cast<double>(x[p]);
    data<double>(a.out)[i] = sum;
  }
}

template <class Real, class Store>
void adamw_oracle(const lora_adamw_args& a) {
  const std::int64_t P = a.master.shape[1];
  const double *sqnorm = data<double>(a.sqnorm), *weight_sum = data<double>(a.weight_sum);
  bool apply = true;
  for (std::int32_t i = 0; i < a.count; ++i) {
    const double weight = weight_sum[a.rules[i].slot];
    apply = apply && std::isfinite(sqnorm[i]) && std::isfinite(weight) && weight > 0;
  }
  for (std::int32_t i = 0; i < a.count; ++i) {
    const lora_adamw_rule& rule = a.rules[i];
    const double weight = weight_sum[rule.slot], norm = std::sqrt(sqnorm[i]) / weight;
    const double factor = rule.clip > 0 ? std::min(1.0, rule.clip / (norm + 1e-6)) : 1.0;
    double* report = data<double>(a.report) + i * 3;
    report[0] = norm;
    report[1] = factor;
    report[2] = apply ? 1 : 0;
    if (!apply) continue;

    const Real beta1 = Real(rule.beta1), beta2 = Real(rule.beta2), g_scale = Real(factor / weight);
    const Real decay = Real(1 - rule.lr * rule.weight_decay), eps = Real(rule.eps);
    const Real step = Real(rule.lr / (1 - std::pow(rule.beta1, static_cast<double>(rule.step))));
    const Real root = Real(1 / std::sqrt(1 - std::pow(rule.beta2, static_cast<double>(rule.step))));
    for (std::int64_t p = rule.slot * P; p < (rule.slot + 1) * P; ++p) {
      Real &w = data<Real>(a.master)[p], &grad = data<Real>(a.grad)[p], &m = data<Real>(a.m)[p],
           &v = data<Real>(a.v)[p];
      const Real g = grad * g_scale;
      m = beta1 * m + Real(1 - rule.beta1) * g;
      v = beta2 * v + Real(1 - rule.beta2) * g * g;
      w = w * decay - step * m / (std::sqrt(v) * root + eps);
      set(data<Store>(a.work)[p], w);
      grad = 0;
    }
  }
}

}  // namespace lora::cpu
#endif
