// Reads the capability to choose kernels by. Which code of this library the device would run is read off a kernel that
// differs between the builds, without running it.
#include "common/capability.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "common/check.h"

namespace lora::cuda {
namespace {

// Its static shared memory tells which code was loaded: four times as much where Hopper's own instructions are in it.
__global__ void marker_kernel(int* out) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  constexpr int kWords = 64;
#else
  constexpr int kWords = 16;
#endif
  __shared__ int words[kWords];
  for (int i = threadIdx.x; i < kWords; i += blockDim.x) words[i] = out[i];
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int i = 0; i < kWords; ++i) out[i] = words[kWords - 1 - i];
  }
}

constexpr std::size_t kHopperBytes = 64 * sizeof(int);

}  // namespace

Capability capability_of(const cudaDeviceProp& properties) {
  Capability own{properties.major, properties.minor, static_cast<int>(properties.sharedMemPerBlockOptin)};
  if (own.major == 9) {
    cudaFuncAttributes attributes{};
    LORA_CUDA(cudaFuncGetAttributes(&attributes, marker_kernel));
    if (attributes.sharedSizeBytes != kHopperBytes) own.major = 8, own.minor = 0;
  }
  const char* wanted = std::getenv("WHETSTONE_CUDA_CAPABILITY");
  int major = 0, minor = 0;
  if (wanted == nullptr || wanted[0] == '\0') return own;
  if (std::sscanf(wanted, "%d.%d", &major, &minor) != 2) {
    invalid("WHETSTONE_CUDA_CAPABILITY: expected a compute capability such as 8.6, got " + std::string(wanted));
  }
  if (major > own.major || (major == own.major && minor >= own.minor)) return own;
  const int limit = major == 8 && minor != 0 && minor != 7 ? 99 << 10 : 163 << 10;
  return {major, minor, std::min(own.shared_limit, limit)};
}

}  // namespace lora::cuda
