// The tables that native/cpu fills: the shipped CPU backend, and two that only engine_testing.node has, the f64 oracle
// and "plain", which loses in bf16 what the usual framework loses.
#ifndef LORA_CPU_BACKEND_H
#define LORA_CPU_BACKEND_H

#include <string>
#include <vector>

#include "abi/backend.h"

namespace lora::cpu {

lora_status cpu_backend(lora_backend* out);
lora_status oracle_backend(lora_backend* out);
lora_status plain_backend(lora_backend* out);

// Bytes of scratch that a device of either table holds now.
std::size_t workspace_of(const lora_device* device);

// Instruction sets that run here, weakest first, and the one that a device opened now would use. The latter
// throws when the environment variable WHETSTONE_ISA names none of them.
std::vector<std::string> cpu_isas();
std::string cpu_isa();

}  // namespace lora::cpu

#endif
