// Times the CPU products on the shapes of smollm2-135m: plain, with one adapter, backward, few rows, and the head.
// Prints GFLOP/s (2 * M * N * K of the frozen product alone) from the fastest of many repetitions, so that work of
// other processes disturbs little. Usage: npx tsx bench/ops/products.ts [f32|bf16] [threads]
#include <algorithm>
#include <chrono>
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

template <class Fn>
double fastest(Fn&& fn) {
  using clock = std::chrono::steady_clock;
  fn();
  double best = 1e9;
  const auto begin = clock::now();
  for (int i = 0; i < 5 || std::chrono::duration<double>(clock::now() - begin).count() < budget; ++i) {
    const auto t = clock::now();
    fn();
    best = std::min(best, std::chrono::duration<double>(clock::now() - t).count());
  }
  return best;
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
  const double plain = fastest([&] { linear(context, forward.data(), count); });
  const double plain_bwd = fastest([&] { linear_bwd(context, backward.data(), count); });
  for (int i = 0; i < count; ++i) {
    const std::size_t element = size_of(store());
    char* a = static_cast<char*>(slab[i].tensor.data);
    float* da = static_cast<float*>(gradient[i].tensor.data);
    lora_pair pair{a, a + element * rank * k, da, da + rank * k, 0, static_cast<std::int32_t>(rank), store(), scale,
                   nullptr, {nullptr, nullptr}, 0};
    forward[i].pair = backward[i].pair = pair;
    forward[i].u = backward[i].u = u[i].tensor;
  }
  const double with = fastest([&] { linear(context, forward.data(), count); });
  const double with_bwd = fastest([&] { linear_bwd(context, backward.data(), count); });
  const double read = static_cast<double>(size_of(store())) * flop / 2.0 / static_cast<double>(m);
  std::printf("%-22s M %4lld  forward %7.1f  r16 +%4.1f %%   dx %7.1f  r16 +%5.1f %%   %6.1f GB/s of weights\n", name,
              static_cast<long long>(m), flop / plain / 1e9, 100 * (with / plain - 1), flop / plain_bwd / 1e9,
              100 * (with_bwd / plain_bwd - 1), read / plain / 1e9);
  std::fflush(stdout);
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
  const double evaluation = fastest([&] { head_loss(context, args); });
  args.dx = dx.tensor;
  const double training = fastest([&] { head_loss(context, args); });
  std::printf("head %lldx%lld         M %4lld  loss    %7.1f   loss and dx %7.1f  (%.0f ms)\n", static_cast<long long>(v),
              static_cast<long long>(d), static_cast<long long>(m), flop / evaluation / 1e9, 2 * flop / training / 1e9,
              training * 1e3);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  use_bf16 = argc > 1 && std::strcmp(argv[1], "bf16") == 0;
  lora_limits limits{};
  limits.threads = argc > 2 ? std::atoi(argv[2]) : 0;
  if (argc > 3) budget = std::atof(argv[3]);
  CpuContext context(limits);
  std::printf("%s, %s, %d threads; GFLOP/s of the frozen product\n", isa_name(context.isa), use_bf16 ? "bf16" : "f32",
              context.pool.threads());
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
