// Cross-entropy of the head and its gradient, one row at a time, written for reading. In <double, double> this is
// the truth for every backend; in <float, bf16, bf16> logits and their gradient are kept in bf16, as the usual
// framework keeps them. Derivation in docs/math/head_loss.md.
#ifndef LORA_CPU_HEAD_LOSS_ORACLE_H
#define LORA_CPU_HEAD_LOSS_ORACLE_H

#include <cmath>
#include <cstdint>
#include <vector>

#include "cpu/linear_oracle.h"

namespace lora::cpu {

//   z = x W^T + scale * u B^T,  u = drop(x) A^T,  p = softmax(z)
//   nll = logsumexp(z) - (1 - s) z[label] - s * mean(z);  dz[v] = weight * (p[v] - (1 - s) [v = label] - s / V)
//   g = scale * dz B;  dx = dz W + drop'(g A);  dA += g^T drop(x);  dB += scale * dz^T u
template <class Real, class Store, class Kept = Real>
void head_loss_oracle(const lora_head_loss_args& args) {
  const std::int64_t T = args.x.shape[0], D = args.x.shape[1], V = args.w.codes.shape[0];
  const Store *x = data<Store>(args.x), *w = data<Store>(args.w.codes);
  const Real* weights = data<Real>(args.weight);
  const std::int32_t* labels = data<std::int32_t>(args.labels);
  Store* dx = data<Store>(args.dx);
  const std::int64_t R = args.pair.rank, last = args.loss_sum.shape[0] - 1;  // the last entry is slot -1's
  const Real s = Real(args.smoothing);
  const std::vector<std::int32_t> slots = slot_of_rows(args.route, T);

  std::vector<Real> z(V), u(R), g(R), row_dx(D);
  for (std::int64_t t = 0; t < T; ++t) {
    const bool scored = labels[t] >= 0;
    if (args.row_loss.data != nullptr) data<Real>(args.row_loss)[t] = 0;
    if (args.row_top1.data != nullptr) data<std::int32_t>(args.row_top1)[t] = -1;
    for (std::int64_t d = 0; dx != nullptr && d < D; ++d) set(dx[t * D + d], Real(0));
    if (!scored) continue;

    const RowPair<Store> pair(args.pair, slots[t]);
    const Real scale = Real(pair.scale);
    auto drop = [&](std::int64_t d) { return drop_factor<Real>(args.pair, args.route, slots[t], t, d); };
    for (std::int64_t r = 0; r < pair.rank; ++r) {
      u[r] = 0;
      for (std::int64_t d = 0; d < D; ++d) u[r] += kept<Kept>(drop(d) * value<Real>(x[t * D + d])) * value<Real>(pair.a[r * D + d]);
      u[r] = kept<Kept>(u[r]);
    }
    std::int64_t best = 0;
    Real mean = 0;
    for (std::int64_t v = 0; v < V; ++v) {
      Real low = 0;
      z[v] = 0;
      for (std::int64_t d = 0; d < D; ++d) z[v] += value<Real>(x[t * D + d]) * value<Real>(w[v * D + d]);
      for (std::int64_t r = 0; r < pair.rank; ++r) low += u[r] * value<Real>(pair.b[v * R + r]);
      z[v] = kept<Kept>(z[v] + scale * low);
      if (z[v] > z[best]) best = v;
      mean += z[v] / Real(V);
    }
    Real sum = 0;
    for (std::int64_t v = 0; v < V; ++v) sum += std::exp(z[v] - z[best]);
    const Real lse = z[best] + std::log(sum);
    const Real nll = lse - (1 - s) * z[labels[t]] - s * mean;
    const Real weight = weights == nullptr ? Real(1) : weights[t];

    if (args.row_loss.data != nullptr) data<Real>(args.row_loss)[t] = nll;
    if (args.row_top1.data != nullptr) data<std::int32_t>(args.row_top1)[t] = static_cast<std::int32_t>(best);
    const std::int64_t entry = slots[t] < 0 ? last : slots[t];
    data<double>(args.loss_sum)[entry] += weight * nll;
    data<double>(args.weight_sum)[entry] += weight;
    data<std::int32_t>(args.scored)[entry] += 1;
    if (dx == nullptr) continue;

    row_dx.assign(D, Real(0));
    for (std::int64_t v = 0; v < V; ++v) {  // z becomes dz
      z[v] = kept<Kept>(weight * (std::exp(z[v] - lse) - (v == labels[t] ? 1 - s : Real(0)) - s / Real(V)));
      for (std::int64_t d = 0; d < D; ++d) row_dx[d] += z[v] * value<Real>(w[v * D + d]);
    }
    for (std::int64_t r = 0; r < pair.rank; ++r) {
      g[r] = 0;
      for (std::int64_t v = 0; v < V; ++v) g[r] += scale * z[v] * value<Real>(pair.b[v * R + r]);
      g[r] = kept<Kept>(g[r]);
    }
    for (std::int64_t d = 0; d < D; ++d) {
      Real low = 0;
      for (std::int64_t r = 0; r < pair.rank; ++r) low += g[r] * value<Real>(pair.a[r * D + d]);
      set(dx[t * D + d], pair.rank == 0 ? row_dx[d] : row_dx[d] + drop(d) * low);
    }
    if (pair.rank == 0 || args.pair.da == nullptr) continue;
    Real *da = static_cast<Real*>(args.pair.da) + pair.slab, *db = static_cast<Real*>(args.pair.db) + pair.slab;
    for (std::int64_t r = 0; r < R; ++r) {
      for (std::int64_t d = 0; d < D; ++d) da[r * D + d] += g[r] * kept<Kept>(drop(d) * value<Real>(x[t * D + d]));
      for (std::int64_t v = 0; v < V; ++v) db[v * R + r] += scale * z[v] * u[r];
    }
  }
}

}  // namespace lora::cpu
#endif
