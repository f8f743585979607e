// The linears of a layer with their adapters, siblings in one call: forward, or dx with dA and dB.
#include <cmath>

#include "engine/bench_cases.h"

namespace lora {

namespace {

using P = Projection;

// Both sides over the root mean square of what should have come, so that outputs of other sizes may stand beside them.
Pairs normalised(Pairs pairs) {
  double squares = 0;
  for (const auto& pair : pairs) {
    squares += pair.second * pair.second;
  }
  const double size = std::sqrt(squares / double(pairs.size()));
  for (auto& pair : pairs) {
    pair.first /= size;
    pair.second /= size;
  }
  return pairs;
}

void join(Pairs& to, const Pairs& more) { to.insert(to.end(), more.begin(), more.end()); }

struct LinearBed {
  std::vector<P> projections;
  Known x;
  std::vector<Known> w, dy, u;
  std::vector<Tensor> y, out_u;
  std::vector<lora_weight> weights;
  std::vector<std::int64_t> n;
  std::vector<int> site;
  Tensor dx;
  std::vector<lora_linear_args> forward;
  std::vector<lora_linear_bwd_args> backward;
};

}  // namespace

BenchCase linear_case(BenchBed& bed, const std::vector<P>& wanted, bool backward, bool adapters) {
  auto b = std::make_shared<LinearBed>();
  for (const P p : wanted) {
    if (p == P::kHead || bed.spec.has(p)) {
      b->projections.push_back(p);
    }
  }
  BenchCase c;
  if (b->projections.empty()) {
    return c;
  }
  const std::int64_t t = bed.tokens, k = bed.spec.columns(b->projections[0]), r = bed.adapters->rank();
  b->x = bed.known({t, k});
  if (backward) {
    b->dx = bed.empty(bed.types.store, {t, k});
  }
  const double store = double(size_of(bed.types.store));
  c.bytes = store * double(t * k) * (backward ? 2 : 1);
  for (std::size_t i = 0; i < b->projections.size(); ++i) {
    const P p = b->projections[i];
    const std::int64_t n = bed.spec.rows(p);
    const int site = adapters ? bed.adapters->find(0, p) : -1;
    b->n.push_back(n);
    b->site.push_back(site);
    b->w.push_back(bed.known({n, k}, 1 / std::sqrt(double(backward ? n : k))));
    lora_weight w{};
    w.codes = b->w.back().tensor;
    std::size_t packed = 0;
    const Backend& backend = bed.stream.backend();
    const std::uint32_t uses = backward ? LORA_USE_DX : LORA_USE_FORWARD;
    backend.check(backend->weight_pack(bed.stream.handle(), &w, uses, nullptr, &packed), "weight_pack");
    if (packed) {
      const Tensor room = bed.empty(LORA_U8, {static_cast<std::int64_t>(packed)});
      backend.check(backend->weight_pack(bed.stream.handle(), &w, uses, room.data, &packed), "weight_pack");
      w.packed = room.data;
    }
    const lora_pair pair = bed.adapters->pair(site, {0}, {}, backward);
    if (backward) {
      b->dy.push_back(bed.known({t, n}));
      b->u.push_back(bed.known({t, r}));
      lora_linear_bwd_args a{};
      a.dy = b->dy.back().tensor;
      a.x = b->x.tensor;
      a.u = pair.a ? b->u.back().tensor : Tensor();
      a.dx = b->dx;
      a.w = w;
      a.pair = pair;
      a.route = bed.route.view;
      a.dx_write = i ? LORA_ADD : LORA_OVERWRITE;
      b->backward.push_back(a);
    } else {
      b->y.push_back(bed.empty(bed.types.store, {t, n}));
      b->out_u.push_back(bed.empty(bed.types.store, {t, r}));
      lora_linear_args a{};
      a.x = b->x.tensor;
      a.y = b->y.back();
      a.u = pair.a ? b->out_u.back() : Tensor();
      a.w = w;
      a.pair = pair;
      a.route = bed.route.view;
      b->forward.push_back(a);
    }
    c.shape += text(i ? " + " : "", name_of(p));
    c.flops += 2.0 * double(t) * double(n) * double(k);
    c.bytes += store * (double(t * n) + double(n * k));
    if (pair.a) {
      c.flops += 2.0 * double(t * r) * double(n + k) * (backward ? 2 : 1);
      c.bytes += store * double(r) * double(n + k + t) * (backward ? 3 : 1);
    }
  }
  c.shape += text(", ", t, " x ", k);
  c.prepare = [&bed](Ops& ops) { ops.stream().fill(bed.adapters->grad.data, 0, bed.adapters->grad.bytes()); };
  c.run = [b, backward](Ops& ops) {
    if (backward) {
      ops.linear_bwd(b->backward.data(), static_cast<std::int32_t>(b->backward.size()));
    } else {
      ops.linear(b->forward.data(), static_cast<std::int32_t>(b->forward.size()));
    }
  };
  const auto a_at = [&bed, b, k](std::size_t i, std::int64_t row, std::int64_t column) {
    return bed.at(bed.slab, bed.adapters->sites()[static_cast<std::size_t>(b->site[i])].a_at + row * k + column);
  };
  const auto b_at = [&bed, b, r](std::size_t i, std::int64_t row, std::int64_t column) {
    return bed.at(bed.slab, bed.adapters->sites()[static_cast<std::size_t>(b->site[i])].b_at + row * r + column);
  };
  const auto g_at = [&bed, b, b_at](std::size_t i, std::int64_t row, std::int64_t rank) {
    double sum = 0;
    for (std::int64_t n = 0; n < b->n[i]; ++n) {
      sum += bed.at(b->dy[i], row * b->n[i] + n) * b_at(i, n, rank);
    }
    return 2 * sum;
  };
  c.check = [&bed, b, t, k, r, backward, a_at, b_at, g_at] {
    Pairs all, dx;
    for (std::size_t i = 0; !backward && i < b->n.size(); ++i) {
      Pairs y;
      for (int look = 0; look < kBenchLooks; ++look) {
        const std::int64_t row = bench_place(look, t), column = bench_place(3 * look + 1, b->n[i]);
        double sum = 0;
        for (std::int64_t j = 0; j < k; ++j) {
          sum += bed.at(b->x, row * k + j) * bed.at(b->w[i], column * k + j);
        }
        for (std::int64_t q = 0; b->site[i] >= 0 && q < r; ++q) {
          double u = 0;
          for (std::int64_t j = 0; j < k; ++j) {
            u += bed.at(b->x, row * k + j) * a_at(i, q, j);
          }
          sum += 2 * u * b_at(i, column, q);
        }
        y.push_back({bed.read(b->y[i], row * b->n[i] + column, 1)[0], sum});
      }
      join(all, normalised(y));
    }
    if (!backward) {
      return all;
    }
    for (int look = 0; look < kBenchLooks; ++look) {
      const std::int64_t row = bench_place(look, t), column = bench_place(3 * look + 1, k);
      double sum = 0;
      for (std::size_t i = 0; i < b->n.size(); ++i) {
        for (std::int64_t j = 0; j < b->n[i]; ++j) {
          sum += bed.at(b->dy[i], row * b->n[i] + j) * bed.at(b->w[i], j * k + column);
        }
        for (std::int64_t q = 0; b->site[i] >= 0 && q < r; ++q) {
          sum += g_at(i, row, q) * a_at(i, q, column);
        }
      }
      dx.push_back({bed.read(b->dx, row * k + column, 1)[0], sum});
    }
    join(all, normalised(dx));
    const std::size_t last = b->n.size() - 1;
    if (b->site[last] < 0) {
      return all;
    }
    const Site& site = bed.adapters->sites()[static_cast<std::size_t>(b->site[last])];
    const std::int64_t rank = bench_place(5, r);
    std::vector<double> g;
    for (std::int64_t row = 0; row < t; ++row) {
      g.push_back(g_at(last, row, rank));
    }
    Pairs da, db;
    for (int look = 0; look < kBenchLooks; ++look) {
      const std::int64_t column = bench_place(look, k), n = bench_place(look, b->n[last]), q = bench_place(7 * look, r);
      double a = 0, other = 0;
      for (std::int64_t row = 0; row < t; ++row) {
        a += g[static_cast<std::size_t>(row)] * bed.at(b->x, row * k + column);
        other += 2 * bed.at(b->dy[last], row * b->n[last] + n) * bed.at(b->u[last], row * r + q);
      }
      da.push_back({bed.read(bed.adapters->grad, site.a_at + rank * k + column, 1)[0], a});
      db.push_back({bed.read(bed.adapters->grad, site.b_at + n * r + q, 1)[0], other});
    }
    join(all, normalised(da));
    join(all, normalised(db));
    return all;
  };
  return c;
}

}  // namespace lora
