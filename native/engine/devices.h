// Questions that need no session: which devices there are, what the CPU can do.
#ifndef LORA_ENGINE_DEVICES_H
#define LORA_ENGINE_DEVICES_H

#include <string>
#include <vector>

#include "abi/backend.h"

namespace lora {

// Devices of the CPU backend, or of the plugin at a path.
std::vector<lora_device_info> list_devices(const std::string& plugin);

struct CpuDescription {
  std::string isa;                     // the instruction set in use
  std::vector<std::string> available;  // all that this machine has
  int threads = 0;
};
CpuDescription describe_cpu();

}  // namespace lora

#endif
