// Bump allocation in steps of 256 bytes from what the backend aligned: every tensor starts on its own cache lines, and
// what is taken is what was planned.
#include "runtime/memory.h"

#include <cstring>

namespace lora {

namespace {

constexpr std::size_t kStep = 256;

std::size_t padded(std::size_t bytes) { return (bytes + kStep - 1) / kStep * kStep; }

}  // namespace

Arena::Arena(std::shared_ptr<Device> device, lora_space space, std::size_t bytes)
    : buffer_(std::move(device), space, padded(bytes)), base_(static_cast<char*>(buffer_.data())) {}

void* Arena::take_bytes(const char* name, std::size_t bytes) {
  const std::size_t at = used_;
  used_ += padded(bytes);
  if (used_ > peak_) {
    peak_ = used_;
  }
  if (dry()) {
    for (Line& line : plan_) {
      if (line.name == name) {
        line.bytes += padded(bytes);
        return nullptr;
      }
    }
    plan_.push_back({name, padded(bytes)});
    return nullptr;
  }
  if (used_ > buffer_.bytes()) {
    throw internal_error(
        text("arena: ", name, " needs ", used_, " bytes but the plan gave ", buffer_.bytes()));
  }
  return base_ + at;
}

Tensor Arena::take(const char* name, lora_dtype dtype, std::initializer_list<std::int64_t> shape) {
  Tensor out(nullptr, dtype, shape);
  out.data = take_bytes(name, out.bytes());
  return out;
}

void Upload::grow(std::size_t bytes) {
  if (bytes <= host_.bytes()) {
    return;
  }
  host_.reset();
  device_copy_.reset();
  host_ = Buffer(device_, LORA_PINNED_MEMORY, bytes);
  device_copy_ = Buffer(device_, LORA_DEVICE_MEMORY, bytes);
}

std::size_t Upload::rounded(std::size_t bytes, int arrays) {
  return padded(bytes + static_cast<std::size_t>(arrays) * kStep);
}

void Upload::begin(std::size_t bytes, int arrays) {
  used_ = 0;
  grow(rounded(bytes, arrays));
}

void* Upload::put_bytes(const void* from, std::size_t bytes) {
  const std::size_t at = used_;
  used_ += padded(bytes);
  if (used_ > host_.bytes()) {
    throw internal_error("upload: the block is larger than announced");
  }
  std::memcpy(static_cast<char*>(host_.data()) + at, from, bytes);
  return static_cast<char*>(device_copy_.data()) + at;
}

void Upload::rewrite(const void* at, const void* from, std::size_t bytes) {
  const auto offset = static_cast<const char*>(at) - static_cast<const char*>(device_copy_.data());
  std::memcpy(static_cast<char*>(host_.data()) + offset, from, bytes);
}

Tensor Upload::put(const void* from, lora_dtype dtype, std::initializer_list<std::int64_t> shape) {
  Tensor out(nullptr, dtype, shape);
  out.data = put_bytes(from, out.bytes());
  return out;
}

void Upload::send(Stream& stream) {
  stream.copy(device_copy_.data(), host_.data(), used_, LORA_HOST_TO_DEVICE);
}

}  // namespace lora
