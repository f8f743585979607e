// The plugin's own device, stream and event, and the workspace that operations cut their scratch from. One stream
// works at a time on a device, so the workspace needs no locks: every operation starts from its beginning.
// `major` and `minor` are what kernels are chosen by: 8.0 also where this build's code for Hopper cannot run.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

#include "common/check.h"
#include "common/lost.h"

struct lora_device {
  int         ordinal = 0;
  int         units = 0;       // multiprocessors
  int         major = 0, minor = 0;
  int         shared_limit = 0;  // bytes of shared memory a block may ask for
  unsigned    life = 0;          // see lost.h
  lora_limits limits{};
  void*       workspace = nullptr;
  std::size_t workspace_bytes = 0;
  std::size_t workspace_used = 0;
};

struct lora_stream {
  lora_device* device = nullptr;
  cudaStream_t handle = nullptr;
};

struct lora_event {
  lora_device* device = nullptr;
  cudaEvent_t handle = nullptr;
};

namespace lora::cuda {

// Makes the device current on the calling thread. Throws where it has been lost since it was opened.
inline void enter(const lora_device* device) {
  current_ordinal() = device->ordinal;
  refuse_lost(device->ordinal, device->life);
  LORA_CUDA(cudaSetDevice(device->ordinal));
}

// Cuts aligned pieces from the device's workspace and gives them back when it goes out of scope; operations that call
// others nest.
class Workspace {
 public:
  explicit Workspace(lora_device* device) : device_(device), mark_(device->workspace_used) {}
  ~Workspace() { device_->workspace_used = mark_; }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  template <class T>
  T* take(std::size_t count) {
    return static_cast<T*>(bytes(count * sizeof(T)));
  }
  std::size_t left() const { return device_->workspace_bytes - device_->workspace_used; }

 private:
  void* bytes(std::size_t size) {
    const std::size_t rounded = (size + 255) / 256 * 256;
    if (rounded > left()) {
      throw Fault{LORA_OUT_OF_MEMORY, "the operation needs " + std::to_string(rounded) + " bytes of workspace, but only " +
                                          std::to_string(left()) + " are left; open the device with larger limits"};
    }
    void* at = static_cast<char*>(device_->workspace) + device_->workspace_used;
    device_->workspace_used += rounded;
    return at;
  }

  lora_device* device_;
  std::size_t mark_;
};

}  // namespace lora::cuda
