// Attention at odd head widths and sequence lengths, with windows and caches, on several threads.
#include "tests/testing.h"

namespace lora::tests {
namespace {

using Tensors = std::vector<lora_tensor>;

Tensors trained(const Bench& on, Heap& heap, lora_dtype store, std::int64_t H, std::int64_t G, std::int64_t E,
                const std::vector<std::int32_t>& begin, std::int32_t window) {
  const std::int64_t T = begin.back(), Q = static_cast<std::int64_t>(begin.size()) - 1;
  const lora_dtype real = store == LORA_F64 ? LORA_F64 : LORA_F32;
  std::vector<std::int32_t> first(begin.begin(), begin.end() - 1), count(static_cast<std::size_t>(Q));
  std::int32_t longest = 0;
  for (std::size_t s = 0; s < count.size(); ++s)
    longest = std::max(longest, count[s] = begin[s + 1] - begin[s]);
  lora_attention_args a{};
  a.q = heap.normals(store, {T, H, E});
  a.k = heap.normals(store, {T, G, E});
  a.v = heap.normals(store, {T, G, E});
  a.o = heap.zeros(store, {T, H, E});
  a.lse = heap.zeros(real, {H, T});
  a.q_begin = heap.integers(begin);
  a.k_begin = heap.integers(first);
  a.k_count = heap.integers(count);
  a.q_begin_host = begin.data();
  a.k_begin_host = first.data();
  a.k_count_host = count.data();
  a.longest = longest;
  a.window = window;
  a.scale = 0.3;
  on.ok(on.table.attention(on.stream, &a), "attention");
  lora_attention_bwd_args b{};
  b.q = a.q;
  b.k = a.k;
  b.v = a.v;
  b.o = a.o;
  b.lse = a.lse;
  b.dout = heap.normals(store, {T, H, E});
  b.dq = heap.zeros(store, {T, H, E});
  b.dk = heap.zeros(store, {T, G, E});
  b.dv = heap.zeros(store, {T, G, E});
  b.q_begin = a.q_begin;
  b.q_begin_host = begin.data();
  b.longest = longest;
  b.window = window;
  b.scale = a.scale;
  on.ok(on.table.attention_bwd(on.stream, &b), "attention_bwd");
  return {a.o, a.lse, b.dq, b.dk, b.dv};
}

Tensors decoded(const Bench& on, Heap& heap, lora_dtype store, std::int64_t E, std::int32_t window) {
  const std::vector<std::int32_t> begin{0, 1, 4, 4}, first{300, 0, 299}, count{301, 70, 1};
  lora_attention_args a{};
  a.q = heap.normals(store, {4, 6, E});
  a.k = heap.normals(store, {601, 2, E});
  a.v = heap.normals(store, {601, 2, E});
  a.o = heap.zeros(store, {4, 6, E});
  a.q_begin = heap.integers(begin);
  a.k_begin = heap.integers(first);
  a.k_count = heap.integers(count);
  a.q_begin_host = begin.data();
  a.k_begin_host = first.data();
  a.k_count_host = count.data();
  a.longest = 301;
  a.window = window;
  a.scale = 0.3;
  on.ok(on.table.attention(on.stream, &a), "attention with a cache");
  return {a.o};
}

}  // namespace

void test_attention() {
  const Bench oracle(cpu::oracle_backend, 1);
  for (int threads : {1, 3}) {
    const Bench cpu(cpu::cpu_backend, threads);
    for (lora_dtype store : {LORA_F32, LORA_BF16}) {
      for (std::int64_t E : {1, 8, 13, 64}) {
        for (std::int32_t window : {0, 1, 20}) {
          const std::string at = " of heads of " + std::to_string(E) + ", window " + std::to_string(window);
          compare(cpu, oracle, "attention" + at, store, [&](const Bench& on, Heap& heap, lora_dtype type) {
            return trained(on, heap, type, 6, 2, E, {0, 1, 1, 66, 163}, window);
          });
          compare(cpu, oracle, "decoding" + at, store, [&](const Bench& on, Heap& heap, lora_dtype type) {
            return decoded(on, heap, type, E, window);
          });
        }
      }
    }
  }
}

}  // namespace lora::tests
