// The list. Flops count products and sums of the formula, bytes count every tensor once.
#include "engine/bench_cases.h"

#include <algorithm>
#include <cmath>

namespace lora {

namespace {

using P = Projection;

struct AttentionBed {
  Known q, k, v, dout;
  Tensor o, lse, dq, dk, dv;
  lora_attention_args forward{};
  lora_attention_bwd_args backward{};
};

BenchCase attention_case(BenchBed& bed, bool backward) {
  auto b = std::make_shared<AttentionBed>();
  const ModelSpec& s = bed.spec;
  const std::int64_t t = bed.tokens, h = s.heads, g = s.kv_heads, e = s.head_width;
  const lora_dtype store = bed.types.store;
  b->q = bed.known({t, h, e});
  b->k = bed.known({t, g, e});
  b->v = bed.known({t, g, e});
  b->o = bed.empty(store, {t, h, e});
  b->lse = bed.empty(bed.types.real, {h, t});
  const double scale = 1 / std::sqrt(double(e));
  lora_attention_args& f = b->forward;
  f.q = b->q.tensor;
  f.k = b->k.tensor;
  f.v = b->v.tensor;
  f.o = b->o;
  f.lse = b->lse;
  f.q_begin = bed.q_begin;
  f.k_begin = bed.k_begin;
  f.k_count = bed.k_count;
  f.q_begin_host = bed.q_begin_host.data();
  f.k_begin_host = bed.k_begin_host.data();
  f.k_count_host = bed.k_count_host.data();
  f.longest = static_cast<std::int32_t>(bed.sequence);
  f.scale = scale;
  double pairs = 0;
  for (const std::int32_t count : bed.k_count_host) {
    pairs += double(count) * (double(count) + 1) / 2;
  }
  BenchCase c;
  c.shape = text(h, "/", g, " heads x ", e, ", sequences of ", bed.sequence);
  c.flops = pairs * double(h * e) * (backward ? 10 : 4);
  c.bytes = double(size_of(store)) * double(t * e) * double(backward ? 4 * h + 4 * g : 2 * h + 2 * g);
  if (backward) {
    b->dout = bed.known({t, h, e});
    b->dq = bed.empty(store, {t, h, e});
    b->dk = bed.empty(store, {t, g, e});
    b->dv = bed.empty(store, {t, g, e});
    lora_attention_bwd_args& a = b->backward;
    a.q = f.q;
    a.k = f.k;
    a.v = f.v;
    a.o = f.o;
    a.lse = f.lse;
    a.dout = b->dout.tensor;
    a.dq = b->dq;
    a.dk = b->dk;
    a.dv = b->dv;
    a.q_begin = f.q_begin;
    a.q_begin_host = f.q_begin_host;
    a.longest = f.longest;
    a.scale = scale;
    c.prepare = [b](Ops& ops) { ops.attention(b->forward); };
  }
  c.run = [b, backward](Ops& ops) { backward ? ops.attention_bwd(b->backward) : ops.attention(b->forward); };
  c.check = [&bed, b, t, h, g, e, scale, backward] {
    Pairs out;
    for (int look = 0; look < kBenchLooks; ++look) {
      const std::int64_t row = bench_place(look, t), head = bench_place(3 * look, h), group = head / (h / g);
      const std::int64_t first = row / bed.sequence * bed.sequence;
      const auto dot = [&](const Known& x, std::int64_t xh, const Known& y, std::int64_t key) {
        double sum = 0;
        for (std::int64_t d = 0; d < e; ++d) {
          sum += bed.at(x, (row * xh + head) * e + d) * bed.at(y, (key * g + group) * e + d);
        }
        return sum;
      };
      std::vector<double> p;
      double most = -HUGE_VAL, total = 0, mean = 0;
      for (std::int64_t key = first; key <= row; ++key) {
        p.push_back(scale * dot(b->q, h, b->k, key));
        most = std::max(most, p.back());
      }
      for (double& x : p) {
        total += x = std::exp(x - most);
      }
      std::vector<double> dp(p.size());
      for (std::size_t i = 0; i < p.size(); ++i) {
        p[i] /= total;
        if (backward) {
          dp[i] = dot(b->dout, h, b->v, first + static_cast<std::int64_t>(i));
          mean += p[i] * dp[i];
        }
      }
      const std::int64_t d = bench_place(5 * look, e);
      double sum = 0;
      for (std::size_t i = 0; i < p.size(); ++i) {
        const std::int64_t at = ((first + static_cast<std::int64_t>(i)) * g + group) * e + d;
        sum += backward ? scale * p[i] * (dp[i] - mean) * bed.at(b->k, at) : p[i] * bed.at(b->v, at);
      }
      out.push_back({bed.read(backward ? b->dq : b->o, (row * h + head) * e + d, 1)[0], sum});
    }
    return out;
  };
  return c;
}

BenchCase norm_case(BenchBed& bed, bool backward) {
  struct Bed {
    Known r, delta, w;
    Tensor sum, y, rstd, dx;
  };
  auto b = std::make_shared<Bed>();
  const std::int64_t t = bed.tokens, d = bed.spec.width;
  const lora_dtype store = bed.types.store;
  b->r = bed.known({t, d});
  b->delta = bed.known({t, d});
  b->w = bed.known({d});
  b->sum = bed.empty(store, {t, d});
  b->y = bed.empty(store, {t, d});
  b->dx = bed.empty(store, {t, d});
  b->rstd = bed.empty(bed.types.real, {t});
  const double eps = bed.spec.norm_eps;
  BenchCase c;
  c.shape = text(t, " x ", d);
  c.flops = double(t * d) * (backward ? 8 : 5);
  c.bytes = double(size_of(store)) * 4 * double(t * d);  // backward: dy, sum and dsum in, dx out
  const auto forward = [b, eps](Ops& ops) {
    lora_norm_args a{};
    a.r = b->r.tensor;
    a.delta = b->delta.tensor;
    a.sum = b->sum;
    a.w = b->w.tensor;
    a.y = b->y;
    a.rstd = b->rstd;
    a.eps = eps;
    ops.norm(a);
  };
  if (backward) {
    c.prepare = forward;
  }
  c.run = backward ? std::function<void(Ops&)>([b](Ops& ops) {
    lora_norm_bwd_args a{};
    a.dy = b->r.tensor;  // any numbers do
    a.sum = b->sum;
    a.w = b->w.tensor;
    a.rstd = b->rstd;
    a.dsum = b->delta.tensor;
    a.dx = b->dx;
    ops.norm_bwd(a);
  })
                   : std::function<void(Ops&)>(forward);
  c.check = [&bed, b, t, d, eps, backward] {
    Pairs out;
    for (int look = 0; look < kBenchLooks; ++look) {
      const std::int64_t row = bench_place(look, t), column = bench_place(3 * look + 1, d);
      const auto sum_at = [&](std::int64_t j) {
        return bed.round(bed.at(b->r, row * d + j) + bed.at(b->delta, row * d + j));
      };
      double squares = 0, pull = 0;
      for (std::int64_t j = 0; j < d; ++j) {
        squares += sum_at(j) * sum_at(j);
        pull += bed.at(b->r, row * d + j) * bed.at(b->w, j) * sum_at(j);
      }
      const double rstd = 1 / std::sqrt(squares / double(d) + eps);
      const double xhat = sum_at(column) * rstd, w = bed.at(b->w, column);
      const double want = backward ? rstd * (bed.at(b->r, row * d + column) * w - xhat * pull * rstd / double(d)) +
                                         bed.at(b->delta, row * d + column)
                                   : xhat * w;
      out.push_back({bed.read(backward ? b->dx : b->y, row * d + column, 1)[0], want});
    }
    return out;
  };
  return c;
}

BenchCase swiglu_case(BenchBed& bed, bool backward) {
  struct Bed {
    Known gate, up, dh;
    Tensor h, dgate, dup;
  };
  auto b = std::make_shared<Bed>();
  const std::int64_t t = bed.tokens, f = bed.spec.feed_forward;
  b->gate = bed.known({t, f});
  b->up = bed.known({t, f});
  b->h = bed.empty(bed.types.store, {t, f});
  if (backward) {
    b->dh = bed.known({t, f});
    b->dgate = bed.empty(bed.types.store, {t, f});
    b->dup = bed.empty(bed.types.store, {t, f});
  }
  BenchCase c;
  c.shape = text(t, " x ", f);
  c.flops = double(t * f) * (backward ? 10 : 5);
  c.bytes = double(size_of(bed.types.store)) * double(t * f) * (backward ? 5 : 3);
  c.run = [b, backward](Ops& ops) {
    if (backward) {
      lora_swiglu_bwd_args a{};
      a.gate = b->gate.tensor;
      a.up = b->up.tensor;
      a.dh = b->dh.tensor;
      a.dgate = b->dgate;
      a.dup = b->dup;
      ops.swiglu_bwd(a);
    } else {
      lora_swiglu_args a{};
      a.gate = b->gate.tensor;
      a.up = b->up.tensor;
      a.h = b->h;
      ops.swiglu(a);
    }
  };
  c.check = [&bed, b, t, f, backward] {
    Pairs out;
    for (int look = 0; look < kBenchLooks; ++look) {
      const std::int64_t i = bench_place(look, t * f);
      const double gate = bed.at(b->gate, i), up = bed.at(b->up, i), half = 1 / (1 + std::exp(-gate));
      if (backward) {
        const double dh = bed.at(b->dh, i);
        out.push_back({bed.read(b->dgate, i, 1)[0], dh * up * half * (1 + gate * (1 - half))});
        out.push_back({bed.read(b->dup, i, 1)[0], dh * gate * half});
      } else {
        out.push_back({bed.read(b->h, i, 1)[0], gate * half * up});
      }
    }
    return out;
  };
  return c;
}

BenchCase head_loss_case(BenchBed& bed) {
  struct Bed {
    Known x, w;
    Tensor labels, dx, row_loss, loss, weight, scored;
    lora_head_loss_args args{};
  };
  auto b = std::make_shared<Bed>();
  const std::int64_t t = bed.tokens, d = bed.spec.width, v = bed.spec.vocabulary;
  b->x = bed.known({t, d});
  b->w = bed.known({v, d}, 2 / std::sqrt(double(d)));
  std::vector<std::int32_t> labels;
  for (std::int64_t row = 0; row < t; ++row) {
    labels.push_back(static_cast<std::int32_t>(bench_place(static_cast<int>(row), v)));
  }
  b->labels = bed.ints(labels);
  b->dx = bed.empty(bed.types.store, {t, d});
  b->row_loss = bed.empty(bed.types.real, {t});
  b->loss = bed.empty(LORA_F64, {2});
  b->weight = bed.empty(LORA_F64, {2});
  b->scored = bed.empty(LORA_I32, {2});
  lora_head_loss_args& a = b->args;
  a.x = b->x.tensor;
  a.labels = b->labels;
  a.dx = b->dx;
  a.w.codes = b->w.tensor;
  a.route = bed.route.view;
  a.row_loss = b->row_loss;
  a.loss_sum = b->loss;
  a.weight_sum = b->weight;
  a.scored = b->scored;
  BenchCase c;
  c.shape = text(t, " x ", d, " x ", v, ", loss and dx");
  c.flops = 4.0 * double(t) * double(d) * double(v);
  c.bytes = double(size_of(bed.types.store)) * (2 * double(t * d) + double(v * d));
  c.prepare = [b](Ops& ops) {
    for (const Tensor& sum : {b->loss, b->weight, b->scored}) {
      ops.stream().fill(sum.data, 0, sum.bytes());
    }
  };
  c.run = [b](Ops& ops) { ops.head_loss(b->args); };
  c.check = [&bed, b, t, d, v] {
    Pairs out;
    for (int look = 0; look < 2; ++look) {
      const std::int64_t row = bench_place(look, t);
      double total = 0, label = 0;
      for (std::int64_t n = 0; n < v; ++n) {
        double z = 0;
        for (std::int64_t j = 0; j < d; ++j) {
          z += bed.at(b->x, row * d + j) * bed.at(b->w, n * d + j);
        }
        total += std::exp(z);
        label = n == bench_place(static_cast<int>(row), v) ? z : label;
      }
      out.push_back({bed.read(b->row_loss, row, 1)[0], std::log(total) - label});
    }
    return out;
  };
  return c;
}

BenchCase adamw_case(BenchBed& bed) {
  struct Bed {
    Tensor sqnorm, weight, report;
    lora_adamw_rule rule{};
    std::vector<double> before, grad;
  };
  auto b = std::make_shared<Bed>();
  Adapters& adapters = *bed.adapters;
  const std::int64_t p = adapters.length();
  b->sqnorm = bed.empty(LORA_F64, {1});
  b->weight = bed.empty(LORA_F64, {2});
  b->report = bed.empty(LORA_F64, {1, 3});
  b->rule.lr = 1e-2;
  b->rule.beta1 = 0.9;
  b->rule.beta2 = 0.999;
  b->rule.eps = 1e-8;
  b->rule.step = 1;
  BenchCase c;
  if (p == 0) {
    return c;
  }
  c.shape = text(p, " parameters of one layer");
  c.flops = 16.0 * double(p);
  c.bytes = double(p) * (4 * 8 + double(size_of(bed.types.store)));
  c.prepare = [&bed, b, &adapters, p](Ops& ops) {
    const double one = 1, weights[2] = {1, 1};
    ops.stream().copy(b->sqnorm.data, &one, sizeof one, LORA_HOST_TO_DEVICE);
    ops.stream().copy(b->weight.data, weights, sizeof weights, LORA_HOST_TO_DEVICE);
    ops.stream().fill(adapters.grad.data, 0x3d, adapters.grad.bytes());  // 0.0462 in f32
    b->grad = bed.read(adapters.grad, p - 1, 1);
    for (int look = 0; look < kBenchLooks; ++look) {
      b->before.push_back(bed.read(adapters.master, bench_place(look, p), 1)[0]);
    }
  };
  c.run = [b, &adapters](Ops& ops) {
    lora_adamw_args a{};
    a.master = adapters.master;
    a.work = adapters.work;
    a.grad = adapters.grad;
    a.m = adapters.first_moment;
    a.v = adapters.second_moment;
    a.sqnorm = b->sqnorm;
    a.weight_sum = b->weight;
    a.report = b->report;
    a.rules = &b->rule;
    a.count = 1;
    ops.adamw(a);
  };
  c.check = [&bed, b, &adapters, p] {
    Pairs out;
    for (int look = 0; look < kBenchLooks; ++look) {
      const double moved = bed.read(adapters.master, bench_place(look, p), 1)[0] - b->before[static_cast<std::size_t>(look)];
      out.push_back({moved, -b->rule.lr * b->grad[0] / (b->grad[0] + b->rule.eps)});
    }
    return out;
  };
  return c;
}

BenchCase matrix_case(BenchBed& bed) { return linear_case(bed, {P::kGate, P::kUp, P::kGateUp}, false, false); }

}  // namespace

const std::vector<BenchEntry>& bench_entries() {
  static const std::vector<BenchEntry> all = {
      {"matrix", matrix_case},
      {"qkv", [](BenchBed& b) { return linear_case(b, {P::kQ, P::kK, P::kV, P::kQkv}, false); }},
      {"qkv_bwd", [](BenchBed& b) { return linear_case(b, {P::kQ, P::kK, P::kV, P::kQkv}, true); }},
      {"o", [](BenchBed& b) { return linear_case(b, {P::kO}, false); }},
      {"o_bwd", [](BenchBed& b) { return linear_case(b, {P::kO}, true); }},
      {"gate_up", [](BenchBed& b) { return linear_case(b, {P::kGate, P::kUp, P::kGateUp}, false); }},
      {"gate_up_bwd", [](BenchBed& b) { return linear_case(b, {P::kGate, P::kUp, P::kGateUp}, true); }},
      {"down", [](BenchBed& b) { return linear_case(b, {P::kDown}, false); }},
      {"down_bwd", [](BenchBed& b) { return linear_case(b, {P::kDown}, true); }},
      {"attention", [](BenchBed& b) { return attention_case(b, false); }},
      {"attention_bwd", [](BenchBed& b) { return attention_case(b, true); }},
      {"norm", [](BenchBed& b) { return norm_case(b, false); }},
      {"norm_bwd", [](BenchBed& b) { return norm_case(b, true); }},
      {"swiglu", [](BenchBed& b) { return swiglu_case(b, false); }},
      {"swiglu_bwd", [](BenchBed& b) { return swiglu_case(b, true); }},
      {"head_loss", head_loss_case},
      {"adamw", adamw_case},
  };
  return all;
}

}  // namespace lora
