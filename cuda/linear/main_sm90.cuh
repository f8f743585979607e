// linear_main_sm90_kernel: the frozen product with its adapter as a border, for all siblings in one launch.
//
//   forward    y_p   = x W_p^T + us_p B_p[slot]^T + bias_p      part p is chosen by the column tile
//   backward   dx (+)= sum over p of  dy_p W_p + g_p A_p[slot]  all parts add into one tile
//
// Shapes   x [T,K], W_p [N_p,K], us_p [T,R] (scaled u), B_p [slots][N_p,R]; dy_p [T,N_p], g_p [T,R], A_p [slots][R,K].
//          bf16, f32 sums; extents along memory multiples of 8, R of 16.
// Cluster  Two blocks of neighbouring row tiles share their column tile: each brings half of the right operand for both,
//          which takes a third off the traffic between L2 and the multiprocessors, the limit of this kernel without it.
// How      Persistent blocks of three warpgroups: one thread of the first keeps a ring of kStages tiles full through the
//          copy engine, two consumers of 64 x kTileN each run wgmma from shared memory. Before the K loop of a tile begins,
//          the border is R / 16 more of the same instructions on tiles of us and B (or g and A): the adapter costs
//          no pass over y. In backward the border comes first, so that dropout can clear it before anything else is added. W's backward operand is read MN-major from the same matrix, so no transposed copy exists.
// Order    Row tiles go in groups of kGroup, columns outer, so that the blocks at work share panels in L2.
#pragma once

#include "linear/route.h"
#include "prim/drop.cuh"
#include "prim/copy.cuh"
#include "prim/mma_sm90.cuh"
#include "prim/pack.cuh"
#include "prim/quad.cuh"

namespace lora::cuda {

constexpr int kTileM = 128, kTileK = 64, kMaxParts = 3, kGroup = 16;
constexpr int kMainThreads = 384;

template <int kTileN>
struct MainShared {
  static constexpr int kBytesA = kTileM * kTileK * 2, kBytesB = kTileN * kTileK * 2;
  static constexpr int kStages = kTileN == 256 ? 4 : 6;
  static constexpr int kBytesOut = 64 * 128 * 2;  // what one consumer stages of its result at once
  static constexpr int kBytes = kStages * (kBytesA + kBytesB) + 2 * kBytesOut + 2 * kStages * 8 + 1024;  // 1,024 to align the ring
};

struct MainPart {
  CUtensorMap left, right;           // x or dy; W
  CUtensorMap left_border, right_border;  // us or g; B or A of all slots
  CUtensorMap store;                 // y; dx in part 0 of backward: boxes of 64 x 64
  bf16*       out;                   // forward: y
  const bf16* bias;
  int         steps;                 // of kTileK along the contraction
  int         columns;               // of the output
  int         first;                 // forward: first column tile of this part
  int         rank;                  // R; 0: no border
};

struct MainArgs {
  MainPart part[kMaxParts];
  RowTiles rows;
  int      parts, column_tiles, slots;
  bf16*    dx;
  int      add;  // dx is added to
  // Dropout of the border, in backward (kDrop): siblings share their input, and so its mask.
  const float* drop;
  lora_streams streams;
  unsigned     site;
  const int*   row;
};

// Dropout's factors on a consumer's 64 x 8 kChunks tile of sums whose first column is 8 eight. Each lane of a quad draws for
// one of four neighbouring chunks of eight columns and the four share what they drew.
template <int kChunks>
__device__ __forceinline__ void drop_border(float (&acc)[kChunks * 4], const DropStream& stream, const int* row, const RowTile& rows, int first,
                                            unsigned eight) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
  const unsigned threshold = stream.threshold << 16;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int mine = first + warp * 16 + lane / 4 + half * 8;
    const unsigned counter = mine < rows.rows ? row[rows.row + mine] : 0;
#pragma unroll
    for (int j = 0; j < kChunks; j += 4) {
      const lora_philox4 draws = lora_drop_draws(stream.seed, eight + j + lane % 4, counter, stream.site, stream.tick);
      unsigned kept = 0;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        kept |= ((draws.v[i] << 16) >= threshold ? 1u << (2 * i) : 0u) | (draws.v[i] >= threshold ? 2u << (2 * i) : 0u);
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const unsigned theirs = __shfl_sync(0xffffffffu, kept, (lane & ~3) | i) >> (lane % 4 * 2);
        float& low = acc[(j + i) * 4 + half * 2];
        float& high = acc[(j + i) * 4 + half * 2 + 1];
        low = theirs & 1 ? low * stream.keep : 0.0f;
        high = theirs & 2 ? high * stream.keep : 0.0f;
      }
    }
  }
}

template <int kTileN, bool kBackward, int kCluster, bool kDrop>
__global__ void __launch_bounds__(kMainThreads, 1) linear_main_sm90_kernel(const __grid_constant__ MainArgs args) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  using Shared = MainShared<kTileN>;
  constexpr int kStages = Shared::kStages;
  extern __shared__ unsigned char raw[];
  unsigned char* ring = reinterpret_cast<unsigned char*>((reinterpret_cast<std::uintptr_t>(raw) + 1023) & ~std::uintptr_t{1023});
  unsigned char* ring_b = ring + kStages * Shared::kBytesA;
  unsigned char* staged = ring_b + kStages * Shared::kBytesB;
  std::uint64_t* full = reinterpret_cast<std::uint64_t*>(staged + 2 * Shared::kBytesOut);
  std::uint64_t* empty = full + kStages;
  if (threadIdx.x == 0) {
    for (int s = 0; s < kStages; ++s) barrier_init(full + s, 1), barrier_init(empty + s, 2 * kCluster);
    fence_barrier_init();
  }
  __syncthreads();
  if (kCluster > 1) cluster_sync();

  const int rank = kCluster > 1 ? cluster_rank() : 0;
  const int row_sets = (args.rows.tiles + kCluster - 1) / kCluster;  // row tiles that a cluster takes at once
  const int tiles = row_sets * args.column_tiles, first_tile = blockIdx.x / kCluster, tile_stride = gridDim.x / kCluster;
  const int role = threadIdx.x / 128;
  // Tile number -> this block's rows (none in the last set of an odd number) and column tile.
  const auto place = [&](int tile, RowTile& rows, int& column_tile) {
    constexpr int kHeight = kGroup / kCluster;
    const int per_group = kHeight * args.column_tiles, group = tile / per_group, inside = tile - group * per_group;
    const int height = min(kHeight, row_sets - group * kHeight);
    column_tile = inside / height;
    const int row_tile = (group * kHeight + inside - column_tile * height) * kCluster + rank;
    rows = find_tile(args.rows, min(row_tile, args.rows.tiles - 1), kTileM);
    if (row_tile >= args.rows.tiles) rows.rows = 0;
  };
  const auto part_of = [&](int column_tile) {
    int p = 0;
    while (p + 1 < args.parts && args.part[p + 1].first <= column_tile) ++p;
    return p;
  };

  if (role == 0) {
    registers_give<40>();
    if (threadIdx.x == 0) {
      int stage = 0;
      std::uint32_t phase = 0;
      // The right operand comes in pieces: halves of its rows (forward), or columns of 64 (backward). Each block of the
      // cluster brings its share for all; the border differs with the rows' adapter, so there each brings its own.
      constexpr int kPieces = kBackward ? kTileN / 64 : 2;
      const auto load = [&](const CUtensorMap& left, const CUtensorMap& right, int k, int row, int column, int z, bool shared) {
        barrier_wait(empty + stage, phase ^ 1);
        barrier_expect(full + stage, Shared::kBytesA + Shared::kBytesB);
        tensor_load(ring + stage * Shared::kBytesA, &left, full + stage, k, row, 0);
#pragma unroll
        for (int j = 0; j < kPieces; ++j) {
          unsigned char* to = ring_b + stage * Shared::kBytesB + j * (Shared::kBytesB / kPieces);
          const int x = kBackward ? column + 64 * j : k, y = kBackward ? k : column + kTileN / 2 * j;
          if (kCluster == 1 || !shared) tensor_load(to, &right, full + stage, x, y, z);
          else if (j / (kPieces / kCluster) == rank) tensor_load_shared(to, &right, full + stage, x, y, z, (1 << kCluster) - 1);
        }
        if (++stage == kStages) stage = 0, phase ^= 1;
      };
      for (int tile = first_tile; tile < tiles; tile += tile_stride) {
        RowTile rows;
        int column_tile;
        place(tile, rows, column_tile);
        const int only = kBackward ? 0 : part_of(column_tile);
        const int column = (column_tile - (kBackward ? 0 : args.part[only].first)) * kTileN;
        const int end = kBackward ? args.parts : only + 1;
        for (int p = only; p < end; ++p) {
          const MainPart& part = args.part[p];
          // Rows without an adapter take a slot past the last: zeros.
          const int slot = rows.slot >= 0 ? rows.slot : args.slots;
          for (int r = 0; r < part.rank; r += kTileK) load(part.left_border, part.right_border, r, rows.row, column, slot, false);
        }
        for (int p = only; p < end; ++p) {
          const MainPart& part = args.part[p];
          for (int step = 0; step < part.steps; ++step) load(part.left, part.right, step * kTileK, rows.row, column, 0, true);
        }
      }
    }
    if (kCluster > 1) {
      __syncwarp();
      cluster_sync();
    }
    return;
  }

  registers_take<232>();
  const int consumer = role - 1, lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
  int stage = 0;
  std::uint32_t phase = 0;
  float acc[kTileN / 2];
  // Tells the producers of the whole cluster that this block is done with a stage.
  const auto release = [&](int done) {
    if (kCluster == 1) {
      if (threadIdx.x % 128 == 0) barrier_arrive(empty + done);
    } else if (threadIdx.x % 128 < kCluster) {
      barrier_arrive_at(empty + done, threadIdx.x % 128);
    }
  };
  for (int tile = first_tile; tile < tiles; tile += tile_stride) {
    RowTile rows;
    int column_tile;
    place(tile, rows, column_tile);
    const int only = kBackward ? 0 : part_of(column_tile);
    const MainPart& part = args.part[only];
    int keep = 0, previous = -1;
    // Step k of the stage at hand: 16 along K.
    const auto issue = [&](int k) {
      const unsigned char* a = ring + stage * Shared::kBytesA + consumer * 8192;
      const unsigned char* b = ring_b + stage * Shared::kBytesB;
      const std::uint64_t left = operand(a + k * 32, 16, 1024);
      const std::uint64_t right = kBackward ? operand(b + k * 2048, 8192, 1024) : operand(b + k * 32, 16, 1024);
      wgmma<kTileN, 0, kBackward ? 1 : 0>(acc, left, right, keep);
      keep = 1;
    };
    // Ends a stage: its products are under way, those of the stage before are done and its tiles free.
    const auto advance = [&] {
      wgmma_commit();
      wgmma_wait<1>();
      if (previous >= 0) release(previous);
      previous = stage;
      if (++stage == kStages) stage = 0, phase ^= 1;
    };
    const auto multiply = [&] {
      barrier_wait(full + stage, phase);
      wgmma_begin();
#pragma unroll
      for (int k = 0; k < kTileK / 16; ++k) issue(k);
      advance();
    };
    const auto multiply_border = [&](int count) {
      barrier_wait(full + stage, phase);
      for (int k = 0; k < count; ++k) {
        wgmma_begin();
        issue(k);
      }
      advance();
    };
    const int end = kBackward ? args.parts : only + 1;
    for (int p = only; p < end; ++p) {
      for (int r = 0; r < args.part[p].rank; r += kTileK) multiply_border(min(kTileK, args.part[p].rank - r) / 16);
    }
    if constexpr (kDrop) {
      wgmma_wait<0>();
      if (previous >= 0) release(previous);
      previous = -1;
      const DropStream stream = drop_stream(args.drop, args.streams, args.site, rows.slot);
      drop_border<kTileN / 8>(acc, stream, args.row, rows, consumer * 64, column_tile * (kTileN / 8));
    }
    for (int p = only; p < end; ++p) {
      for (int step = 0; step < args.part[p].steps; ++step) multiply();
    }
    wgmma_wait<0>();
    release(previous);

    const int columns = part.columns, column = (column_tile - (kBackward ? 0 : part.first)) * kTileN;
    // Two neighbouring columns of a row from column block j on, as words of the result.
    const auto word = [&](int i) {
      float low = acc[i], high = acc[i + 1];
      if (!kBackward && part.bias != nullptr) {
        const int at = column + i / 4 * 8 + (lane & 3) * 2;
        if (at < columns) low += to_f32(part.bias[at]), high += to_f32(part.bias[at + 1]);
      }
      return pack_bf16(low, high);
    };
    if (rows.rows == kTileM && !(kBackward && args.add)) {
      // Through shared memory and the copy engine, 128 columns at a time: the next tile's products begin meanwhile.
      unsigned char* stage_out = staged + consumer * Shared::kBytesOut;
      const CUtensorMap& map = args.part[only].store;
#pragma unroll
      for (int side = 0; side < kTileN / 128; ++side) {
        if (threadIdx.x % 128 == 0) tensor_stores_read();
        named_sync(1, 256);
#pragma unroll
        for (int j = 0; j < 16; j += 2) {
          const int i = (side * 16 + j) * 4, line = warp * 16 + lane % 16, chunk = j + lane / 16;
          stmatrix4(stage_out + chunk / 8 * 8192 + line * 128 + ((chunk ^ line) & 7) * 16, word(i), word(i + 2), word(i + 4), word(i + 6));
        }
        fence_async_proxy();
        named_sync(1, 256);
        if (threadIdx.x % 128 == 0) {
#pragma unroll
          for (int box = 0; box < 2; ++box) {
            const int x = column + side * 128 + box * 64;
            if (x < columns) tensor_store(&map, stage_out + box * 8192, x, rows.row + consumer * 64, 0);
          }
          tensor_stores_commit();
        }
      }
    } else {
      // Straight from registers, as far as it lies inside the segment; or added to what is there.
      const bool add = kBackward && args.add;
      bf16* out = kBackward ? args.dx : part.out;
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row = consumer * 64 + warp * 16 + lane / 4 + half * 8;
        const bool inside = row < rows.rows;
        bf16* line = out + static_cast<long long>(rows.row + row) * columns;
#pragma unroll
        for (int j = 0; j < kTileN / 8; j += 4) {
          std::uint32_t words[4];
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            words[i] = word((j + i) * 4 + half * 2);
            const int at = column + (j + i) * 8 + (lane & 3) * 2;
            if (add && inside && at < columns) {
              words[i] = pack_bf16(acc[(j + i) * 4 + half * 2] + to_f32(line[at]), acc[(j + i) * 4 + half * 2 + 1] + to_f32(line[at + 1]));
            }
          }
          quad_transpose(words);
          const int at = column + (j + (lane & 3)) * 8;
          if (inside && at < columns) *reinterpret_cast<uint4*>(line + at) = make_uint4(words[0], words[1], words[2], words[3]);
        }
      }
    }
  }
  if (threadIdx.x % 128 == 0) tensor_stores_read();
  if (kCluster > 1) cluster_sync();
#endif
}

}  // namespace lora::cuda
