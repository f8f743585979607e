// The CPU backend's device, stream and event. A stream runs each operation at once on the calling thread (and
// the device's pool), so nothing is ever in flight. Shared by the CPU backend and the oracle.
#ifndef LORA_CPU_DEVICE_H
#define LORA_CPU_DEVICE_H

#include <atomic>
#include <chrono>
#include <mutex>

#include "cpu/context.h"

struct lora_device {
  lora::cpu::CpuContext context;
  std::mutex one_at_a_time;  // streams of one device share its workspace
  std::atomic<std::int64_t> bytes{0};

  explicit lora_device(const lora_limits& limits) : context(limits) {}
};

struct lora_stream {
  lora_device* device;
};

struct lora_event {
  std::chrono::steady_clock::time_point at;
};

namespace lora::cpu {

// Fills everything of the table but its name, its operations and `supports`.
void fill_device_functions(lora_backend* table);

}  // namespace lora::cpu

#endif
