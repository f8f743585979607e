// The operations for AVX2 and FMA: eight lanes. Elsewhere than on x86 nothing picks this table.
#include "cpu/ops_shared.h"

#define LORA_VEC_NS avx2
#define LORA_VEC_TABLE kOpsAvx2

#if defined(__x86_64__)
#pragma GCC target("avx2,fma")
#define LORA_VEC_LANES 8
#else
#define LORA_VEC_LANES 4
#endif

#include "cpu/ops_impl.h"
