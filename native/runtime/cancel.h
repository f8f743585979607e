// CancelToken: a flag that one thread raises and the engine thread reads between layers.
#ifndef LORA_RUNTIME_CANCEL_H
#define LORA_RUNTIME_CANCEL_H

#include <atomic>

#include "runtime/failure.h"

namespace lora {

class CancelToken {
 public:
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  // Throws ABORTED once cancelled.
  void check() const {
    if (cancelled()) {
      throw aborted();
    }
  }

 private:
  std::atomic<bool> cancelled_{false};
};

}  // namespace lora

#endif
