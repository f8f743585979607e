// The engine thread: a bounded queue of commands, run in order; tickets that cancel; an orderly end. One per
// session, because order matters, a step may last seconds, and device memory is freed on the thread that uses
// the device.
#ifndef LORA_ENGINE_QUEUE_H
#define LORA_ENGINE_QUEUE_H

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/cancel.h"

namespace lora {

class EngineThread {
 public:
  // Commands that may wait behind the one that runs.
  static constexpr std::size_t kMostWaiting = 256;

  struct Command {
    std::uint32_t ticket = 0;                     // 0: cannot be cancelled
    std::function<void(const CancelToken&)> run;  // settles its own success; throws what went wrong
    std::function<void(const Failure&)> fail;     // called once instead, on the engine or the posting thread
  };

  // `last` runs on the engine thread after the last command, before it ends: it frees the session.
  explicit EngineThread(std::function<void()> last);
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  void post(Command command);
  void cancel(std::uint32_t ticket);
  // Cancels what runs, drops what waits with ERR_CLOSED, and lets the thread end. Returns at once. `ended` is
  // called on the engine thread when everything is freed; at once when that has already happened.
  void stop(std::function<void()> ended = nullptr);
  bool ended() const;
  // Waits for the thread. After stop only.
  void join();

 private:
  struct Entry {
    Command command;
    std::shared_ptr<CancelToken> token;
  };

  void work();
  void execute(Entry& entry);

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Entry> waiting_;
  std::shared_ptr<CancelToken> running_;
  std::uint32_t running_ticket_ = 0;
  bool stopping_ = false, ended_ = false;
  std::vector<std::function<void()>> when_ended_;
  std::function<void()> last_;
  std::thread thread_;
};

}  // namespace lora

#endif
