// The f64 oracle as a device of the testing addon's sessions.
#include "addon/state.h"
#include "cpu/backend.h"

namespace lora {

OracleFill oracle_fill() { return cpu::oracle_backend; }

}  // namespace lora
