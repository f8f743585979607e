// The operations for the compiler's own target: four lanes, which every 64-bit processor has.
#include "cpu/ops_shared.h"

#define LORA_VEC_NS plain
#define LORA_VEC_LANES 4
#define LORA_VEC_TABLE kOpsPlain

#include "cpu/ops_impl.h"
