// The inner loops in portable code, without intrinsics: the reference for the others.
#include "cpu/kernels_std.h"


#define LORA_SIMD 0
#define LORA_ISA_VALUE Isa::kPlain

namespace lora::cpu::plain {
namespace {

#include "cpu/kernels_simd.inc"

// 12 accumulators of 4 lanes and 2 vectors of b fill 16 registers.
constexpr int kTileRows = 6, kTileVectors = 2, kLowVectors = 2;
// With so few rows, panels side by side: more sums at once, and more streams of memory.
constexpr int kWidePanels[kMostWideRows + 1] = {0, 4, 2, 1, 1};

#include "cpu/gemm_tile.inc"
#include "cpu/kernels_rows.inc"

}  // namespace

#include "cpu/kernels_table.inc"

}  // namespace lora::cpu::plain

