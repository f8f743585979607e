// Cross-entropy of the head and its gradient, one row at a time, written for reading. With Real = double this is
// the truth for every backend.
#ifndef LORA_CPU_HEAD_LOSS_ORACLE_H
#define LORA_CPU_HEAD_LOSS_ORACLE_H

#include <cmath>
#include <cstdint>
#include <vector>

#include "abi/backend.h"
#include "cpu/linear_drop.h"

namespace lora::cpu {

//   z = x W^T + scale * u B^T,  u = drop(x) A^T,  p = softmax(z)
//   nll = logsumexp(z) - (1 - s) z[label] - s * mean(z);  dz[v] = weight * (p[v] - (1 - s) [v = label] - s / V)
//   g = scale * dz B;  dx = dz W + drop'(g A);  dA += g^T drop(x);  dB += scale * dz^T u
template <class Real>
void head_loss_oracle(const lora_head_loss_args& args) {
  const std::int64_t T = args.x.shape[0], D = args.x.shape[1], V = args.w.codes.shape[0];
  const std::int64_t R = args.pair.a == nullptr ? 0 : args.pair.rank;
  const Real *x = static_cast<const Real*>(args.x.data), *w = static_cast<const Real*>(args.w.codes.data);
  const Real* weights = static_cast<const Real*>(args.weight.data);
  const std::int32_t* labels = static_cast<const std::int32_t*>(args.labels.data);
  Real *dx = static_cast<Real*>(args.dx.data), *row_loss = static_cast<Real*>(args.row_loss.data);
  std::int32_t* top1 = static_cast<std::int32_t*>(args.row_top1.data);
  double *loss_sum = static_cast<double*>(args.loss_sum.data), *weight_sum = static_cast<double*>(args.weight_sum.data);
  std::int32_t* scored = static_cast<std::int32_t*>(args.scored.data);
  const std::int64_t last = args.loss_sum.shape[0] - 1;  // the entry of slot -1
  const Real s = args.smoothing;
  const std::vector<std::int32_t> slots = slot_of_rows(args.route, T);

  std::vector<Real> z(V), u(R), g(R);
  for (std::int64_t t = 0; t < T; ++t) {
    if (row_loss != nullptr) row_loss[t] = 0;
    if (top1 != nullptr) top1[t] = -1;
    for (std::int64_t d = 0; dx != nullptr && d < D; ++d) dx[t * D + d] = 0;
    if (labels[t] < 0) continue;

    const std::int32_t slot = slots[t];
    const bool adapted = slot >= 0 && R > 0;
    const std::int64_t slab = adapted ? slot * args.pair.slot_stride : 0;
    const Real *a = static_cast<const Real*>(args.pair.a) + slab, *b = static_cast<const Real*>(args.pair.b) + slab;
    const Real scale = adapted ? Real(args.pair.scale[slot]) : Real(0);
    auto dropped = [&](std::int64_t d) {
      return drop_factor<Real>(args.pair, args.route, slot, t, d) * x[t * D + d];
    };

    for (std::int64_t r = 0; adapted && r < R; ++r) {
      u[r] = 0;
      for (std::int64_t d = 0; d < D; ++d) u[r] += dropped(d) * a[r * D + d];
    }
    std::int64_t best = 0;
    Real mean = 0;
    for (std::int64_t v = 0; v < V; ++v) {
      z[v] = 0;
      for (std::int64_t d = 0; d < D; ++d) z[v] += x[t * D + d] * w[v * D + d];
      for (std::int64_t r = 0; adapted && r < R; ++r) z[v] += scale * u[r] * b[v * R + r];
      if (z[v] > z[best]) best = v;
      mean += z[v] / Real(V);
    }
    Real sum = 0;
    for (std::int64_t v = 0; v < V; ++v) sum += std::exp(z[v] - z[best]);
    const Real lse = z[best] + std::log(sum);
    const Real nll = lse - (1 - s) * z[labels[t]] - s * mean;
    const Real weight = weights == nullptr ? Real(1) : weights[t];

    if (row_loss != nullptr) row_loss[t] = nll;
    if (top1 != nullptr) top1[t] = static_cast<std::int32_t>(best);
    const std::int64_t entry = slot < 0 ? last : slot;
    loss_sum[entry] += weight * nll;
    weight_sum[entry] += weight;
    scored[entry] += 1;
    if (dx == nullptr) continue;

    for (std::int64_t v = 0; v < V; ++v) {  // z becomes dz
      z[v] = weight * (std::exp(z[v] - lse) - (v == labels[t] ? 1 - s : Real(0)) - s / Real(V));
      for (std::int64_t d = 0; d < D; ++d) dx[t * D + d] += z[v] * w[v * D + d];
    }
    if (!adapted) continue;
    for (std::int64_t r = 0; r < R; ++r) {
      g[r] = 0;
      for (std::int64_t v = 0; v < V; ++v) g[r] += scale * z[v] * b[v * R + r];
    }
    for (std::int64_t d = 0; d < D; ++d) {
      const Real factor = drop_factor<Real>(args.pair, args.route, slot, t, d);
      for (std::int64_t r = 0; r < R; ++r) dx[t * D + d] += factor * g[r] * a[r * D + d];
    }
    if (args.pair.da == nullptr) continue;
    Real *da = static_cast<Real*>(args.pair.da) + slab, *db = static_cast<Real*>(args.pair.db) + slab;
    for (std::int64_t r = 0; r < R; ++r) {
      for (std::int64_t d = 0; d < D; ++d) da[r * D + d] += g[r] * dropped(d);
      for (std::int64_t v = 0; v < V; ++v) db[v * R + r] += scale * z[v] * u[r];
    }
  }
}

}  // namespace lora::cpu
#endif
