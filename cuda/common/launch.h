// Small host helpers for launchers: grid sizes and the choice of the storage type.
#pragma once

#include <cuda_bf16.h>

#include <algorithm>
#include <cstdint>

#include "common/device.h"

namespace lora::cuda {

using bf16 = __nv_bfloat16;

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Blocks for a grid-stride loop over `count` items.
inline unsigned stride_blocks(std::int64_t count, int threads, const lora_device* device, int per_unit = 8) {
  const std::int64_t wanted = ceil_div(count, threads);
  return static_cast<unsigned>(std::max<std::int64_t>(1, std::min<std::int64_t>(wanted, std::int64_t{device->units} * per_unit)));
}

// Calls work(float{}) or work(bf16{}).
template <class Work>
void with_store(lora_dtype dtype, const char* where, Work&& work) {
  if (dtype == LORA_F32) {
    work(float{});
  } else if (dtype == LORA_BF16) {
    work(bf16{});
  } else {
    unsupported(std::string(where) + ": the CUDA backend stores f32 or bf16, not type " + std::to_string(dtype));
  }
}

template <class T>
T* ptr(const lora_tensor& tensor) { return static_cast<T*>(tensor.data); }

inline std::int64_t numel(const lora_tensor& tensor) {
  return tensor.shape[0] * tensor.shape[1] * tensor.shape[2] * tensor.shape[3];
}

}  // namespace lora::cuda
