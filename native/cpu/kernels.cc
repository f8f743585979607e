// From an instruction set to its table.
#include "cpu/kernels.h"

#include <algorithm>
#include <string>
#include <vector>

namespace lora::cpu {

const Kernels& kernels_of(Isa isa) {
  const std::vector<Isa> found = available_isas();
  if (std::find(found.begin(), found.end(), isa) == found.end()) {
    throw Error(Code::kUnsupported, "kernels_of", std::string("this machine lacks ") + isa_name(isa));
  }
  switch (isa) {
#if defined(__x86_64__)
    case Isa::kAvx2: return avx2::kKernels;
    case Isa::kAvx512: return avx512::kKernels;
    case Isa::kAvx512Bf16: return avx512bf16::kKernels;
#endif
    default: return plain::kKernels;
  }
}

}  // namespace lora::cpu
