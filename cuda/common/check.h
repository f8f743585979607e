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

// Throws the Fault that a CUDA error means. One that poisons the context marks the current device as lost: see lost.h.
[[noreturn]] void throw_cuda(cudaError_t error, const char* what);

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
