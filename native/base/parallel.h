// A fixed pool of threads for loops. The caller works too, as worker 0. Idle workers spin for some tens of microseconds
// and then sleep, so that the pool costs nothing between steps and does not fight other processes for cores.
#ifndef LORA_BASE_PARALLEL_H
#define LORA_BASE_PARALLEL_H

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace lora {

class ThreadPool {
 public:
  // threads: workers in all, the caller included; 0 takes the number of cores this process may use.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // fn(begin, end, worker) over a STATIC partition of [0, count): worker w gets the w-th contiguous share, shares
  // differ by at most one item, and no more workers are used than there are `grain`s. The same count, grain and
  // threads always give the same shares: use it wherever a share is a unit of summation.
  template <class Fn>
  void parallel_for(std::int64_t count, std::int64_t grain, Fn&& fn) {
    if (count <= 0) return;
    const std::int64_t by_grain = (count + std::max<std::int64_t>(grain, 1) - 1) / std::max<std::int64_t>(grain, 1);
    const int workers = static_cast<int>(std::min<std::int64_t>(threads_, by_grain));
    run(workers, [&](int worker) {
      const std::int64_t begin = count * worker / workers, end = count * (worker + 1) / workers;
      if (begin < end) fn(begin, end, worker);
    });
  }

  // fn(begin, end, worker) over chunks that workers take in turn, in no fixed order: for work whose result does not
  // depend on which worker did it. Balances uneven work and cores that others are using.
  template <class Fn>
  void parallel_for_dynamic(std::int64_t count, std::int64_t chunk, Fn&& fn) {
    if (count <= 0) return;
    const std::int64_t step = std::max<std::int64_t>(chunk, 1);
    const int workers = static_cast<int>(std::min<std::int64_t>(threads_, (count + step - 1) / step));
    std::atomic<std::int64_t> next{0};
    run(workers, [&](int worker) {
      for (;;) {
        const std::int64_t begin = next.fetch_add(step, std::memory_order_relaxed);
        if (begin >= count) return;
        fn(begin, std::min(begin + step, count), worker);
      }
    });
  }

  // fn(share) once for each share below `workers`, at most threads() of them. Threads take shares as they come: one
  // that is asleep or busy elsewhere holds nobody up. The first exception is rethrown here when all have returned.
  // Called from inside a share, runs all shares one after another where it is.
  template <class Fn>
  void run(int workers, Fn&& fn) {
    auto call = [](void* context, int worker) { (*static_cast<std::remove_reference_t<Fn>*>(context))(worker); };
    run_raw(workers, call, const_cast<void*>(static_cast<const void*>(&fn)));
  }

 private:
  using Call = void (*)(void* context, int worker);

  void run_raw(int workers, Call call, void* context);
  void help();
  bool take_shares();
  bool all_done() const { return done_.load(std::memory_order_acquire) == workers_; }

  int threads_;
  std::vector<std::thread> helpers_;
  std::mutex callers_;  // one loop at a time, whoever asks

  // The loop in progress. Who holds a share of it may read this; nobody else: it changes when all shares are done.
  Call call_ = nullptr;
  void* context_ = nullptr;
  int workers_ = 0;
  std::exception_ptr failure_;
  std::mutex failure_lock_;

  // Number of the loop (32 bits), its shares (16), the next share (16): one fetch_add takes a share of the loop that
  // is in progress at that moment, and says so when there is none left.
  alignas(64) std::atomic<std::uint64_t> ticket_{0};
  alignas(64) std::atomic<int> done_{0};
  alignas(64) std::atomic<int> sleepers_{0};
  std::atomic<bool> stop_{false};
  std::mutex sleep_lock_;
  std::condition_variable wake_, finished_;
};

}  // namespace lora
#endif
