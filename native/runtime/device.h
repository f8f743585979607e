// Device, Stream and Buffer: ownership over the table. A device is shared by everything allocated on it, so
// the order of destruction cannot go wrong.
#ifndef LORA_RUNTIME_DEVICE_H
#define LORA_RUNTIME_DEVICE_H

#include <cstddef>
#include <memory>
#include <utility>

#include "runtime/backend.h"

namespace lora {

class Device {
 public:
  static std::shared_ptr<Device> open(std::shared_ptr<const Backend> backend, int ordinal,
                                      const lora_limits& limits);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const Backend& backend() const { return *backend_; }
  lora_device* handle() const { return handle_; }
  lora_device_info info() const;

 private:
  Device(std::shared_ptr<const Backend> backend, int ordinal, lora_device* handle)
      : backend_(std::move(backend)), ordinal_(ordinal), handle_(handle) {}

  std::shared_ptr<const Backend> backend_;
  int ordinal_;
  lora_device* handle_;
};

// Owns one in-order queue of work.
class Stream {
 public:
  explicit Stream(std::shared_ptr<Device> device);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  const Backend& backend() const { return device_->backend(); }
  const std::shared_ptr<Device>& device() const { return device_; }
  lora_stream* handle() const { return handle_; }
  // The only place where errors of asynchronous work surface.
  void wait();
  void copy(void* to, const void* from, std::size_t bytes, lora_copy direction);
  void fill(void* to, int byte, std::size_t bytes);

 private:
  std::shared_ptr<Device> device_;
  lora_stream* handle_ = nullptr;
};

// A point in a stream.
class Event {
 public:
  explicit Event(std::shared_ptr<Device> device);
  ~Event();
  Event(Event&& other) noexcept : device_(std::move(other.device_)), handle_(std::exchange(other.handle_, nullptr)) {}
  Event& operator=(Event&&) = delete;

  void mark(Stream& stream);
  // Until the stream has come past the mark.
  void wait();
  // Milliseconds from an earlier mark to this one; waits for it.
  double since(const Event& earlier);

 private:
  std::shared_ptr<Device> device_;
  lora_event* handle_ = nullptr;
};

// Owns one allocation.
class Buffer {
 public:
  Buffer() = default;
  Buffer(std::shared_ptr<Device> device, lora_space space, std::size_t bytes);
  ~Buffer() { reset(); }
  Buffer(Buffer&& other) noexcept { *this = std::move(other); }
  Buffer& operator=(Buffer&& other) noexcept;

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  void reset();

 private:
  std::shared_ptr<Device> device_;
  lora_space space_ = LORA_DEVICE_MEMORY;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace lora

#endif
