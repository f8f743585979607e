// RAII over the table's devices, streams and allocations.
#include "runtime/device.h"

namespace lora {

std::shared_ptr<Device> Device::open(std::shared_ptr<const Backend> backend, int ordinal,
                                     const lora_limits& limits) {
  lora_device* handle = nullptr;
  backend->check((*backend)->device_open(ordinal, &limits, &handle), "device_open");
  return std::shared_ptr<Device>(new Device(std::move(backend), ordinal, handle));
}

Device::~Device() { (*backend_)->device_close(handle_); }

lora_device_info Device::info() const { return backend_->info(ordinal_); }

Stream::Stream(std::shared_ptr<Device> device) : device_(std::move(device)) {
  backend().check(backend()->stream_open(device_->handle(), &handle_), "stream_open");
}

Stream::~Stream() {
  backend()->stream_wait(handle_);
  backend()->stream_close(handle_);
}

void Stream::wait() { backend().check(backend()->stream_wait(handle_), "stream_wait"); }

void Stream::copy(void* to, const void* from, std::size_t bytes, lora_copy direction) {
  if (bytes) {
    backend().check(backend()->copy(handle_, to, from, bytes, direction), "copy");
  }
}

void Stream::fill(void* to, int byte, std::size_t bytes) {
  if (bytes) {
    backend().check(backend()->fill(handle_, to, byte, bytes), "fill");
  }
}

Event::Event(std::shared_ptr<Device> device) : device_(std::move(device)) {
  device_->backend().check(device_->backend()->event_open(device_->handle(), &handle_), "event_open");
}

Event::~Event() {
  if (handle_) {
    device_->backend()->event_close(handle_);
  }
}

void Event::mark(Stream& stream) {
  device_->backend().check(device_->backend()->event_mark(stream.handle(), handle_), "event_mark");
}

void Event::wait() { since(*this); }

double Event::since(const Event& earlier) {
  double milliseconds = 0;
  device_->backend().check(device_->backend()->event_between(earlier.handle_, handle_, &milliseconds),
                           "event_between");
  return milliseconds;
}

Buffer::Buffer(std::shared_ptr<Device> device, lora_space space, std::size_t bytes)
    : device_(std::move(device)), space_(space), bytes_(bytes) {
  const Backend& backend = device_->backend();
  const lora_status status = backend->alloc(device_->handle(), space_, bytes ? bytes : 1, &data_);
  if (status == LORA_OUT_OF_MEMORY) {
    throw out_of_memory_in("alloc", text(bytes, " bytes are not to be had"));
  }
  backend.check(status, "alloc");
}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    reset();
    device_ = std::move(other.device_);
    space_ = other.space_;
    data_ = std::exchange(other.data_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

void Buffer::reset() {
  if (data_) {
    device_->backend()->release(device_->handle(), space_, data_);
  }
  data_ = nullptr;
  bytes_ = 0;
  device_.reset();
}

}  // namespace lora
