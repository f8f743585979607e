// Times the CPU products on the shapes of smollm2-135m: plain, with an adapter of rank 16, backward, few rows, and the
// head. Built and started by products.ts: products f32|bf16 threads seconds-a-line. One JSON line a result: GFLOP/s
// of the frozen product alone (2 * M * N * K), from the median and from the fastest run; the fastest says what the
// code can do where other processes share the machine. What an adapter costs is a part of the plain product's time.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "cpu/head_loss.h"
#include "cpu/kernels.h"
#include "cpu/linear.h"

using namespace lora;
using namespace lora::cpu;

namespace {

bool use_bf16 = false;
double budget = 0.4;  // seconds for each line

struct Matrix {
  std::vector<char> bytes;
  lora_tensor       tensor{};

  Matrix(std::int64_t rows, std::int64_t columns, lora_dtype type, float size) {
    tensor = {nullptr, {rows, columns, 1, 1}, 2, type};
    bytes.resize(bytes_of(tensor) + 64);
    tensor.data = bytes.data() + (64 - reinterpret_cast<std::uintptr_t>(bytes.data()) % 64) % 64;
    std::uint32_t state = 12345;
    for (std::int64_t i = 0; i < rows * columns; ++i) {
      state = state * 1664525u + 1013904223u;
      const float v = size * (static_cast<float>(state >> 8) / 8388608.0f - 1.0f);
      if (type == LORA_F32) static_cast<float*>(tensor.data)[i] = v;
      if (type == LORA_BF16) static_cast<bf16*>(tensor.data)[i] = to_bf16(v);
    }
  }
};

struct Times {
  double median, spread, fastest;
  std::size_t runs;
};

template <class Fn>
Times timed(Fn&& fn) {
  using clock = std::chrono::steady_clock;
  std::vector<double> all;
  fn();
  const auto begin = clock::now();
  while (all.size() < 20 || std::chrono::duration<double>(clock::now() - begin).count() < budget) {
    const auto t = clock::now();
    fn();
    all.push_back(std::chrono::duration<double>(clock::now() - t).count());
  }
  std::sort(all.begin(), all.end());
  const double median = all[all.size() / 2];
  return {median, (all[all.size() * 9 / 10] - all[all.size() / 10]) / 2 / median, all.front(), all.size()};
}

void report(const std::string& name, std::int64_t m, double flop, const Times& t, const Times* plain) {
  std::printf("{\"case\":\"%s\",\"store\":\"%s\",\"rows\":%lld,\"gflops\":%.1f,\"spread\":%.3f,\"best\":%.1f,\"runs\":%zu", name.c_str(),
              use_bf16 ? "bf16" : "f32", static_cast<long long>(m), flop / t.median / 1e9, t.spread, flop / t.fastest / 1e9, t.runs);
  if (plain != nullptr) std::printf(",\"overPlain\":%.3f", t.fastest / plain->fastest - 1);
  std::printf("}\n");
  std::fflush(stdout);
}

double element(const lora_tensor& t, std::int64_t i) {
  return t.dtype == LORA_F32 ? static_cast<const float*>(t.data)[i] : to_f32(static_cast<const bf16*>(t.data)[i]);
}

// Some elements of y = x W^T against sums in double. Ends the program when one is wrong: no wrong product is timed.
void verify(const lora_tensor& x, const lora_tensor& w, const lora_tensor& y) {
  const std::int64_t m = x.shape[0], k = x.shape[1], n = w.shape[0];
  for (std::int64_t i = 0; i < 50; ++i) {
    const std::int64_t row = i * 7919 % m, column = i * 104729 % n;
    double want = 0, size = 0;
    for (std::int64_t e = 0; e < k; ++e) {
      const double product = element(x, row * k + e) * element(w, column * k + e);
      want += product;
      size += product * product;
    }
    const double tolerance = use_bf16 ? 8e-3 * std::abs(want) + 1e-4 * std::sqrt(size) : 1e-5 * std::sqrt(size);
    if (std::abs(element(y, row * n + column) - want) <= tolerance) continue;
    std::fprintf(stderr, "products: element (%lld, %lld) is %g, expected %g\n", static_cast<long long>(row),
                 static_cast<long long>(column), element(y, row * n + column), want);
    std::exit(1);
  }
}

lora_dtype store() { return use_bf16 ? LORA_BF16 : LORA_F32; }

struct Weight {
  Matrix            codes;
  std::vector<char> packed;
  lora_weight       weight{};

  Weight(CpuContext& context, std::int64_t n, std::int64_t k) : codes(n, k, store(), 0.05f) {
    std::size_t bytes = 0;
    weight.codes = codes.tensor;
    weight_pack(context, weight, LORA_USE_FORWARD | LORA_USE_DX, nullptr, &bytes);
    packed.resize(bytes + 64);
    weight.packed = packed.data() + (64 - reinterpret_cast<std::uintptr_t>(packed.data()) % 64) % 64;
    weight_pack(context, weight, LORA_USE_FORWARD | LORA_USE_DX, weight.packed, &bytes);
  }
};

void linears(CpuContext& context, const char* name, std::int64_t m, std::vector<std::int64_t> ns, std::int64_t k) {
  const std::int64_t rank = 16;
  std::vector<Weight> weights;
  std::vector<Matrix> y, dy, slab, gradient, u;
  Matrix x(m, k, store(), 1.0f), dx(m, k, store(), 0.0f);
  const std::int32_t begin[] = {0, static_cast<std::int32_t>(m)}, slot[] = {0};
  const double scale[] = {2.0};
  std::vector<lora_linear_args> forward;
  std::vector<lora_linear_bwd_args> backward;
  double flop = 0;
  for (std::int64_t n : ns) {
    flop += 2.0 * static_cast<double>(m * n * k);
    weights.emplace_back(context, n, k);
    y.emplace_back(m, n, store(), 0.0f);
    dy.emplace_back(m, n, store(), 0.01f);
    slab.emplace_back(1, rank * (n + k), store(), 0.05f);
    gradient.emplace_back(1, rank * (n + k), LORA_F32, 0.0f);
    u.emplace_back(m, rank, store(), 0.0f);
  }
  for (std::size_t i = 0; i < ns.size(); ++i) {
    lora_linear_args f{};
    f.x = x.tensor;
    f.y = y[i].tensor;
    f.w = weights[i].weight;
    f.route = {begin, begin, slot, slot, nullptr, 1};
    forward.push_back(f);
    lora_linear_bwd_args b{};
    b.dy = dy[i].tensor;
    b.x = x.tensor;
    b.dx = dx.tensor;
    b.w = f.w;
    b.route = f.route;
    b.dx_write = i == 0 ? LORA_OVERWRITE : LORA_ADD;
    backward.push_back(b);
  }
  const int count = static_cast<int>(ns.size());
  linear(context, forward.data(), count);
  for (int i = 0; i < count; ++i) verify(x.tensor, weights[i].codes.tensor, y[i].tensor);
  const Times plain = timed([&] { linear(context, forward.data(), count); });
  report(std::string(name), m, flop, plain, nullptr);
  const Times plain_bwd = timed([&] { linear_bwd(context, backward.data(), count); });
  report(std::string(name) + " dx", m, flop, plain_bwd, nullptr);
  for (int i = 0; i < count; ++i) {
    const std::size_t bytes = size_of(store());
    char* a = static_cast<char*>(slab[i].tensor.data);
    float* da = static_cast<float*>(gradient[i].tensor.data);
    lora_pair pair{a, a + bytes * rank * k, da, da + rank * k, 0, static_cast<std::int32_t>(rank), store(), scale,
                   nullptr, {nullptr, nullptr}, 0};
    forward[i].pair = backward[i].pair = pair;
    forward[i].u = backward[i].u = u[i].tensor;
  }
  const Times with = timed([&] { linear(context, forward.data(), count); });
  report(std::string(name) + " r16", m, flop, with, &plain);
  const Times with_bwd = timed([&] { linear_bwd(context, backward.data(), count); });
  report(std::string(name) + " dx r16", m, flop, with_bwd, &plain_bwd);
}

void head(CpuContext& context, std::int64_t m, std::int64_t v, std::int64_t d) {
  Weight weight(context, v, d);
  Matrix x(m, d, store(), 1.0f), dx(m, d, store(), 0.0f);
  std::vector<std::int32_t> labels(m);
  for (std::int64_t i = 0; i < m; ++i) labels[i] = static_cast<std::int32_t>(i * 977 % v);
  double loss[2] = {}, sum[2] = {};
  std::int32_t scored[2] = {};
  const std::int32_t begin[] = {0, static_cast<std::int32_t>(m)}, slot[] = {-1};
  lora_head_loss_args args{};
  args.x = x.tensor;
  args.labels = {labels.data(), {m, 1, 1, 1}, 1, LORA_I32};
  args.w = weight.weight;
  args.route = {begin, begin, slot, slot, nullptr, 1};
  args.loss_sum = {loss, {2, 1, 1, 1}, 1, LORA_F64};
  args.weight_sum = {sum, {2, 1, 1, 1}, 1, LORA_F64};
  args.scored = {scored, {2, 1, 1, 1}, 1, LORA_I32};
  const double flop = 2.0 * static_cast<double>(m * v * d);
  const std::string name = "head " + std::to_string(v) + "x" + std::to_string(d);
  report(name + " loss", m, flop, timed([&] { head_loss(context, args); }), nullptr);
  args.dx = dx.tensor;
  report(name + " loss and dx", m, 2 * flop, timed([&] { head_loss(context, args); }), nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  use_bf16 = argc > 1 && std::strcmp(argv[1], "bf16") == 0;
  lora_limits limits{};
  limits.threads = argc > 2 ? std::atoi(argv[2]) : 0;
  if (argc > 3) budget = std::atof(argv[3]);
  CpuContext context(limits);
  std::fprintf(stderr, "%s, %d threads\n", isa_name(context.isa), context.pool.threads());
  linears(context, "576x576", 512, {576}, 576);
  linears(context, "192x576", 512, {192}, 576);
  linears(context, "q,k,v 576+192+192x576", 512, {576, 192, 192}, 576);
  linears(context, "1536x576", 512, {1536}, 576);
  linears(context, "gate,up 2 1536x576", 512, {1536, 1536}, 576);
  linears(context, "576x1536", 512, {576}, 1536);
  linears(context, "1024x1024", 1024, {1024}, 1024);
  for (std::int64_t m : {1, 2, 6, 16, 64}) linears(context, "1536x576", m, {1536}, 576);
  linears(context, "4096x4096", 1, {4096}, 4096);
  linears(context, "49152x576", 1, {49152}, 576);
  linears(context, "49152x576", 512, {49152}, 576);
  head(context, 512, 49152, 576);
  return 0;
}
