// linear_border_drop_kernel: dx (+)= sum over siblings of mask_p (g_p A_p[slot]), when dropout is on. The masks differ
// per sibling, so the border cannot ride in the backward product; it is laid down first and that product adds to it.
//
// Shapes   g_p [T,R], A_p [slots][R,K], dx [T,K] bf16. A block owns 64 rows by 64 columns; R in steps of 16.
#pragma once

#include "linear/down.cuh"

namespace lora::cuda {

struct BorderPart {
  const bf16*  g;
  const bf16*  a;  // slot 0's A
  const float* drop;
  lora_streams streams;
  unsigned     site;
};

struct BorderArgs {
  BorderPart part[3];
  RowTiles   rows;
  const int* row;
  bf16*      dx;
  long long  slot_stride;
  int        parts, width, rank, add;
};

// Grid: x column blocks of 64, y row tiles.
static __global__ void __launch_bounds__(kThinThreads) linear_border_drop_kernel(const __grid_constant__ BorderArgs args) {
  constexpr int kPitchG = 24, kPitchA = 72;  // elements: free of bank conflicts
  __shared__ __align__(16) bf16 gs[kThinRows * kPitchG];
  __shared__ __align__(16) bf16 as[16 * kPitchA];
  const RowTile tile = find_tile(args.rows, blockIdx.y, kThinRows);
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, c0 = blockIdx.x * 64;
  float total[8][4] = {};
  if (tile.slot >= 0) {
    for (int p = 0; p < args.parts; ++p) {
      const BorderPart& part = args.part[p];
      const DropStream stream = drop_stream(part.drop, part.streams.seed, part.streams.tick, part.site, tile.slot);
      float acc[8][4] = {};
      for (int r0 = 0; r0 < args.rank; r0 += 16) {
        __syncthreads();
        for (int i = threadIdx.x; i < kThinRows * 2; i += kThinThreads) {
          const int r = i / 2, c = i % 2 * 8;
          copy16(gs + r * kPitchG + c, r < tile.rows ? part.g + static_cast<long long>(tile.row + r) * args.rank + r0 + c : part.g, r < tile.rows);
        }
        for (int i = threadIdx.x; i < 16 * 8; i += kThinThreads) {
          const int r = i / 8, c = i % 8 * 8;
          const bool valid = c0 + c < args.width;
          copy16(as + r * kPitchA + c,
                 valid ? part.a + tile.slot * args.slot_stride + static_cast<long long>(r0 + r) * args.width + c0 + c : part.a, valid);
        }
        copy_commit();
        copy_wait<0>();
        __syncthreads();
        std::uint32_t left[4];
        ldmatrix4(left, gs + (warp * 16 + lane % 16) * kPitchG + lane / 16 * 8);
#pragma unroll
        for (int n = 0; n < 64; n += 16) {
          std::uint32_t right[4];
          ldmatrix4_transposed(right, as + (lane % 16) * kPitchA + n + lane / 16 * 8);
          mma(acc[n / 8], left, right[0], right[1]);
          mma(acc[n / 8 + 1], left, right[2], right[3]);
        }
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int r = warp * 16 + lane / 4 + half * 8;
        const unsigned counter = r < tile.rows && stream.threshold != 0 ? args.row[tile.row + r] : 0;
#pragma unroll
        for (int j = 0; j < 8; ++j) {
#pragma unroll
          for (int i = 0; i < 2; ++i) {
            total[j][half * 2 + i] += acc[j][half * 2 + i] * drop_factor(stream, counter, c0 + j * 8 + lane % 4 * 2 + i);
          }
        }
      }
    }
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int r = warp * 16 + lane / 4 + half * 8;
    if (r >= tile.rows) continue;
    bf16* line = args.dx + static_cast<long long>(tile.row + r) * args.width;
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      const int column = c0 + j * 8 + lane % 4 * 2;
      if (column >= args.width) continue;
      float x = total[j][half * 2], y = total[j][half * 2 + 1];
      if (args.add) x += to_f32(line[column]), y += to_f32(line[column + 1]);
      *reinterpret_cast<__nv_bfloat162*>(line + column) = __floats2bfloat162_rn(x, y);
    }
  }
}

}  // namespace lora::cuda
