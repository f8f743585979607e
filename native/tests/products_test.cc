// The linear, its backward pass and the loss head with routed adapters and dropout, plain and packed, at odd
// shapes.
#include "tests/testing.h"

namespace lora::tests {
namespace {

using Tensors = std::vector<lora_tensor>;

lora_dtype real(lora_dtype store) { return store == LORA_F64 ? LORA_F64 : LORA_F32; }

// Two slots, base rows, an empty segment, and what the random streams need.
struct Routed {
  std::vector<std::int32_t> begin, slot{1, -1, 0, 1}, row;
  std::vector<double> scale{0.5, 2.0};
  std::vector<float> drop{0.0f, 0.3f};
  std::vector<std::uint64_t> seed{11, 12};
  std::vector<std::uint32_t> tick{1, 2};
  lora_route route{};

  explicit Routed(std::int32_t T) : begin{0, T / 3, T / 2, T / 2, T} {
    for (std::int32_t t = 0; t < T; ++t) row.push_back(t);
    route = {begin.data(), begin.data(), slot.data(), slot.data(), row.data(), 4};
  }
};

lora_pair pair_of(Heap& heap, const Routed& routed, lora_dtype store, std::int64_t N, std::int64_t K,
                  Tensors* gradients) {
  const std::int64_t R = 16, P = R * (K + N);
  lora_pair p{};
  const lora_tensor slab = heap.normals(store, {2, P}, 0.2),
                    gradient = heap.normals(real(store), {2, P}, 0.1);
  p.a = slab.data;
  p.b = static_cast<char*>(slab.data) + static_cast<std::size_t>(R * K) * size_of(store);
  p.da = gradient.data;
  p.db = static_cast<char*>(gradient.data) + static_cast<std::size_t>(R * K) * size_of(gradient.dtype);
  p.slot_stride = P;
  p.rank = static_cast<std::int32_t>(R);
  p.dtype = store;
  p.scale = routed.scale.data();
  p.drop = routed.drop.data();
  p.streams = {routed.seed.data(), routed.tick.data()};
  p.site = 3;
  gradients->push_back(gradient);
  return p;
}

lora_weight weight_of(const Bench& on, Heap& heap, lora_dtype store, std::int64_t N, std::int64_t K,
                      std::uint32_t uses) {
  lora_weight w{};
  w.codes = heap.normals(store, {N, K}, 0.2);
  std::size_t bytes = 0;
  on.ok(on.table.weight_pack(on.stream, &w, uses, nullptr, &bytes), "weight_pack");
  if (bytes == 0) return w;
  w.packed = heap.zeros(LORA_U8, {static_cast<std::int64_t>(bytes) + 64}).data;
  w.packed = reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(w.packed) + 63) / 64 * 64);
  void* packed = w.packed;
  w.packed = nullptr;
  on.ok(on.table.weight_pack(on.stream, &w, uses, packed, &bytes), "weight_pack");
  w.packed = packed;
  w.codes.data = nullptr;
  return w;
}

Tensors linears(const Bench& on, Heap& heap, lora_dtype store, std::int64_t T, std::int64_t N,
                std::int64_t K) {
  const Routed routed(static_cast<std::int32_t>(T));
  Tensors out;
  lora_linear_args f[2] = {};
  lora_linear_bwd_args b[2] = {};
  const lora_tensor x = heap.normals(store, {T, K}), dx = heap.zeros(store, {T, K});
  for (int i = 0; i < 2; ++i) {
    const std::int64_t n = i == 0 ? N : N + 5;
    f[i].x = x;
    f[i].w = weight_of(on, heap, store, n, K, LORA_USE_FORWARD | LORA_USE_DX);
    f[i].y = heap.zeros(store, {T, n});
    if (i == 1) f[i].bias = heap.normals(store, {n});
    f[i].pair = pair_of(heap, routed, store, n, K, &out);
    f[i].u = heap.zeros(store, {T, 16});
    f[i].route = routed.route;
    b[i].dy = heap.normals(store, {T, n});
    b[i].x = x;
    b[i].u = f[i].u;
    b[i].dx = dx;
    b[i].w = f[i].w;
    b[i].pair = f[i].pair;
    b[i].route = routed.route;
    b[i].dx_write = i == 0 ? LORA_OVERWRITE : LORA_ADD;
    out.push_back(f[i].y);
  }
  on.ok(on.table.linear(on.stream, f, 2), "linear");
  on.ok(on.table.linear_bwd(on.stream, b, 2), "linear_bwd");
  out.push_back(dx);
  return out;
}

Tensors losses(const Bench& on, Heap& heap, lora_dtype store, std::int64_t T, std::int64_t V,
               std::int64_t D) {
  const Routed routed(static_cast<std::int32_t>(T));
  Tensors out;
  lora_head_loss_args a{};
  a.x = heap.normals(store, {T, D});
  a.labels = heap.below(T, -1, static_cast<std::int32_t>(V));
  a.weight = heap.normals(real(store), {T}, 0.1, 1);
  a.dx = heap.zeros(store, {T, D});
  a.w = weight_of(on, heap, store, V, D, LORA_USE_FORWARD | LORA_USE_DX);
  a.pair = pair_of(heap, routed, store, V, D, &out);
  a.route = routed.route;
  a.smoothing = 0.1;
  a.row_loss = heap.zeros(real(store), {T});
  a.row_top1 = heap.zeros(LORA_I32, {T});
  a.loss_sum = heap.zeros(LORA_F64, {3});
  a.weight_sum = heap.zeros(LORA_F64, {3});
  a.scored = heap.zeros(LORA_I32, {3});
  on.ok(on.table.head_loss(on.stream, &a), "head_loss");
  for (const lora_tensor& t : {a.dx, a.row_loss, a.loss_sum, a.weight_sum, a.scored}) out.push_back(t);
  return out;
}

}  // namespace

void test_products() {
  const Bench oracle(cpu::oracle_backend, 1);
  for (int threads : {1, 3}) {
    const Bench cpu(cpu::cpu_backend, threads);
    for (lora_dtype store : {LORA_F32, LORA_BF16}) {
      for (std::int64_t T : {1, 2, 7, 61}) {
        compare(
            cpu, oracle, "linear of " + std::to_string(T) + " rows", store,
            [&](const Bench& on, Heap& heap, lora_dtype type) { return linears(on, heap, type, T, 67, 35); });
        compare(
            cpu, oracle, "loss of " + std::to_string(T) + " rows", store,
            [&](const Bench& on, Heap& heap, lora_dtype type) { return losses(on, heap, type, T, 517, 35); });
      }
    }
  }
}

}  // namespace lora::tests
