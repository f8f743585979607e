// Asks the backends; a plugin is loaded for it and stays loaded.
#include "engine/devices.h"

#include <thread>

#include "runtime/backend.h"

namespace lora {

std::vector<lora_device_info> list_devices(const std::string& plugin) {
  return (plugin.empty() ? Backend::cpu() : Backend::load(plugin))->devices();
}

CpuDescription describe_cpu() {
  CpuDescription out;
  out.isa = Backend::cpu_isa();
  out.available = Backend::cpu_isas();
  out.threads = static_cast<int>(std::thread::hardware_concurrency());
  return out;
}

}  // namespace lora
