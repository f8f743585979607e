// Everything that an ops_<isa>.cc uses and shares with other files, so that it is compiled for the plain
// target: included before the target is set.
#ifndef LORA_CPU_OPS_SHARED_H
#define LORA_CPU_OPS_SHARED_H

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "abi/philox.h"
#include "base/dtype.h"
#include "base/parallel.h"
#include "cpu/ops.h"
#include "cpu/oracle_values.h"
#include "cpu/sample_oracle.h"

#endif
