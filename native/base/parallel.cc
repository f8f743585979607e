// The pool behind parallel_for: one round counter that workers watch, one count of those still running.
#include "base/parallel.h"

#include <sched.h>

#include <chrono>

namespace lora {
namespace {

constexpr int kSpins = 400;  // pauses before sleeping: about 5 to 20 microseconds

inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

// The pool whose worker this thread is now, and which one: a loop inside a loop runs in place.
thread_local const ThreadPool* current_pool = nullptr;

int cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

ThreadPool::ThreadPool(int threads) : threads_(threads > 0 ? threads : cores()) {
  helpers_.reserve(static_cast<std::size_t>(threads_) - 1);
  try {
    for (int worker = 1; worker < threads_; ++worker) helpers_.emplace_back([this, worker] { work(worker); });
  } catch (...) {  // the system refused a thread: go on with those there are
    threads_ = static_cast<int>(helpers_.size()) + 1;
  }
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(sleep_lock_);
    stop_.store(true);
    round_.fetch_add(1);
  }
  wake_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void ThreadPool::execute(int worker) noexcept {
  try {
    call_(context_, worker);
  } catch (...) {
    std::lock_guard<std::mutex> lock(failure_lock_);
    if (!failure_) failure_ = std::current_exception();
  }
}

void ThreadPool::run_raw(int workers, Call call, void* context) {
  if (workers <= 0) return;
  if (current_pool == this || workers == 1 || threads_ == 1) {
    for (int worker = 0; worker < workers; ++worker) call(context, worker);
    return;
  }
  std::lock_guard<std::mutex> one_loop(callers_);
  workers = std::min(workers, threads_);
  call_ = call;
  context_ = context;
  workers_ = workers;
  failure_ = nullptr;
  running_.store(threads_ - 1, std::memory_order_relaxed);
  {
    std::lock_guard<std::mutex> lock(sleep_lock_);
    round_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();

  current_pool = this;
  execute(0);
  current_pool = nullptr;

  for (int spin = 0; spin < kSpins && running_.load(std::memory_order_acquire) != 0; ++spin) pause();
  if (running_.load(std::memory_order_acquire) != 0) {
    std::unique_lock<std::mutex> lock(sleep_lock_);
    done_.wait(lock, [this] { return running_.load(std::memory_order_acquire) == 0; });
  }
  if (failure_) {
    std::exception_ptr failure = failure_;
    failure_ = nullptr;
    std::rethrow_exception(failure);
  }
}

void ThreadPool::work(int worker) {
  current_pool = this;
  std::uint64_t seen = 0;
  for (;;) {
    for (int spin = 0; spin < kSpins && round_.load(std::memory_order_acquire) == seen; ++spin) pause();
    if (round_.load(std::memory_order_acquire) == seen) {
      std::unique_lock<std::mutex> lock(sleep_lock_);
      wake_.wait(lock, [&] { return round_.load(std::memory_order_acquire) != seen; });
    }
    ++seen;  // never skips one: the caller waits for all workers before the next round
    if (stop_.load()) return;
    if (worker < workers_) execute(worker);
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      std::lock_guard<std::mutex> lock(sleep_lock_);
      done_.notify_one();
    }
  }
}

}  // namespace lora
