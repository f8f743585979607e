// Row-wise operations at odd widths, on several threads, in both types.
#include "tests/testing.h"

namespace lora::tests {
namespace {

using Tensors = std::vector<lora_tensor>;

lora_dtype real(lora_dtype store) { return store == LORA_F64 ? LORA_F64 : LORA_F32; }

Tensors norms(const Bench& on, Heap& heap, lora_dtype store, std::int64_t T, std::int64_t D) {
  lora_norm_args a{};
  a.r = heap.normals(store, {T, D});
  a.delta = heap.normals(store, {T, D});
  a.sum = heap.zeros(store, {T, D});
  a.w = heap.normals(store, {D});
  a.y = heap.zeros(store, {T, D});
  a.rstd = heap.zeros(real(store), {T});
  a.eps = 1e-5;
  on.ok(on.table.norm(on.stream, &a), "norm");
  lora_norm_bwd_args b{};
  b.dy = heap.normals(store, {T, D});
  b.sum = a.sum;
  b.w = a.w;
  b.rstd = a.rstd;
  b.dsum = b.dx = heap.normals(store, {T, D});
  on.ok(on.table.norm_bwd(on.stream, &b), "norm_bwd");
  return {a.sum, a.y, a.rstd, b.dx};
}

Tensors elementwise(const Bench& on, Heap& heap, lora_dtype store, std::int64_t T, std::int64_t F) {
  lora_swiglu_args a{heap.normals(store, {T, F}, 3), heap.normals(store, {T, F}), heap.zeros(store, {T, F})};
  on.ok(on.table.swiglu(on.stream, &a), "swiglu");
  lora_swiglu_bwd_args b{a.gate, a.up, heap.normals(store, {T, F}), a.gate, a.up};
  on.ok(on.table.swiglu_bwd(on.stream, &b), "swiglu_bwd");
  return {a.h, b.dgate, b.dup};
}

Tensors turned(const Bench& on, Heap& heap, lora_dtype store, std::int64_t T, std::int64_t E) {
  const std::int64_t I = E / 2;
  lora_rope_table_args t{};
  t.position = heap.below(T, 0, 5000);
  t.variant = heap.below(T, 0, 2);
  t.inv_freq = heap.normals(LORA_F64, {2, I}, 0.1, 0.5);
  t.cos = heap.zeros(real(store), {T, I});
  t.sin = heap.zeros(real(store), {T, I});
  t.amplitude = 1;
  on.ok(on.table.rope_table(on.stream, &t), "rope_table");
  lora_rope_args a{heap.normals(store, {T, 3, E}), heap.normals(store, {T, 1, E}), t.cos, t.sin, -1.0f};
  on.ok(on.table.rope(on.stream, &a), "rope");
  return {a.q, a.k};
}

Tensors moved(const Bench& on, Heap& heap, lora_dtype store, std::int64_t T, std::int64_t D) {
  const std::vector<std::int32_t> begin{0, static_cast<std::int32_t>(T / 2), static_cast<std::int32_t>(T / 2),
                                        static_cast<std::int32_t>(T)};
  const std::vector<std::int32_t> slot{1, 0, -1};
  const lora_tensor row = heap.below(T, 0, 1000);
  const std::vector<std::uint64_t> seed{3, 1ull << 63};
  const std::vector<std::uint32_t> tick{5, 0xffffffffu};
  lora_embed_args e{};
  e.ids = heap.below(T, 0, 30);
  e.table = heap.normals(store, {30, D});
  e.out = heap.zeros(store, {T, D});
  e.noise = heap.normals(LORA_F32, {T}, 0.1);
  e.streams = {seed.data(), tick.data()};
  e.route.begin = begin.data();
  e.route.slot = slot.data();
  e.route.row_dev = static_cast<const std::int32_t*>(row.data);
  e.route.segments = 3;
  on.ok(on.table.embed(on.stream, &e), "embed");

  lora_rows_args r{};
  r.src = e.out;
  r.dst = heap.normals(store, {T + 5, D});
  std::vector<std::int32_t> index(static_cast<std::size_t>(T));
  for (std::size_t i = 0; i < index.size(); ++i)
    index[i] = static_cast<std::int32_t>(T + 4 - static_cast<std::int64_t>(i));
  r.index = heap.integers(index);
  r.scatter = 1;
  r.write = LORA_ADD;
  on.ok(on.table.rows(on.stream, &r), "rows");

  lora_columns_args c{};
  c.whole = e.out;
  c.count = 2;
  c.part[0] = heap.zeros(store, {T, 1});
  c.part[1] = heap.zeros(store, {T, D - 1});
  on.ok(on.table.split(on.stream, &c), "split");
  c.whole = heap.zeros(store, {T, D});
  on.ok(on.table.join(on.stream, &c), "join");
  return {e.out, r.dst, c.part[0], c.part[1], c.whole};
}

}  // namespace

void test_rows() {
  const Bench oracle(cpu::oracle_backend, 1);
  for (int threads : {1, 3}) {
    const Bench cpu(cpu::cpu_backend, threads);
    for (lora_dtype store : {LORA_F32, LORA_BF16}) {
      for (std::int64_t width : {2, 7, 16, 33, 577}) {
        for (std::int64_t rows : {1, 5, 67}) {
          const std::string at = " [" + std::to_string(rows) + ", " + std::to_string(width) + "]";
          const auto with = [&](Tensors (*f)(const Bench&, Heap&, lora_dtype, std::int64_t, std::int64_t)) {
            return
                [=](const Bench& on, Heap& heap, lora_dtype type) { return f(on, heap, type, rows, width); };
          };
          compare(cpu, oracle, "norm" + at, store, with(norms));
          compare(cpu, oracle, "swiglu" + at, store, with(elementwise));
          compare(cpu, oracle, "rope" + at, store, with(turned));
          compare(cpu, oracle, "rows" + at, store, with(moved));
        }
      }
    }
  }
}

}  // namespace lora::tests
