// By which compute capability kernels are chosen: the device's own, or less. WHETSTONE_CUDA_CAPABILITY=8.6 takes the
// kernels and limits of that one, so that tests can run a card's path on a later card; and a build without code for
// sm_90a has no Hopper kernels, whatever the card.
#pragma once

#include <cuda_runtime.h>

#include <string>

namespace lora::cuda {

struct Capability {
  int major, minor;
  int shared_limit;  // bytes of shared memory a block may ask for
};

// The device is current, or will be where it is asked for.
Capability capability_of(const cudaDeviceProp& properties);

inline std::string too_old(int major, int minor) {
  return "compute capability " + std::to_string(major) + "." + std::to_string(minor) + ": at least 8.0 (Ampere) is needed";
}

}  // namespace lora::cuda
