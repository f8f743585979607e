// Sums of squares, AdamW and sampling at odd lengths, on several threads.
#include "tests/testing.h"

namespace lora::tests {
namespace {

using Tensors = std::vector<lora_tensor>;

Tensors updated(const Bench& on, Heap& heap, lora_dtype store, std::int64_t P) {
  const lora_dtype real = store == LORA_F64 ? LORA_F64 : LORA_F32;
  lora_adamw_args a{};
  a.master = heap.normals(real, {3, P});
  a.work = heap.zeros(store, {3, P});
  a.grad = heap.normals(real, {3, P});
  a.m = heap.normals(real, {3, P}, 0.1);
  a.v = heap.normals(real, {3, P}, 0.01, 0.1);
  a.weight_sum = heap.normals(LORA_F64, {4}, 0.1, 5);
  a.sqnorm = heap.zeros(LORA_F64, {2});
  a.report = heap.zeros(LORA_F64, {2, 3});
  const lora_sqnorm_args s{a.grad, heap.integers({2, 0}), a.sqnorm};
  on.ok(on.table.sqnorm(on.stream, &s), "sqnorm");
  const lora_adamw_rule rules[2] = {{1e-3, 0.9, 0.999, 1e-8, 0.01, 1.0, 3, 2, 0},
                                    {1e-2, 0.9, 0.99, 1e-8, 0, 0, 1, 0, 0}};
  a.rules = rules;
  a.count = 2;
  on.ok(on.table.adamw(on.stream, &a), "adamw");
  return {a.sqnorm, a.master, a.work, a.grad, a.m, a.v, a.report};
}

Tensors sampled(const Bench& on, Heap& heap, lora_dtype, std::int64_t V) {
  const std::int64_t Q = 9;
  lora_sample_args a{};
  a.logits = heap.normals(LORA_F32, {Q, V}, 3);
  a.temperature = heap.normals(LORA_F32, {Q}, 0.1, 1);
  a.top_p = heap.normals(LORA_F32, {Q}, 0.05, 0.9);
  a.penalty = heap.normals(LORA_F32, {Q}, 0.1, 1.2);
  a.top_k = heap.below(Q, 0, static_cast<std::int32_t>(V + 2));
  a.seed = heap.zeros(LORA_I32, {Q, 2});
  a.counter = heap.below(Q, 0, 1000);
  a.history = heap.zeros(LORA_I32, {Q, 4});
  for (std::int64_t i = 0; i < 4 * Q; ++i)
    static_cast<std::int32_t*>(a.history.data)[i] = static_cast<std::int32_t>(i % V);
  a.history_count = heap.below(Q, 0, 5);
  a.allow = heap.zeros(LORA_I32, {Q, (V + 31) / 32});
  std::memset(a.allow.data, 0x6f, bytes_of(a.allow));
  a.token = heap.zeros(LORA_I32, {Q});
  a.logprob = heap.zeros(LORA_F32, {Q});
  on.ok(on.table.sample(on.stream, &a), "sample");
  return {a.token, a.logprob};
}

}  // namespace

void test_updates() {
  const Bench oracle(cpu::oracle_backend, 1);
  for (int threads : {1, 3}) {
    const Bench cpu(cpu::cpu_backend, threads);
    for (std::int64_t n : {1, 17, 40001}) {
      for (lora_dtype store : {LORA_F32, LORA_BF16}) {
        compare(cpu, oracle, "updates of " + std::to_string(n), store,
                [&](const Bench& on, Heap& heap, lora_dtype type) { return updated(on, heap, type, n); });
      }
    }
    for (std::int64_t V : {1, 33, 3001}) {
      compare(cpu, oracle, "sampling from " + std::to_string(V), LORA_F32,
              [&](const Bench& on, Heap& heap, lora_dtype type) { return sampled(on, heap, type, V); });
    }
  }
}

}  // namespace lora::tests
