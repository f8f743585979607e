// Devices, memory, streams and events of the CPU: host memory, host threads, and nothing asynchronous.
#include "cpu/device.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <string>
#include <thread>

#include "base/error.h"
#include "cpu/backend.h"

namespace lora::cpu {
namespace {

constexpr std::size_t kAlign = 64;  // a cache line, and the widest vector

// In front of every allocation: its size, so that release can count back. As long as the alignment.
struct alignas(kAlign) Header {
  std::size_t bytes;
};

// The value of the first line "key   : value" of a file under /proc; empty when there is none.
std::string proc_value(const char* file, const std::string& key) {
  std::ifstream info(file);
  for (std::string line; std::getline(info, line);) {
    const std::size_t colon = line.find(':');
    if (line.compare(0, key.size(), key) != 0 || colon == std::string::npos) continue;
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "";
}

std::int64_t memory_bytes(const char* key) {  // /proc/meminfo counts in kB
  return std::atoll(proc_value("/proc/meminfo", key).c_str()) * 1024;
}

template <class T>
void need(const T* pointer, const char* what) {
  if (pointer == nullptr) throw Error(Code::kInvalidArgument, what, "expected a pointer, got null");
}

void need_ordinal(std::int32_t ordinal) {
  if (ordinal == 0) return;
  throw Error(Code::kInvalidArgument, "device",
              "expected ordinal 0, the only CPU device, got " + std::to_string(ordinal));
}

lora_status device_count(std::int32_t* out) {
  return guard([&] {
    need(out, "device_count");
    *out = 1;
  });
}

lora_status device_info(std::int32_t ordinal, lora_device_info* out) {
  return guard([&] {
    need(out, "device_info");
    need_ordinal(ordinal);
    const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    const std::string name = proc_value("/proc/cpuinfo", "model name");
    *out = {};
    std::snprintf(out->name, sizeof out->name, "%s", name.empty() ? "CPU" : name.c_str());
    std::snprintf(out->detail, sizeof out->detail, "%s, %d threads", isa_name(pick_isa()), cores);
    out->memory_bytes = memory_bytes("MemTotal");
    out->free_bytes = memory_bytes("MemAvailable");
    out->units = cores;
  });
}

lora_status device_needs(const lora_limits* limits, lora_needs* out) {
  return guard([&] {
    need(limits, "device_needs: limits");
    need(out, "device_needs");
    *out = {};
    out->workspace_bytes = static_cast<std::int64_t>(workspace_needs(*limits));
  });
}

lora_status device_open(std::int32_t ordinal, const lora_limits* limits, lora_device** out) {
  return guard([&] {
    need(limits, "device_open: limits");
    need(out, "device_open");
    need_ordinal(ordinal);
    *out = new lora_device(*limits);
  });
}

void device_close(lora_device* device) { delete device; }

lora_status alloc(lora_device* device, lora_space, std::size_t bytes, void** out) {
  return guard([&] {
    need(device, "alloc: device");
    need(out, "alloc");
    *out = nullptr;
    std::size_t whole;
    void* memory = nullptr;
    if (!__builtin_add_overflow(bytes, sizeof(Header) + kAlign - 1, &whole)) {
      memory = std::aligned_alloc(kAlign, whole / kAlign * kAlign);
    }
    if (memory == nullptr) {
      throw Error(Code::kOutOfMemory, "alloc",
                  "expected " + std::to_string(bytes) + " bytes, the system has none left; " +
                      std::to_string(device->bytes.load()) + " bytes are in use by this device");
    }
    new (memory) Header{bytes};
    device->bytes += static_cast<std::int64_t>(bytes);
    *out = static_cast<Header*>(memory) + 1;
  });
}

void release(lora_device* device, lora_space, void* data) {
  if (data == nullptr) return;
  Header* header = static_cast<Header*>(data) - 1;
  if (device != nullptr) device->bytes -= static_cast<std::int64_t>(header->bytes);
  std::free(header);
}

lora_status stream_open(lora_device* device, lora_stream** out) {
  return guard([&] {
    need(device, "stream_open: device");
    need(out, "stream_open");
    *out = new lora_stream{device};
  });
}

void stream_close(lora_stream* stream) { delete stream; }

lora_status stream_wait(lora_stream* stream) {
  return guard([&] { need(stream, "stream_wait"); });
}

lora_status copy(lora_stream* stream, void* to, const void* from, std::size_t bytes, lora_copy) {
  return guard([&] {
    need(stream, "copy: stream");
    if (bytes == 0) return;
    need(to, "copy: to");
    need(from, "copy: from");
    std::memmove(to, from, bytes);
  });
}

lora_status fill(lora_stream* stream, void* to, int byte, std::size_t bytes) {
  return guard([&] {
    need(stream, "fill: stream");
    if (bytes == 0) return;
    need(to, "fill: to");
    std::memset(to, byte, bytes);
  });
}

lora_status event_open(lora_device* device, lora_event** out) {
  return guard([&] {
    need(device, "event_open: device");
    need(out, "event_open");
    *out = new lora_event{};
  });
}

void event_close(lora_event* event) { delete event; }

lora_status event_mark(lora_stream* stream, lora_event* event) {
  return guard([&] {
    need(stream, "event_mark: stream");
    need(event, "event_mark");
    event->at = std::chrono::steady_clock::now();
  });
}

lora_status event_between(lora_event* from, lora_event* to, double* milliseconds) {
  return guard([&] {
    need(from, "event_between: from");
    need(to, "event_between: to");
    need(milliseconds, "event_between");
    *milliseconds = std::chrono::duration<double, std::milli>(to->at - from->at).count();
  });
}

}  // namespace

std::size_t workspace_of(const lora_device* device) { return device->context.workspace.bytes(); }

void fill_device_functions(lora_backend* table) {
  table->abi_version = LORA_ABI_VERSION;
  table->struct_size = sizeof(lora_backend);
  table->device_count = device_count;
  table->device_info = device_info;
  table->device_needs = device_needs;
  table->device_open = device_open;
  table->device_close = device_close;
  table->alloc = alloc;
  table->release = release;
  table->stream_open = stream_open;
  table->stream_close = stream_close;
  table->stream_wait = stream_wait;
  table->copy = copy;
  table->fill = fill;
  table->event_open = event_open;
  table->event_close = event_close;
  table->event_mark = event_mark;
  table->event_between = event_between;
  table->last_error = [] { return last_error(); };
}

}  // namespace lora::cpu
