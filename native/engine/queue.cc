// The lock is never held while a command or a callback runs.
#include "engine/queue.h"

#include <new>
#include <utility>

namespace lora {

EngineThread::EngineThread(std::function<void()> last)
    : last_(std::move(last)), thread_([this] { work(); }) {}

EngineThread::~EngineThread() {
  stop();
  join();
}

void EngineThread::join() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

void EngineThread::post(Command command) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!stopping_ && waiting_.size() < kMostWaiting) {
      waiting_.push_back({std::move(command), std::make_shared<CancelToken>()});
      wake_.notify_one();
      return;
    }
  }
  bool stopping;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping = stopping_;
  }
  command.fail(stopping ? closed()
                        : invalid_argument("queue", text("at most ", kMostWaiting, " waiting commands"),
                                           "one more; await earlier calls before making new ones"));
}

void EngineThread::cancel(std::uint32_t ticket) {
  if (ticket == 0) {
    return;
  }
  Entry dropped;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (running_ && running_ticket_ == ticket) {
      running_->cancel();
      return;
    }
    for (auto entry = waiting_.begin(); entry != waiting_.end(); ++entry) {
      if (entry->command.ticket != ticket) {
        continue;
      }
      dropped = std::move(*entry);
      waiting_.erase(entry);
      break;
    }
  }
  if (dropped.command.fail) {
    dropped.command.fail(aborted());
  }
}

void EngineThread::stop(std::function<void()> ended) {
  std::deque<Entry> dropped;
  bool already;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    already = ended_;
    if (ended && !already) {
      when_ended_.push_back(std::move(ended));
    }
    if (!stopping_) {
      stopping_ = true;
      dropped.swap(waiting_);
      if (running_) {
        running_->cancel();
      }
      wake_.notify_one();
    }
  }
  for (Entry& entry : dropped) {
    entry.command.fail(closed());
  }
  if (already && ended) {
    ended();
  }
}

bool EngineThread::ended() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return ended_;
}

void EngineThread::execute(Entry& entry) {
  Failure failure = internal_error("unknown");
  try {
    entry.token->check();
    entry.command.run(*entry.token);
    return;
  } catch (const Failure& f) {
    failure = f;
  } catch (const std::bad_alloc&) {
    failure = out_of_memory(0, 0, {});
  } catch (const std::exception& e) {
    failure = internal_error(e.what());
  } catch (...) {
    failure = internal_error("an unknown exception");
  }
  bool stopping;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping = stopping_;
  }
  entry.command.fail(stopping && failure.code() == "ABORTED" ? closed() : failure);
}

void EngineThread::work() {
  for (;;) {
    Entry entry;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (stopping_) {
        break;
      }
      entry = std::move(waiting_.front());
      waiting_.pop_front();
      running_ = entry.token;
      running_ticket_ = entry.command.ticket;
    }
    execute(entry);
    std::lock_guard<std::mutex> lock(mutex_);
    running_.reset();
  }
  if (last_) {
    last_();
  }
  std::vector<std::function<void()>> callbacks;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    callbacks.swap(when_ended_);
  }
  for (const auto& callback : callbacks) {
    callback();
  }
}

}  // namespace lora
