// The inner loops with AVX2 and FMA.
#include "cpu/kernels_std.h"

#if defined(__x86_64__)
#pragma GCC target("avx2,fma")

#define LORA_SIMD 2
#define LORA_ISA_VALUE Isa::kAvx2

namespace lora::cpu::avx2 {
namespace {

#include "cpu/kernels_simd.inc"

// 12 accumulators of 8 lanes, 2 vectors of b and 1 element of a fill 15 of 16 registers.
constexpr int kTileRows = 6, kTileVectors = 2, kLowVectors = 2;
// With so few rows, panels side by side: more sums at once, and more streams of memory.
constexpr int kWidePanels[kMostWideRows + 1] = {0, 4, 2, 1, 1};

#include "cpu/gemm_tile.inc"
#include "cpu/kernels_rows.inc"

}  // namespace

#include "cpu/kernels_table.inc"

}  // namespace lora::cpu::avx2
#endif
