// Thread pools: many at once, loops inside loops, callers from several threads, exceptions, short lives.
#include <atomic>
#include <stdexcept>
#include <thread>

#include "base/parallel.h"
#include "tests/testing.h"

namespace lora::tests {

void test_pool() {
  for (int round = 0; round < 20; ++round) {
    std::vector<std::unique_ptr<ThreadPool>> pools;
    for (int threads = 1; threads <= 4; ++threads) pools.push_back(std::make_unique<ThreadPool>(threads));
    std::atomic<std::int64_t> sum{0};
    for (auto& pool : pools) {
      pool->parallel_for(1000, 1, [&](std::int64_t begin, std::int64_t end, int) { sum += end - begin; });
      pool->parallel_for_dynamic(1000, 7,
                                 [&](std::int64_t begin, std::int64_t end, int) { sum += end - begin; });
      pool->parallel_for(0, 1, [&](std::int64_t, std::int64_t, int) { sum += 1000000; });
    }
    expect(sum == 8000, "every item of every loop is visited once");
  }

  ThreadPool pool(3);
  std::atomic<int> inner{0};
  pool.run(3, [&](int) {
    pool.parallel_for(
        10, 1, [&](std::int64_t begin, std::int64_t end, int) { inner += static_cast<int>(end - begin); });
  });
  expect(inner == 30, "a loop inside a loop runs in place");

  for (int round = 0; round < 50; ++round) {
    bool caught = false;
    try {
      pool.parallel_for(100, 1, [&](std::int64_t begin, std::int64_t, int) {
        if (begin > 0) throw std::runtime_error("in a worker");
      });
    } catch (const std::runtime_error&) {
      caught = true;
    }
    expect(caught, "what a worker throws reaches the caller");
  }

  std::atomic<std::int64_t> shared{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      for (int round = 0; round < 100; ++round) {
        pool.parallel_for(64, 1, [&](std::int64_t begin, std::int64_t end, int) { shared += end - begin; });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  expect(shared == 3 * 100 * 64, "callers of one pool take turns");
}

}  // namespace lora::tests
