// What a CUDA error means to the engine, and the lives of devices.
#include "common/check.h"

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "common/lost.h"

namespace lora::cuda {
namespace {

constexpr int kMostDevices = 64;
constexpr int kAttempts = 3;  // to reset a lost device

struct Life {
  std::atomic<unsigned> number{0};
  std::atomic<bool>     lost{false};
};

std::array<Life, kMostDevices> lives;
std::mutex                     reviving;

Life& life_of(int ordinal) { return lives[static_cast<unsigned>(ordinal) % kMostDevices]; }

}  // namespace

int& current_ordinal() {
  thread_local int ordinal = 0;
  return ordinal;
}

void mark_lost(int ordinal) { life_of(ordinal).lost = true; }

void refuse_lost(int ordinal, unsigned life) {
  const Life& now = life_of(ordinal);
  if (!now.lost && now.number == life) return;
  throw Fault{LORA_DEVICE_LOST, "device " + std::to_string(ordinal) + " was lost by an earlier operation, here or in another session"};
}

unsigned revive(int ordinal) {
  current_ordinal() = ordinal;
  const std::lock_guard<std::mutex> lock(reviving);
  Life& life = life_of(ordinal);
  if (!life.lost) return life.number;
  cudaError_t error = cudaSuccess;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(std::chrono::milliseconds(200));
    (void)cudaSetDevice(ordinal);
    (void)cudaDeviceReset();
    (void)cudaGetLastError();
    error = cudaSetDevice(ordinal);
    if (error == cudaSuccess) error = cudaFree(nullptr);  // makes the context
    (void)cudaGetLastError();
    if (error != cudaSuccess) continue;
    life.lost = false;
    return ++life.number;
  }
  throw Fault{LORA_DEVICE_LOST, "device " + std::to_string(ordinal) + " was lost by an earlier operation, and the driver gives this process no new context (" +
                                    cudaGetErrorName(error) + ")"};
}

void throw_cuda(cudaError_t error, const char* what) {
  (void)cudaGetLastError();
  const std::string text = std::string(what) + ": " + cudaGetErrorName(error) + " (" + cudaGetErrorString(error) + ")";
  switch (error) {
    case cudaErrorMemoryAllocation: throw Fault{LORA_OUT_OF_MEMORY, text};
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorInitializationError:
    case cudaErrorSystemNotReady:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorDevicesUnavailable: throw Fault{LORA_UNAVAILABLE, text};
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidKernelImage:
    case cudaErrorUnsupportedPtxVersion:
    case cudaErrorJitCompilerNotFound:
    case cudaErrorInvalidPtx:
      throw Fault{LORA_UNAVAILABLE, text + "; this plugin holds no code that the device can run: build it on this machine, or update the driver"};
    // After these the context answers nothing else any more.
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorLaunchFailure:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContextIsDestroyed:
    case cudaErrorExternalDevice:
    case cudaErrorUnknown:
      mark_lost(current_ordinal());
      throw Fault{LORA_DEVICE_LOST, text + "; an earlier operation on this stream may be the cause"};
    default: throw Fault{LORA_INTERNAL, text};
  }
}

}  // namespace lora::cuda
