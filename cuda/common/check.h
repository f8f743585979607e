// How a failure travels inside the plugin: thrown as Fault, caught once per table entry by guard(), which leaves the
// sentence for last_error and returns the status. Every CUDA call goes through LORA_CUDA, every launch is followed
// by LORA_LAUNCHED.
#pragma once

#include <cuda_runtime.h>

#include <new>
#include <string>

#include "abi/backend.h"

namespace lora::cuda {

struct Fault {
  lora_status status;
  std::string message;
};

std::string& last_error_text();

// Out of memory is cleared and reported; anything that poisons the context is a lost device.
[[noreturn]] inline void throw_cuda(cudaError_t error, const char* what) {
  (void)cudaGetLastError();
  const std::string text = std::string(what) + ": " + cudaGetErrorName(error) + " (" + cudaGetErrorString(error) + ")";
  switch (error) {
    case cudaErrorMemoryAllocation: throw Fault{LORA_OUT_OF_MEMORY, text};
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorInitializationError: throw Fault{LORA_UNAVAILABLE, text};
    case cudaErrorInvalidValue:
    case cudaErrorInvalidConfiguration: throw Fault{LORA_INTERNAL, text};
    default: throw Fault{LORA_DEVICE_LOST, text + "; an earlier operation on this stream may be the cause"};
  }
}

#define LORA_CUDA(call)                                                    \
  do {                                                                     \
    const cudaError_t lora_error_ = (call);                                \
    if (lora_error_ != cudaSuccess) ::lora::cuda::throw_cuda(lora_error_, #call); \
  } while (0)

#define LORA_LAUNCHED(kernel)                                              \
  do {                                                                     \
    const cudaError_t lora_error_ = cudaGetLastError();                    \
    if (lora_error_ != cudaSuccess) ::lora::cuda::throw_cuda(lora_error_, "launch of " kernel); \
  } while (0)

[[noreturn]] inline void invalid(const std::string& message) { throw Fault{LORA_INVALID, message}; }
[[noreturn]] inline void unsupported(const std::string& message) { throw Fault{LORA_UNSUPPORTED, message}; }

template <class Work>
lora_status guard(Work&& work) noexcept {
  try {
    work();
    return LORA_OK;
  } catch (const Fault& fault) {
    last_error_text() = fault.message;
    return fault.status;
  } catch (const std::bad_alloc&) {
    last_error_text() = "out of host memory";
    return LORA_OUT_OF_MEMORY;
  } catch (...) {
    last_error_text() = "an unknown exception inside the CUDA plugin";
    return LORA_INTERNAL;
  }
}

}  // namespace lora::cuda
