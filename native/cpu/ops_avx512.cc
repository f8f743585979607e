// The operations for AVX-512 (F, BW, DQ, VL): sixteen lanes. Elsewhere than on x86 nothing picks this table.
#include "cpu/ops_shared.h"

#define LORA_VEC_NS avx512
#define LORA_VEC_TABLE kOpsAvx512

#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#define LORA_VEC_LANES 16
#else
#define LORA_VEC_LANES 4
#endif

#include "cpu/ops_impl.h"
