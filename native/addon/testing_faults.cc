// Every function of the table that can fail asks first whether it shall.
#include "addon/testing_faults.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "base/error.h"
#include "cpu/backend.h"

namespace lora::testing {
namespace {

struct Faults {
  std::mutex mutex;
  std::string op;
  int after = 0;
  lora_status status = LORA_OK;
  std::set<const lora_device*> lost;
  std::map<const lora_stream*, lora_device*> streams;
  std::map<void*, std::int64_t> sizes;  // of device memory
  std::int64_t bytes = 0, peak = 0;
  lora_device* newest = nullptr;
};

Faults& faults() {
  static auto* all = new Faults;
  return *all;
}

lora_backend& inner() {
  static lora_backend table = [] {
    lora_backend filled{};
    cpu::cpu_backend(&filled);
    return filled;
  }();
  return table;
}

// What the call shall return instead of being made; LORA_OK: let it be made.
lora_status verdict(const char* op, const lora_device* device, const lora_stream* stream = nullptr) {
  Faults& f = faults();
  std::lock_guard<std::mutex> lock(f.mutex);
  if (stream != nullptr) device = f.streams[stream];
  lora_status status = f.lost.count(device) != 0 ? LORA_DEVICE_LOST : LORA_OK;
  if (status == LORA_OK && f.op == op && f.after-- == 0) {
    status = f.status;
    f.op.clear();
    if (status == LORA_DEVICE_LOST) f.lost.insert(device);
  }
  if (status != LORA_OK) set_last_error(status == LORA_DEVICE_LOST ? "the test took the device away" : "the test left no memory");
  return status;
}

// One table function each that has a stream in front.
template <auto kMember, const char* kName, class... Rest>
lora_status on_stream(lora_stream* s, Rest... rest) {
  const lora_status status = verdict(kName, nullptr, s);
  return status != LORA_OK ? status : (inner().*kMember)(s, rest...);
}

lora_status alloc(lora_device* device, lora_space space, std::size_t bytes, void** out) {
  lora_status status = verdict("alloc", device);
  if (status == LORA_OK) status = inner().alloc(device, space, bytes, out);
  if (status != LORA_OK || space != LORA_DEVICE_MEMORY) return status;
  Faults& f = faults();
  std::lock_guard<std::mutex> lock(f.mutex);
  f.sizes[*out] = static_cast<std::int64_t>(bytes);
  f.bytes += static_cast<std::int64_t>(bytes);
  f.peak = std::max(f.peak, f.bytes);
  return status;
}

void release(lora_device* device, lora_space space, void* data) {
  {
    Faults& f = faults();
    std::lock_guard<std::mutex> lock(f.mutex);
    const auto found = f.sizes.find(data);
    if (found != f.sizes.end()) {
      f.bytes -= found->second;
      f.sizes.erase(found);
    }
  }
  inner().release(device, space, data);
}

lora_status device_open(std::int32_t ordinal, const lora_limits* limits, lora_device** out) {
  const lora_status status = inner().device_open(ordinal, limits, out);
  std::lock_guard<std::mutex> lock(faults().mutex);
  if (status == LORA_OK) faults().newest = *out;
  return status;
}

lora_status stream_open(lora_device* device, lora_stream** out) {
  const lora_status status = inner().stream_open(device, out);
  std::lock_guard<std::mutex> lock(faults().mutex);
  if (status == LORA_OK) faults().streams[*out] = device;
  return status;
}

void stream_close(lora_stream* stream) {
  {
    std::lock_guard<std::mutex> lock(faults().mutex);
    faults().streams.erase(stream);
  }
  inner().stream_close(stream);
}

void device_close(lora_device* device) {
  {
    std::lock_guard<std::mutex> lock(faults().mutex);
    faults().lost.erase(device);
    if (faults().newest == device) faults().newest = nullptr;
  }
  inner().device_close(device);
}

}  // namespace

lora_status faulty_backend(lora_backend* out) {
  *out = inner();
  out->name = "faulty";
  out->alloc = alloc;
  out->release = release;
  out->device_open = device_open;
  out->device_close = device_close;
  out->stream_open = stream_open;
  out->stream_close = stream_close;
#define WRAP(member)                                          \
  {                                                           \
    static constexpr char name[] = #member;                   \
    out->member = on_stream<&lora_backend::member, name>;     \
  }
  WRAP(stream_wait) WRAP(copy) WRAP(fill) WRAP(embed) WRAP(norm) WRAP(norm_bwd) WRAP(linear) WRAP(linear_bwd)
  WRAP(rope_table) WRAP(rope) WRAP(attention) WRAP(attention_bwd) WRAP(swiglu) WRAP(swiglu_bwd) WRAP(split) WRAP(join)
  WRAP(rows) WRAP(head_loss) WRAP(sqnorm) WRAP(adamw) WRAP(sample)
#undef WRAP
  return LORA_OK;
}

Napi::Value fault(const Napi::CallbackInfo& info) {
  Faults& f = faults();
  std::lock_guard<std::mutex> lock(f.mutex);
  f.op.clear();
  f.peak = f.bytes;
  if (info.Length() > 0 && info[0].IsObject()) {
    const Napi::Object options = info[0].As<Napi::Object>();
    f.op = options.Get("op").ToString();
    f.after = options.Get("after").ToNumber().Int32Value();
    f.status = std::string(options.Get("status").ToString()) == "device-lost" ? LORA_DEVICE_LOST : LORA_OUT_OF_MEMORY;
  }
  return info.Env().Undefined();
}

Napi::Value memory_of_faulty(const Napi::CallbackInfo& info) {
  Faults& f = faults();
  std::lock_guard<std::mutex> lock(f.mutex);
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("bytes", double(f.bytes));
  out.Set("peak", double(f.peak));
  out.Set("workspace", f.newest != nullptr ? double(cpu::workspace_of(f.newest)) : 0);
  return out;
}

}  // namespace lora::testing
