// Everything that the kernels of each instruction set include before their target pragma, so that no shared inline
// function is compiled for a processor that may not be there.
#ifndef LORA_CPU_KERNELS_STD_H
#define LORA_CPU_KERNELS_STD_H

#include <cstdint>
#include <type_traits>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "abi/philox.h"
#include "cpu/kernels.h"

#endif
