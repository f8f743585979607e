// linear_grad_kernel and linear_grad_sum_kernel: the adapter's own gradients, reduced over the rows of each adapter.
//
//   dA[slot] += g^T drop(x)        columns of x, g already scaled     (out is [R,K]: kFlip)
//   dB[slot] += scale dy^T u       columns of dy                      (out is [N,R])
//
// How      Rows are cut into chunks of kGradRows within segments; a block multiplies kGradColumns columns of one chunk by the R
//          columns of u or g and writes an f32 partial; the sum kernel adds partials of one adapter in the order of
//          its chunks. No atomics: results repeat bit for bit, and no adapter's rows meet another's.
#pragma once

#include "linear/down.cuh"

namespace lora::cuda {

constexpr int kGradRows = 1024, kGradColumns = 128;

struct GradPart {
  const bf16*  wide;   // x or dy [T, columns]
  const bf16*  thin;   // g or u [T,R]
  float*       partial;  // [chunks][columns][R]
  float*       out;    // slot 0's dA or dB
  const double* scale; // null: 1
  const float* drop;
  lora_streams streams;
  unsigned     site;
  int          columns;
};

struct GradArgs {
  GradPart   part[3];
  RowTiles   rows;  // tiles are chunks of kGradRows
  const int* row;
  long long  slot_stride;
  int        rank;
  int        together;  // siblings whose `wide` is the same, side by side in one block; 1: each by itself
};

template <int kN>
struct GradShared {
  static constexpr int kPitchWide = kGradColumns + 8, kPitchThin = kN + 8;
  static constexpr int kStage = kThinRows * (kPitchWide + kPitchThin);
  static constexpr int kBytes = kThinStages * kStage * 2;
};

// Grid: x column blocks, y chunks, z parts x column blocks of kN within R.
template <int kN>
__global__ void __launch_bounds__(kThinThreads) linear_grad_kernel(const __grid_constant__ GradArgs args) {
  using Shared = GradShared<kN>;
  extern __shared__ __align__(16) unsigned char raw[];
  bf16* ring = reinterpret_cast<bf16*>(raw);
  const int columns = args.together > 1 ? args.together * args.rank : args.rank;
  const int blocks_n = (columns + kN - 1) / kN, n0 = blockIdx.z % blocks_n * kN;
  const auto sibling = [&](int n) -> const GradPart& { return args.part[args.together > 1 ? n / args.rank : blockIdx.z / blocks_n]; };
  const auto own = [&](int n) { return args.together > 1 ? n % args.rank : n; };
  const GradPart& part = sibling(n0);
  const int c0 = blockIdx.x * kGradColumns;
  if (c0 >= part.columns) return;
  const RowTile chunk = find_tile(args.rows, blockIdx.y, kGradRows);
  if (chunk.slot < 0) return;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const DropStream stream = drop_stream(part.drop, part.streams, part.site, chunk.slot);
  // Each warp owns kGradColumns / 4 columns, 16 at a time.
  constexpr int kSets = kGradColumns / 64;
  float acc[kSets][kN / 8][4] = {};
  const int steps = (chunk.rows + kThinRows - 1) / kThinRows;
  const auto load = [&](int step) {
    bf16* wide = ring + step % kThinStages * Shared::kStage;
    bf16* thin = wide + kThinRows * Shared::kPitchWide;
    if (step < steps) {
      for (int i = threadIdx.x; i < kThinRows * kGradColumns / 8; i += kThinThreads) {
        const int r = i / (kGradColumns / 8), c = i % (kGradColumns / 8) * 8, t = step * kThinRows + r;
        const bool valid = t < chunk.rows && c0 + c < part.columns;
        copy16(wide + r * Shared::kPitchWide + c,
               valid ? part.wide + static_cast<long long>(chunk.row + t) * part.columns + c0 + c : part.wide, valid);
      }
      for (int i = threadIdx.x; i < kThinRows * kN / 8; i += kThinThreads) {
        const int r = i / (kN / 8), c = i % (kN / 8) * 8, t = step * kThinRows + r;
        const bool valid = t < chunk.rows && n0 + c < columns;
        const bf16* from = sibling(valid ? n0 + c : 0).thin;
        copy16(thin + r * Shared::kPitchThin + c, valid ? from + static_cast<long long>(chunk.row + t) * args.rank + own(n0 + c) : from, valid);
      }
    }
    copy_commit();
  };
  for (int step = 0; step < kThinStages - 1; ++step) load(step);
  for (int step = 0; step < steps; ++step) {
    copy_wait<kThinStages - 2>();
    __syncthreads();
    load(step + kThinStages - 1);
    bf16* wide = ring + step % kThinStages * Shared::kStage;
    const bf16* thin = wide + kThinRows * Shared::kPitchWide;
    if (stream.threshold != 0) {
      const int first = chunk.row + step * kThinRows;
      drop_tile<kGradColumns>(wide, Shared::kPitchWide, stream, args.row, first, min(kThinRows, chunk.rows - step * kThinRows), c0);
      __syncthreads();
    }
#pragma unroll
    for (int k = 0; k < kThinRows; k += 16) {
      // The left operand is wide^T: 16 columns of this warp by 16 rows, transposed while loading.
      std::uint32_t left[kSets][4];
#pragma unroll
      for (int s = 0; s < kSets; ++s) {
        ldmatrix4_transposed(left[s], wide + (k + lane / 16 * 8 + lane % 8) * Shared::kPitchWide + (warp * kSets + s) * 16 + lane / 8 % 2 * 8);
      }
#pragma unroll
      for (int n = 0; n < kN; n += 16) {
        std::uint32_t right[4];
        ldmatrix4_transposed(right, thin + (k + lane % 16) * Shared::kPitchThin + n + lane / 16 * 8);
#pragma unroll
        for (int s = 0; s < kSets; ++s) {
          mma(acc[s][n / 8], left[s], right[0], right[1]);
          mma(acc[s][n / 8 + 1], left[s], right[2], right[3]);
        }
      }
    }
  }
  copy_wait<0>();
  const long long plane = static_cast<long long>(blockIdx.y) * part.columns * args.rank;
#pragma unroll
  for (int i = 0; i < 2 * kSets; ++i) {
    const int set = i / 2, half = i % 2, c = c0 + (warp * kSets + set) * 16 + lane / 4 + half * 8;
    if (c >= part.columns) continue;
#pragma unroll
    for (int j = 0; j < kN / 8; ++j) {
      const int n = n0 + j * 8 + lane % 4 * 2;
      if (n >= columns) continue;
      float* partial = sibling(n).partial + plane;
      *reinterpret_cast<float2*>(partial + static_cast<long long>(c) * args.rank + own(n)) =
          make_float2(acc[set][j][half * 2] * stream.keep, acc[set][j][half * 2 + 1] * stream.keep);
    }
  }
}

// Grid: x over columns x R, y parts. Each thread owns one element and walks the chunks in order.
template <bool kFlip>
__global__ void linear_grad_sum_kernel(const __grid_constant__ GradArgs args) {
  const GradPart& part = args.part[blockIdx.y];
  const long long count = static_cast<long long>(part.columns) * args.rank;
  for (long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; i < count;
       i += static_cast<long long>(gridDim.x) * blockDim.x) {
    const long long c = i / args.rank, r = i % args.rank, to = kFlip ? r * part.columns + c : i;
    for (int s = 0; s < args.rows.segments; ++s) {
      const int slot = args.rows.slot[s];
      if (slot < 0) continue;
      float sum = 0.0f;
      for (int chunk = args.rows.first[s]; chunk < args.rows.first[s + 1]; ++chunk) sum += part.partial[chunk * count + i];
      const float scale = part.scale != nullptr ? static_cast<float>(part.scale[slot]) : 1.0f;
      part.out[slot * args.slot_stride + to] += scale * sum;
    }
  }
}

}  // namespace lora::cuda
