// Tensor: a view of device memory with a shape. Trivially copyable, owns nothing; data == nullptr means
// absent.
#ifndef LORA_RUNTIME_TENSOR_H
#define LORA_RUNTIME_TENSOR_H

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "base/dtype.h"

namespace lora {

struct Tensor : lora_tensor {
  Tensor() : lora_tensor{nullptr, {1, 1, 1, 1}, 0, LORA_F32} {}
  Tensor(void* at, lora_dtype type, std::initializer_list<std::int64_t> extents)
      : lora_tensor{at, {1, 1, 1, 1}, 0, type} {
    for (const std::int64_t extent : extents) {
      shape[dims++] = extent;
    }
  }

  explicit operator bool() const { return data != nullptr; }
  std::int64_t count() const { return shape[0] * shape[1] * shape[2] * shape[3]; }
  std::size_t bytes() const { return static_cast<std::size_t>(count()) * size_of(dtype); }

  // The same memory with another shape; the caller keeps the number of elements.
  Tensor as(std::initializer_list<std::int64_t> extents) const { return Tensor(data, dtype, extents); }

  // Rows [from, from + count) of the first extent.
  Tensor rows(std::int64_t from, std::int64_t count) const {
    Tensor out = *this;
    const std::int64_t row = this->count() / (shape[0] ? shape[0] : 1);
    out.shape[0] = count;
    if (data) {
      out.data = static_cast<char*>(data) + static_cast<std::size_t>(from * row) * size_of(dtype);
    }
    return out;
  }

  // "[384, 2048]"
  static std::string shape_of(const lora_tensor& t) {
    std::string out = "[";
    for (int i = 0; i < t.dims; ++i) {
      out += (i ? ", " : "") + std::to_string(t.shape[i]);
    }
    return out + "]";
  }
};

}  // namespace lora

#endif
