// A piece's buffer is its number modulo the ring. Threads start pieces in order as long as their buffer is free.
#include "model/read_ahead.h"

#include <algorithm>

namespace lora {

namespace {

constexpr std::size_t kBuffers = 8, kThreads = 4;
constexpr std::size_t kSmall = std::size_t(4) << 20;  // all of a model: one thread is enough

}  // namespace

ReadAhead::ReadAhead(const std::shared_ptr<Device>& device, const TensorReader& reader, lora_dtype dtype,
                     std::vector<Piece> pieces)
    : reader_(reader), dtype_(dtype), pieces_(std::move(pieces)), ready_(pieces_.size(), 0) {
  std::size_t all = 0;
  for (const Piece& piece : pieces_) {
    largest_ = std::max(largest_, (piece.bytes + 63) / 64 * 64);
    all += piece.bytes;
  }
  buffers_ = std::min(kBuffers, pieces_.size());
  memory_ = Buffer(device, LORA_PINNED_MEMORY, buffers_ * largest_);
  for (std::size_t i = 0; i < buffers_; ++i) {
    copied_.emplace_back(device);
  }
  const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
  const std::size_t threads = all <= kSmall ? 1 : std::min({kThreads, cores, buffers_});
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { work(); });
  }
}

ReadAhead::~ReadAhead() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void* ReadAhead::buffer(std::size_t piece) const {
  return static_cast<char*>(memory_.data()) + piece % buffers_ * largest_;
}

void ReadAhead::work() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] {
      return stopping_ || failed_ || started_ == pieces_.size() || started_ < released_ + buffers_;
    });
    if (stopping_ || failed_ || started_ == pieces_.size()) {
      return;
    }
    const std::size_t i = started_++;
    lock.unlock();
    std::exception_ptr failed;
    try {
      reader_.read(pieces_[i].name, pieces_[i].from, pieces_[i].count, dtype_, buffer(i));
    } catch (...) {
      failed = std::current_exception();
    }
    lock.lock();
    ready_[i] = 1;
    if (failed && !failed_) {
      failed_ = failed;
    }
    changed_.notify_all();
  }
}

std::size_t ReadAhead::copy_next(Stream& stream, void* to) {
  const std::size_t i = taken_;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return failed_ || ready_[i]; });
    if (failed_) {
      std::rethrow_exception(failed_);
    }
  }
  stream.copy(to, buffer(i), pieces_[i].bytes, LORA_HOST_TO_DEVICE);
  copied_[i % buffers_].mark(stream);
  ++taken_;
  // Half of the ring may be on its way to the device; the rest is for the readers.
  const std::size_t behind = std::max<std::size_t>(1, buffers_ / 2);
  if (taken_ >= behind) {
    copied_[(taken_ - behind) % buffers_].wait();
    {
      std::lock_guard<std::mutex> lock(mutex_);
      released_ = taken_ - behind + 1;
    }
    changed_.notify_all();
  }
  return pieces_[i].bytes;
}

}  // namespace lora
