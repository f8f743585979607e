// How a function of the table runs an operation: arguments checked, one at a time on its device, and nothing
// escapes but a status. Shared by the CPU backend and the oracle.
#ifndef LORA_CPU_ENTRY_H
#define LORA_CPU_ENTRY_H

#include <cstdio>
#include <mutex>
#include <string>

#include "base/error.h"
#include "cpu/check.h"
#include "cpu/device.h"

namespace lora::cpu {

inline void refuse_if_wrong(const Check& c, const char* op) {
  if (c.ok()) return;
  const std::string prefix = std::string(op) + ": ";
  const std::string& all = c.reasons();
  throw Error(c.status() == LORA_UNSUPPORTED ? Code::kUnsupported : Code::kShape, "",
              all.empty() ? prefix + "refused" : all);
}

// fn(context, args) for one call.
template <class Args, class Fn>
lora_status run_op(const char* op, bool f64, lora_stream* stream, const Args* args, Fn&& fn) {
  return guard([&] {
    if (stream == nullptr || args == nullptr) {
      throw Error(Code::kInvalidArgument, op, "expected a stream and arguments, got null");
    }
    Check c(op, f64, false);
    check(c, *args);
    refuse_if_wrong(c, op);
    std::lock_guard<std::mutex> alone(stream->device->one_at_a_time);
    fn(stream->device->context, *args);
  });
}

// fn(context, args, count) for siblings that share x.
template <class Args, class Fn>
lora_status run_siblings(const char* op, bool f64, lora_stream* stream, const Args* args, std::int32_t count,
                         Fn&& fn) {
  return guard([&] {
    if (stream == nullptr || (args == nullptr && count > 0) || count < 0) {
      throw Error(Code::kInvalidArgument, op, "expected a stream and arguments, got null");
    }
    Check c(op, f64, false);
    for (std::int32_t i = 0; i < count; ++i) check(c, args[i]);
    refuse_if_wrong(c, op);
    std::lock_guard<std::mutex> alone(stream->device->one_at_a_time);
    fn(stream->device->context, args, count);
  });
}

// The table's `supports`: every reason against these shapes, a line each.
lora_status supports(bool f64, lora_device* device, lora_op op, const void* args, char* why,
                     std::size_t why_size);

}  // namespace lora::cpu

#endif
