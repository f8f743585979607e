// linear_down_kernel: the thin products of an adapter, rows of a batch times a matrix of a few columns.
//
//   forward    u[t,:]  = drop(x)[t,:] A[slot]^T,   us = scale u     (A [R,K], K-major: kTransposed false)
//   backward   g[t,:]  = scale dy[t,:] B[slot]                      (B [N,R], R along memory: kTransposed true)
//
// Shapes   x [T,K] bf16; out and scaled [T,R]; K a multiple of 8, R of 16; kN columns of one sibling a block.
// Siblings that share x go together: their matrices stand side by side as columns of one block, and x is read once for
//          all. Otherwise each sibling is a plane of the grid.
// How      A cluster of one to four blocks owns 64 rows of one segment and cuts K among them. Tiles of kThinK along K come
//          through cp.async, kStages deep, each of a block's four warps multiplies 16 rows with mma.sync; the blocks' sums
//          meet in shared memory, added in the order of their ranks. Bound by memory.
// Dropout  clears elements of the tile in shared memory before the product; what is kept is scaled in the sums.
#pragma once

#include "linear/route.h"
#include "prim/drop.cuh"
#include "prim/mma_sm80.cuh"
#include "prim/pack.cuh"

namespace lora::cuda {

// 128 columns a tile: 256 contiguous bytes of each row, or memory pages are opened for too little.
constexpr int kThinRows = 64, kThinK = 128, kThinThreads = 128, kThinStages = 3;
constexpr int kThinPitch = kThinK + 8;  // elements: 272 bytes keep ldmatrix free of bank conflicts

struct DownPart {
  const bf16*   x;       // [T, width]: x, or dy
  const bf16*   matrix;  // slot 0's A or B
  bf16*         out;     // u, or g
  bf16*         scaled;  // us; null: `out` itself is scaled
  const float*  drop;
  lora_streams  streams;
  const double* scale;
  unsigned      site;
  int           width;   // of the contraction
};

struct DownArgs {
  DownPart    part[3];
  RowTiles    rows;
  const int*  row;  // lora_route.row_dev
  long long   slot_stride;
  int         rank;      // R
  int         together;  // siblings of one block, side by side; 1: each by itself
};

// Clears what is dropped of one tile of kThinRows x kColumns, from `column` on, in place; what is kept stays as it is. `row`
// maps a batch row to its counter.
template <int kColumns>
__device__ __forceinline__ void drop_tile(bf16* tile, int pitch, const DropStream& stream, const int* row, int first, int rows, int column) {
  if (stream.threshold == 0) return;
  for (int i = threadIdx.x; i < kThinRows * kColumns / 8; i += kThinThreads) {
    const int r = i / (kColumns / 8), c = i % (kColumns / 8) * 8;
    if (r >= rows) continue;
    std::uint32_t mask[4];
    drop_words(stream, row[first + r], (column + c) >> 3, mask);
    uint4* at = reinterpret_cast<uint4*>(tile + r * pitch + c);
    const uint4 x = *at;
    *at = make_uint4(x.x & mask[0], x.y & mask[1], x.z & mask[2], x.w & mask[3]);
  }
}

template <int kN, bool kTransposed>
struct DownShared {
  static constexpr int kPitchB = kTransposed ? kN + 8 : kThinPitch;
  static constexpr int kRowsB = kTransposed ? kThinK : kN;
  static constexpr int kStage = kThinRows * kThinPitch + kRowsB * kPitchB;  // elements
  static constexpr int kBytes = kThinStages * kStage * 2;
};

// Grid: x row tiles times the blocks of a cluster, y column blocks of kN within R, z siblings (1 when together).
template <int kN, bool kTransposed>
__global__ void __launch_bounds__(kThinThreads) linear_down_kernel(const __grid_constant__ DownArgs args) {
  using Shared = DownShared<kN, kTransposed>;
  extern __shared__ __align__(16) unsigned char raw[];
  bf16* ring = reinterpret_cast<bf16*>(raw);
  const DownPart& part = args.part[blockIdx.z];
  const int columns = args.together > 1 ? args.together * args.rank : args.rank;
  // Column n of the block's matrix: a sibling, and a column of its own.
  const auto sibling = [&](int n) -> const DownPart& { return args.part[args.together > 1 ? n / args.rank : blockIdx.z]; };
  const auto own = [&](int n) { return args.together > 1 ? n % args.rank : n; };
  const int blocks = cluster_size(), rank = cluster_rank();
  const RowTile tile = find_tile(args.rows, blockIdx.x / blocks, kThinRows);
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, n0 = blockIdx.y * kN;
  const DropStream stream = drop_stream(part.drop, part.streams, part.site, tile.slot);
  float acc[kN / 8][4];
#pragma unroll
  for (int j = 0; j < kN / 8; ++j) acc[j][0] = acc[j][1] = acc[j][2] = acc[j][3] = 0.0f;

  if (tile.slot >= 0) {
    const long long slab = tile.slot * args.slot_stride;
    const int all = (part.width + kThinK - 1) / kThinK, begin = all * rank / blocks, steps = all * (rank + 1) / blocks - begin;
    const auto load = [&](int step) {
      bf16* a = ring + step % kThinStages * Shared::kStage;
      bf16* b = a + kThinRows * kThinPitch;
      const int k0 = (begin + step) * kThinK;
      if (step < steps) {
        for (int i = threadIdx.x; i < kThinRows * kThinK / 8; i += kThinThreads) {
          const int r = i / (kThinK / 8), c = i % (kThinK / 8) * 8;
          const bool valid = r < tile.rows && k0 + c < part.width;
          copy16(a + r * kThinPitch + c, valid ? part.x + static_cast<long long>(tile.row + r) * part.width + k0 + c : part.x, valid);
        }
        constexpr int kWide = (kTransposed ? kN : kThinK) / 8;
        for (int i = threadIdx.x; i < Shared::kRowsB * kWide; i += kThinThreads) {
          const int r = i / kWide, c = i % kWide * 8;
          const int k = k0 + (kTransposed ? r : c), n = n0 + (kTransposed ? c : r);
          const bool valid = k < part.width && n < columns;
          const bf16* matrix = sibling(valid ? n : 0).matrix + slab;
          const long long at = kTransposed ? static_cast<long long>(k) * args.rank + own(n) : static_cast<long long>(own(n)) * part.width + k;
          copy16(b + r * Shared::kPitchB + c, valid ? matrix + at : matrix, valid);
        }
      }
      copy_commit();
    };
    for (int step = 0; step < kThinStages - 1; ++step) load(step);
    for (int step = 0; step < steps; ++step) {
      copy_wait<kThinStages - 2>();
      __syncthreads();
      load(step + kThinStages - 1);
      bf16* a = ring + step % kThinStages * Shared::kStage;
      const bf16* b = a + kThinRows * kThinPitch;
      if (stream.threshold != 0) {
        drop_tile<kThinK>(a, kThinPitch, stream, args.row, tile.row, tile.rows, (begin + step) * kThinK);
        __syncthreads();
      }
#pragma unroll
      for (int k = 0; k < kThinK; k += 16) {
        std::uint32_t left[4];
        ldmatrix4(left, a + (warp * 16 + lane % 16) * kThinPitch + k + lane / 16 * 8);
#pragma unroll
        for (int n = 0; n < kN; n += 16) {
          std::uint32_t right[4];
          if (kTransposed) ldmatrix4_transposed(right, b + (k + lane % 16) * Shared::kPitchB + n + lane / 16 * 8);
          else ldmatrix4(right, b + (n + lane / 16 * 8 + lane % 8) * Shared::kPitchB + k + lane / 8 % 2 * 8);
          mma(acc[n / 8], left, right[0], right[1]);
          mma(acc[n / 8 + 1], left, right[2], right[3]);
        }
      }
    }
    copy_wait<0>();
  }
  constexpr int kPitch = kN + 4;  // floats
  float* sums = reinterpret_cast<float*>(raw);
  __syncthreads();
#pragma unroll
  for (int half = 0; half < 2; ++half)
#pragma unroll
    for (int j = 0; j < kN / 8; ++j) {
      *reinterpret_cast<float2*>(sums + (warp * 16 + lane / 4 + half * 8) * kPitch + j * 8 + lane % 4 * 2) =
          make_float2(acc[j][half * 2], acc[j][half * 2 + 1]);
    }
  cluster_sync();
  const int from = kThinRows * rank / blocks, until = min(kThinRows * (rank + 1) / blocks, tile.rows);
  for (int i = threadIdx.x; i < (until - from) * (kN / 2); i += kThinThreads) {
    const int r = from + i / (kN / 2), c = i % (kN / 2) * 2, n = n0 + c;
    if (n >= columns) continue;
    float x = 0.0f, y = 0.0f;
    for (int block = 0; block < blocks; ++block) {
      const float2 part_sum = cluster_read(sums + r * kPitch + c, block);
      x += part_sum.x, y += part_sum.y;
    }
    const DownPart& mine = sibling(n);
    const long long at = static_cast<long long>(tile.row + r) * args.rank + own(n);
    const float scale = tile.slot >= 0 ? static_cast<float>(mine.scale[tile.slot]) : 0.0f;
    x *= stream.keep, y *= stream.keep;
    const float out_scale = mine.scaled == nullptr ? scale : 1.0f;
    *reinterpret_cast<__nv_bfloat162*>(mine.out + at) = __floats2bfloat162_rn(x * out_scale, y * out_scale);
    if (mine.scaled != nullptr) *reinterpret_cast<__nv_bfloat162*>(mine.scaled + at) = __floats2bfloat162_rn(x * scale, y * scale);
  }
  cluster_sync();  // nobody leaves while another reads its sums
}

}  // namespace lora::cuda
