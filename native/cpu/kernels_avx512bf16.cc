// The inner loops with AVX-512 and its products of bf16 pairs.
#include "cpu/kernels_std.h"

#if defined(__x86_64__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 warns inside its own AVX-512 header
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma")

#define LORA_SIMD 4
#define LORA_ISA_VALUE Isa::kAvx512Bf16

namespace lora::cpu::avx512bf16 {
namespace {

#include "cpu/kernels_simd.inc"

// 28 accumulators of 16 lanes, 2 vectors of b and 1 element of a fill 31 of 32 registers.
constexpr int kTileRows = 14, kTileVectors = 2, kLowVectors = 1;
// With so few rows, panels side by side: more sums at once, and more streams of memory.
constexpr int kWidePanels[kMostWideRows + 1] = {0, 4, 4, 2, 2};

#include "cpu/gemm_tile.inc"
#include "cpu/kernels_rows.inc"

}  // namespace

#include "cpu/kernels_table.inc"

}  // namespace lora::cpu::avx512bf16
#endif
