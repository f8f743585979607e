// Which instruction set the CPU backend runs with. Chosen once per device: the best one that processor and
// operating system support, or the one that the environment variable WHETSTONE_ISA names.
#ifndef LORA_CPU_ISA_H
#define LORA_CPU_ISA_H

#include <string>
#include <vector>

namespace lora::cpu {

enum class Isa { kPlain = 0, kAvx2, kAvx512, kAvx512Bf16 };

// "plain", "avx2", "avx512", "avx512bf16".
const char* isa_name(Isa isa);

// Those that run here, weakest first. Never empty.
std::vector<Isa> available_isas();

// The best one, or what WHETSTONE_ISA says. Throws kInvalidArgument, naming the available ones, when the variable
// names none of them.
Isa pick_isa();

}  // namespace lora::cpu
#endif
