// The pool behind parallel_for: one word that shares are taken from, one count of those that are done.
#include "base/parallel.h"

#include <sched.h>

#include <utility>

namespace lora {
namespace {

constexpr int kSpins = 2000;  // pauses before sleeping: some 20 to 50 microseconds, longer than most gaps in a step

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

ThreadPool::ThreadPool(int threads) : threads_(std::min(threads > 0 ? threads : cores(), 1 << 12)) {
  helpers_.reserve(static_cast<std::size_t>(threads_) - 1);
  try {
    for (int i = 1; i < threads_; ++i) helpers_.emplace_back([this] { help(); });
  } catch (...) {  // the system refused a thread: go on with those there are
    threads_ = static_cast<int>(helpers_.size()) + 1;
  }
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(sleep_lock_);
    stop_.store(true);
  }
  wake_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

// Runs shares until there are none left; whether this thread ran the last one to be done.
bool ThreadPool::take_shares() {
  bool last = false;
  for (;;) {
    const std::uint64_t ticket = ticket_.fetch_add(1, std::memory_order_acq_rel);
    const int share = static_cast<int>(ticket & 0xffff), shares = static_cast<int>(ticket >> 16 & 0xffff);
    if (share >= shares) return last;
    try {
      call_(context_, share);
    } catch (...) {
      std::lock_guard<std::mutex> lock(failure_lock_);
      if (!failure_) failure_ = std::current_exception();
    }
    last = done_.fetch_add(1, std::memory_order_acq_rel) + 1 == shares;
  }
}

void ThreadPool::run_raw(int workers, Call call, void* context) {
  workers = std::min(workers, threads_);
  if (current_pool == this || workers <= 1) {
    for (int worker = 0; worker < workers; ++worker) call(context, worker);
    return;
  }
  std::lock_guard<std::mutex> one_loop(callers_);
  call_ = call;
  context_ = context;
  workers_ = workers;
  failure_ = nullptr;
  done_.store(0, std::memory_order_relaxed);
  const std::uint64_t number = (ticket_.load(std::memory_order_relaxed) >> 32) + 1;
  ticket_.store(number << 32 | static_cast<std::uint64_t>(workers) << 16, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) > 0) {
    { std::lock_guard<std::mutex> lock(sleep_lock_); }  // who is between looking and sleeping, sleeps now
    for (int i = 1; i < workers; ++i) wake_.notify_one();
  }

  current_pool = this;
  take_shares();
  current_pool = nullptr;

  for (int spin = 0; spin < kSpins && !all_done(); ++spin) pause();
  if (!all_done()) {
    std::unique_lock<std::mutex> lock(sleep_lock_);
    finished_.wait(lock, [this] { return all_done(); });
  }
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void ThreadPool::help() {
  current_pool = this;
  std::uint64_t seen = 0;
  auto number = [this] { return ticket_.load(std::memory_order_seq_cst) >> 32; };
  while (!stop_.load()) {
    for (int spin = 0; spin < kSpins && number() == seen && !stop_.load(); ++spin) pause();
    if (number() == seen) {
      std::unique_lock<std::mutex> lock(sleep_lock_);
      sleepers_.fetch_add(1, std::memory_order_seq_cst);
      wake_.wait(lock, [&] { return number() != seen || stop_.load(); });
      sleepers_.fetch_sub(1, std::memory_order_relaxed);
    }
    seen = number();
    if (stop_.load()) return;
    if (take_shares()) {
      std::lock_guard<std::mutex> lock(sleep_lock_);
      finished_.notify_one();
    }
  }
}

}  // namespace lora
