// The f64 oracle and plain code as devices of the testing addon's sessions.
#include "addon/state.h"
#include "cpu/backend.h"

namespace lora {

OracleFill oracle_fill(const std::string& device) {
  if (device == "oracle") return cpu::oracle_backend;
  return device == "plain" ? cpu::plain_backend : nullptr;
}

}  // namespace lora
