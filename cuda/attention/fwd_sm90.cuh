// attention_fwd_sm90_kernel: causal attention of packed sequences on Hopper, head widths 64 and 128.
//
//   o = softmax(scale q k^T) v;  lse = log sum exp(scale q k^T)
//
// Shapes   q, o [T,H,E], k, v [T,G,E] bf16, lse [H,T] f32. A block owns 128 queries of one head of one sequence.
// How      One thread of the first warpgroup brings Q once and K, V tiles of 128 keys through a ring of two stages; two
//          consumer warpgroups own 64 queries each. Per key tile a consumer issues S' = Q K'^T of the next tile and
//          O += P V of this one together, does the softmax of S' while P V runs, then rescales O. P never leaves
//          registers. The two consumers take turns at issuing, so that one's softmax runs under the other's products.
// Order    Key tiles from the diagonal down: only the first (and the window's edge) needs masks. Long tiles first.
#pragma once

#include "attention/tiles.h"
#include "prim/copy.cuh"
#include "prim/mma_sm90.cuh"
#include "prim/quad.cuh"

namespace lora::cuda {

constexpr int kAttnTile = 128, kAttnThreads = 384, kAttnStages = 2;

struct AttentionFwdArgs {
  CUtensorMap    q, k, v;
  SequenceTiles  tiles;
  __nv_bfloat16* o;
  float*         lse;  // may be null
  int            heads, groups, total, window;
  float          scale;
};

template <int kE>
struct AttentionFwdShared {
  static constexpr int kTileBytes = kAttnTile * kE * 2;  // of Q, of one stage of K, of V
  static constexpr int kBytes = (1 + 2 * kAttnStages) * kTileBytes + 8 * (1 + 4 * kAttnStages) + 1024;
};

// One operand tile is kE / 64 boxes of 128 rows x 64 columns, 16,384 bytes each.
constexpr int kAttnBox = kAttnTile * 128;

template <int kE>
__global__ void __launch_bounds__(kAttnThreads, 1) attention_fwd_sm90_kernel(const __grid_constant__ AttentionFwdArgs args) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  using Shared = AttentionFwdShared<kE>;
  extern __shared__ unsigned char raw[];
  unsigned char* qs = reinterpret_cast<unsigned char*>((reinterpret_cast<std::uintptr_t>(raw) + 1023) & ~std::uintptr_t{1023});
  unsigned char* ks = qs + Shared::kTileBytes;
  unsigned char* vs = ks + kAttnStages * Shared::kTileBytes;
  std::uint64_t* q_full = reinterpret_cast<std::uint64_t*>(vs + kAttnStages * Shared::kTileBytes);
  std::uint64_t* k_full = q_full + 1;
  std::uint64_t* v_full = k_full + kAttnStages;
  std::uint64_t* k_empty = v_full + kAttnStages;
  std::uint64_t* v_empty = k_empty + kAttnStages;
  if (threadIdx.x == 0) {
    barrier_init(q_full, 1);
    for (int s = 0; s < kAttnStages; ++s) {
      barrier_init(k_full + s, 1), barrier_init(v_full + s, 1), barrier_init(k_empty + s, 2), barrier_init(v_empty + s, 2);
    }
    fence_barrier_init();
  }
  __syncthreads();

  // Heads are neighbours; tiles come from the end of the list, where each sequence's longest are.
  const int head = blockIdx.x % args.heads;
  const SequenceTile at = find_sequence_tile(args.tiles, args.tiles.tiles - 1 - static_cast<int>(blockIdx.x) / args.heads);
  const int group = head / (args.heads / args.groups), q0 = at.tile * kAttnTile;
  const int last = at.tile;  // key tiles are as long as query tiles
  const int first = args.window > 0 ? max(0, q0 - args.window + 1) / kAttnTile : 0;
  const int role = threadIdx.x / 128;

  if (role == 0) {
    registers_give<24>();
    if (threadIdx.x == 0) {
      const auto load = [&](unsigned char* to, const CUtensorMap& map, std::uint64_t* barrier, int column, int row) {
        barrier_expect(barrier, Shared::kTileBytes);
#pragma unroll
        for (int j = 0; j < kE / 64; ++j) tensor_load(to + j * kAttnBox, &map, barrier, column + 64 * j, row, 0);
      };
      load(qs, args.q, q_full, head * kE, at.begin + q0);
      int stage = 0;
      std::uint32_t phase = 0;
      for (int n = last; n >= first; --n) {
        barrier_wait(k_empty + stage, phase ^ 1);
        load(ks + stage * Shared::kTileBytes, args.k, k_full + stage, group * kE, at.begin + n * kAttnTile);
        barrier_wait(v_empty + stage, phase ^ 1);
        load(vs + stage * Shared::kTileBytes, args.v, v_full + stage, group * kE, at.begin + n * kAttnTile);
        if (++stage == kAttnStages) stage = 0, phase ^= 1;
      }
    }
    return;
  }

  registers_take<240>();
  const int consumer = role - 1, lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
  const bool leader = threadIdx.x % 128 == 0;
  const int query = q0 + consumer * 64 + warp * 16 + lane / 4;  // and + 8
  const float scale2 = args.scale * 1.4426950408889634f;        // exponents in base 2
  float o[kE / 2], s[64], top[2] = {-INFINITY, -INFINITY}, sum[2] = {0.0f, 0.0f};
  std::uint32_t p[8][4];

  const auto issue_scores = [&](int stage) {
    const unsigned char* left = qs + consumer * 8192;
    const unsigned char* right = ks + stage * Shared::kTileBytes;
    wgmma_begin();
#pragma unroll
    for (int k = 0; k < kE / 16; ++k) {
      const int at_k = k / 4 * kAttnBox + k % 4 * 32;
      wgmma<kAttnTile, 0, 0>(s, operand(left + at_k, 16, 1024), operand(right + at_k, 16, 1024), k > 0);
    }
    wgmma_commit();
  };
  const auto issue_values = [&](int stage, bool keep) {
    const unsigned char* right = vs + stage * Shared::kTileBytes;
    wgmma_begin();
#pragma unroll
    for (int k = 0; k < kAttnTile / 16; ++k) {
      wgmma_registers<kE, 1>(o, p[k], operand(right + k * 2048, kAttnBox, 1024), keep || k > 0);
    }
    wgmma_commit();
  };
  // Masks and exponentiates s of key tile n; returns the factors by which earlier sums and o must shrink.
  const auto softmax = [&](int n, float (&fade)[2]) {
    const bool edge = n == last || (args.window > 0 && q0 + kAttnTile - n * kAttnTile > args.window);
    if (edge) {
#pragma unroll
      for (int i = 0; i < 64; ++i) {
        const int row = query + i / 2 % 2 * 8, key = n * kAttnTile + i / 4 * 8 + lane % 4 * 2 + i % 2;
        if (key > row || (args.window > 0 && row - key >= args.window)) s[i] = -INFINITY;
      }
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float best = top[half];
#pragma unroll
      for (int j = 0; j < 16; ++j) best = fmaxf(best, fmaxf(s[j * 4 + half * 2], s[j * 4 + half * 2 + 1]));
      best = fmaxf(best, __shfl_xor_sync(0xffffffffu, best, 1));
      best = fmaxf(best, __shfl_xor_sync(0xffffffffu, best, 2));
      const float shift = best == -INFINITY ? 0.0f : best * scale2;
      fade[half] = exp2f(top[half] * scale2 - shift);
      top[half] = best;
      float add = 0.0f;
#pragma unroll
      for (int j = 0; j < 16; ++j) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          float& x = s[j * 4 + half * 2 + i];
          x = exp2f(fmaf(x, scale2, -shift));
          add += x;
        }
      }
      sum[half] = sum[half] * fade[half] + add;  // each lane keeps its own columns' share until the end
    }
  };
  const auto take_probabilities = [&] {
#pragma unroll
    for (int k = 0; k < 8; ++k) {
#pragma unroll
      for (int i = 0; i < 4; ++i) p[k][i] = pack_bf16(s[k * 8 + i * 2], s[k * 8 + i * 2 + 1]);
    }
  };
  const int mine = 1 + consumer, other = 2 - consumer;
  const auto my_turn = [&] { asm volatile("bar.sync %0, 256;" ::"r"(mine) : "memory"); };
  const auto your_turn = [&] { asm volatile("bar.arrive %0, 256;" ::"r"(other) : "memory"); };

  float fade[2];
  barrier_wait(q_full, 0);
  barrier_wait(k_full, 0);
  issue_scores(0);
  wgmma_wait<0>();
  if (leader) barrier_arrive(k_empty);
  softmax(last, fade);
  take_probabilities();
  int stage_k = 1 % kAttnStages, stage_v = 0;
  std::uint32_t phase_k = kAttnStages == 1, phase_v = 0;
  bool keep = false;
  if (consumer == 1) your_turn();
  for (int n = last - 1; n >= first; --n) {
    barrier_wait(k_full + stage_k, phase_k);
    my_turn();
    issue_scores(stage_k);
    barrier_wait(v_full + stage_v, phase_v);
    issue_values(stage_v, keep);
    if (!(consumer == 1 && n == first)) your_turn();
    keep = true;
    wgmma_wait<1>();
    if (leader) barrier_arrive(k_empty + stage_k);
    softmax(n, fade);
    wgmma_wait<0>();
    if (leader) barrier_arrive(v_empty + stage_v);
#pragma unroll
    for (int i = 0; i < kE / 2; ++i) o[i] *= fade[i / 2 % 2];
    take_probabilities();
    if (++stage_k == kAttnStages) stage_k = 0, phase_k ^= 1;
    if (++stage_v == kAttnStages) stage_v = 0, phase_v ^= 1;
  }
  barrier_wait(v_full + stage_v, phase_v);
  issue_values(stage_v, keep);
  wgmma_wait<0>();

#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float total = sum[half];
    total += __shfl_xor_sync(0xffffffffu, total, 1);
    total += __shfl_xor_sync(0xffffffffu, total, 2);
    const int row = query + half * 8;
    const bool inside = row < at.length;
    const float inverse = 1.0f / total;
    __nv_bfloat16* line = args.o + (static_cast<long long>(at.begin + row) * args.heads + head) * kE;
#pragma unroll
    for (int j = 0; j < kE / 8; j += 4) {
      std::uint32_t words[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) words[i] = pack_bf16(o[(j + i) * 4 + half * 2] * inverse, o[(j + i) * 4 + half * 2 + 1] * inverse);
      quad_transpose(words);
      if (inside) *reinterpret_cast<uint4*>(line + (j + lane % 4) * 8) = make_uint4(words[0], words[1], words[2], words[3]);
    }
    if (inside && lane % 4 == 0 && args.lse != nullptr) {
      args.lse[static_cast<long long>(head) * args.total + at.begin + row] = top[half] * args.scale + logf(total);
    }
  }
#endif
}

}  // namespace lora::cuda
