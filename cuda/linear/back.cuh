// linear_back_kernel and linear_back_sum_kernel: an adapter's g and dB from one pass over dy, for ranks up to kBackRank.
//
//   g[t,:] = scale dy[t,:] B[slot]          dB[slot] += scale dy^T u
//
// Shapes   dy [T,N] bf16, u [T,R] bf16 unscaled, B [slots][N,R]; g [T,R] bf16; dB f32, added to by linear_grad_sum_kernel.
// How      A block of four warps owns kBackColumns columns of dy and a chunk of kGradRows rows of one segment, and walks it in
//          tiles of 64 rows: each tile of dy, once in shared memory, is the left operand of its part of g and, transposed, of
//          dB. dB of the block stays in registers to the end of the chunk. g is a sum over all column blocks: f32 parts go to
//          memory and linear_back_sum_kernel adds them in order. No atomics. Bound by memory: dy is read once, not twice.
#pragma once

#include "linear/grad.cuh"

namespace lora::cuda {

constexpr int kBackColumns = 256, kBackRank = 32, kBackStages = 2;

struct BackPart {
  const bf16*   dy;
  const bf16*   b;         // slot 0's B
  const bf16*   u;
  bf16*         g;
  float*        g_part;    // [column blocks][T][R]
  float*        db_part;   // [chunks][N][R]
  const double* scale;
  int           columns;   // N
  int           first;     // column blocks of the parts before
};

struct BackArgs {
  BackPart  part[3];
  RowTiles  rows;          // tiles are chunks of kGradRows; of 64 rows for the sum
  long long slot_stride, tokens;
  int       parts, blocks;  // column blocks of all parts
};

template <int kR>
struct BackShared {
  static constexpr int kPitchDy = kBackColumns + 8, kPitchThin = kR + 8;
  static constexpr int kStage = kThinRows * (kPitchDy + kPitchThin);  // elements
  static constexpr int kBytes = (kBackStages * kStage + kBackColumns * kPitchThin) * 2;
};

// Grid: x column blocks of all parts, y chunks.
template <int kR>
__global__ void __launch_bounds__(kThinThreads) linear_back_kernel(const __grid_constant__ BackArgs args) {
  using Shared = BackShared<kR>;
  extern __shared__ __align__(16) unsigned char raw[];
  bf16* ring = reinterpret_cast<bf16*>(raw);
  bf16* bs = ring + kBackStages * Shared::kStage;
  int p = 0;
  while (p + 1 < args.parts && args.part[p + 1].first <= static_cast<int>(blockIdx.x)) ++p;
  const BackPart& part = args.part[p];
  const int block = static_cast<int>(blockIdx.x) - part.first, c0 = block * kBackColumns;
  const RowTile chunk = find_tile(args.rows, blockIdx.y, kGradRows);
  if (chunk.slot < 0) return;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, steps = (chunk.rows + kThinRows - 1) / kThinRows;
  const bf16* b = part.b + chunk.slot * args.slot_stride;
  for (int i = threadIdx.x; i < kBackColumns * kR / 8; i += kThinThreads) {
    const int c = i / (kR / 8), r = i % (kR / 8) * 8;
    const bool valid = c0 + c < part.columns;
    copy16(bs + c * Shared::kPitchThin + r, valid ? b + static_cast<long long>(c0 + c) * kR + r : b, valid);
  }
  const auto load = [&](int step) {
    bf16* dy = ring + step % kBackStages * Shared::kStage;
    bf16* u = dy + kThinRows * Shared::kPitchDy;
    if (step < steps) {
      const int left = chunk.rows - step * kThinRows;
      const long long row = chunk.row + step * kThinRows;
      for (int i = threadIdx.x; i < kThinRows * kBackColumns / 8; i += kThinThreads) {
        const int r = i / (kBackColumns / 8), c = i % (kBackColumns / 8) * 8;
        const bool valid = r < left && c0 + c < part.columns;
        copy16(dy + r * Shared::kPitchDy + c, valid ? part.dy + (row + r) * part.columns + c0 + c : part.dy, valid);
      }
      for (int i = threadIdx.x; i < kThinRows * kR / 8; i += kThinThreads) {
        const int r = i / (kR / 8), c = i % (kR / 8) * 8;
        copy16(u + r * Shared::kPitchThin + c, r < left ? part.u + (row + r) * kR + c : part.u, r < left);
      }
    }
    copy_commit();
  };
  // dB: each warp owns a quarter of the columns, 16 at a time.
  constexpr int kSets = kBackColumns / 64;
  float db[kSets][kR / 8][4] = {};
  for (int step = 0; step < kBackStages - 1; ++step) load(step);
  for (int step = 0; step < steps; ++step) {
    load(step + kBackStages - 1);
    copy_wait<kBackStages - 1>();
    __syncthreads();
    const bf16* dy = ring + step % kBackStages * Shared::kStage;
    const bf16* u = dy + kThinRows * Shared::kPitchDy;
#pragma unroll
    for (int k = 0; k < kThinRows; k += 16) {
      std::uint32_t left[kSets][4];
#pragma unroll
      for (int s = 0; s < kSets; ++s) {
        ldmatrix4_transposed(left[s], dy + (k + lane / 16 * 8 + lane % 8) * Shared::kPitchDy + (warp * kSets + s) * 16 + lane / 8 % 2 * 8);
      }
#pragma unroll
      for (int n = 0; n < kR; n += 16) {
        std::uint32_t right[4];
        ldmatrix4_transposed(right, u + (k + lane % 16) * Shared::kPitchThin + n + lane / 16 * 8);
#pragma unroll
        for (int s = 0; s < kSets; ++s) {
          mma(db[s][n / 8], left[s], right[0], right[1]);
          mma(db[s][n / 8 + 1], left[s], right[2], right[3]);
        }
      }
    }
    // g: each warp owns 16 rows.
    float g[kR / 8][4] = {};
#pragma unroll 4
    for (int k = 0; k < kBackColumns; k += 16) {
      std::uint32_t left[4];
      ldmatrix4(left, dy + (warp * 16 + lane % 16) * Shared::kPitchDy + k + lane / 16 * 8);
#pragma unroll
      for (int n = 0; n < kR; n += 16) {
        std::uint32_t right[4];
        ldmatrix4_transposed(right, bs + (k + lane % 16) * Shared::kPitchThin + n + lane / 16 * 8);
        mma(g[n / 8], left, right[0], right[1]);
        mma(g[n / 8 + 1], left, right[2], right[3]);
      }
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int r = step * kThinRows + warp * 16 + lane / 4 + half * 8;
      if (r >= chunk.rows) continue;
      float* to = part.g_part + (static_cast<long long>(block) * args.tokens + chunk.row + r) * kR + lane % 4 * 2;
#pragma unroll
      for (int j = 0; j < kR / 8; ++j) *reinterpret_cast<float2*>(to + j * 8) = make_float2(g[j][half * 2], g[j][half * 2 + 1]);
    }
    __syncthreads();
  }
  const long long plane = static_cast<long long>(blockIdx.y) * part.columns * kR;
#pragma unroll
  for (int i = 0; i < 2 * kSets; ++i) {
    const int set = i / 2, half = i % 2, c = c0 + (warp * kSets + set) * 16 + lane / 4 + half * 8;
    if (c >= part.columns) continue;
#pragma unroll
    for (int j = 0; j < kR / 8; ++j) {
      *reinterpret_cast<float2*>(part.db_part + plane + static_cast<long long>(c) * kR + j * 8 + lane % 4 * 2) =
          make_float2(db[set][j][half * 2], db[set][j][half * 2 + 1]);
    }
  }
}

// g = scale times the sum of its parts, 0 for rows without an adapter. Grid: x row tiles of 64, y parts; four elements a thread.
template <int kR>
__global__ void __launch_bounds__(256) linear_back_sum_kernel(const __grid_constant__ BackArgs args) {
  const BackPart& part = args.part[blockIdx.y];
  const int blocks = (blockIdx.y + 1 < args.parts ? args.part[blockIdx.y + 1].first : args.blocks) - part.first;
  const RowTile tile = find_tile(args.rows, blockIdx.x, kThinRows);
  const float scale = tile.slot >= 0 ? static_cast<float>(part.scale[tile.slot]) : 0.0f;
  for (int i = threadIdx.x; i < tile.rows * kR / 4; i += 256) {
    const long long at = static_cast<long long>(tile.row) * kR + i * 4;
    float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (tile.slot >= 0) {
#pragma unroll 4
      for (int block = 0; block < blocks; ++block) {
        const float4 x = __ldcs(reinterpret_cast<const float4*>(part.g_part + static_cast<long long>(block) * args.tokens * kR + at));
        sum.x += x.x, sum.y += x.y, sum.z += x.z, sum.w += x.w;
      }
    }
    __nv_bfloat162* to = reinterpret_cast<__nv_bfloat162*>(part.g + at);
    to[0] = __floats2bfloat162_rn(sum.x * scale, sum.y * scale);
    to[1] = __floats2bfloat162_rn(sum.z * scale, sum.w * scale);
  }
}

}  // namespace lora::cuda
