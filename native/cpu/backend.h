// The two tables that native/cpu fills: the shipped CPU backend, and the f64 oracle that only engine_testing.node has.
#ifndef LORA_CPU_BACKEND_H
#define LORA_CPU_BACKEND_H

#include "abi/backend.h"

namespace lora::cpu {

lora_status cpu_backend(lora_backend* out);
lora_status oracle_backend(lora_backend* out);

}  // namespace lora::cpu

#endif
