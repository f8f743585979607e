// Detection of instruction sets. __builtin_cpu_supports also asks whether the system saves the wide registers.
#include "cpu/isa.h"

#include <cstdlib>

#include "base/error.h"

namespace lora::cpu {

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::kPlain: return "plain";
    case Isa::kAvx2: return "avx2";
    case Isa::kAvx512: return "avx512";
    case Isa::kAvx512Bf16: return "avx512bf16";
  }
  return "unknown";
}

std::vector<Isa> available_isas() {
  std::vector<Isa> found{Isa::kPlain};
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return found;
  found.push_back(Isa::kAvx2);
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq")) {
    return found;
  }
  found.push_back(Isa::kAvx512);
  if (__builtin_cpu_supports("avx512bf16")) found.push_back(Isa::kAvx512Bf16);
#endif
  return found;
}

Isa pick_isa() {
  const std::vector<Isa> found = available_isas();
  const char* wanted = std::getenv("WHETSTONE_ISA");
  if (wanted == nullptr || *wanted == '\0') return found.back();
  std::string names;
  for (Isa isa : found) {
    if (std::string(wanted) == isa_name(isa)) return isa;
    names += (names.empty() ? "" : ", ") + std::string(isa_name(isa));
  }
  throw Error(Code::kInvalidArgument, "WHETSTONE_ISA",
              "expected an instruction set that this machine has (" + names + "), got \"" + wanted +
                  "\"; name one of them or leave the variable out");
}

}  // namespace lora::cpu
