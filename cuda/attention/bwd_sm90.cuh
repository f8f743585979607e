// Backward of causal attention on Hopper, head widths 64 and 128, in three kernels without atomics: results repeat bit
// for bit. With P = exp(scale q k^T - lse) and dS = P (dout v^T - delta), delta = sum over e of dout o:
//
//   dv = P^T dout,  dk = scale dS^T q      attention_bwd_keys_sm90_kernel, one block a key tile, all heads of its group
//   dq = scale dS k                        attention_bwd_queries_sm90_kernel, one block a query tile
//
// Seven products instead of the five that dq sums through memory would need; in return nothing waits for a neighbour.
#pragma once

#include "attention/fwd_sm90.cuh"

namespace lora::cuda {

struct AttentionBwdArgs {
  CUtensorMap    q, k, v, dout;  // q and dout in boxes of 64 rows for the keys kernel, 128 for the queries kernel
  SequenceTiles  tiles;          // of 128 rows
  const float2*  stats;          // [H,T]: lse in base 2, delta
  __nv_bfloat16 *dq, *dk, *dv;
  int            heads, groups, total, window;
  float          scale;
};

// attention_stats_kernel: stats[h,t] = (lse log2 e, sum over e of dout o); one warp a row.
template <int kE>
__global__ void attention_stats_kernel(const __nv_bfloat16* __restrict__ dout, const __nv_bfloat16* __restrict__ o,
                                       const float* __restrict__ lse, float2* __restrict__ stats, int total, int heads) {
  const long long row = blockIdx.x * static_cast<long long>(blockDim.x / 32) + threadIdx.x / 32;
  if (row >= static_cast<long long>(total) * heads) return;
  const __nv_bfloat162* left = reinterpret_cast<const __nv_bfloat162*>(dout + row * kE);
  const __nv_bfloat162* right = reinterpret_cast<const __nv_bfloat162*>(o + row * kE);
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < kE / 64; ++i) {
    const float2 x = __bfloat1622float2(left[threadIdx.x % 32 + 32 * i]), y = __bfloat1622float2(right[threadIdx.x % 32 + 32 * i]);
    sum += x.x * y.x + x.y * y.y;
  }
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, lane);
  const long long at = row % heads * total + row / heads;
  if (threadIdx.x % 32 == 0) stats[at] = make_float2(lse[at] * 1.4426950408889634f, sum);
}

// A 64-row accumulator tile as bf16 rows of a [*, columns] matrix, times `scale`; rows at and past `rows` are left alone.
template <int kE>
__device__ __forceinline__ void store_rows(const float (&acc)[kE / 2], __nv_bfloat16* to, long long stride, int rows, float scale) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = warp * 16 + lane / 4 + half * 8;
#pragma unroll
    for (int j = 0; j < kE / 8; j += 4) {
      std::uint32_t words[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) words[i] = pack_bf16(acc[(j + i) * 4 + half * 2] * scale, acc[(j + i) * 4 + half * 2 + 1] * scale);
      quad_transpose(words);
      if (row < rows) {
        *reinterpret_cast<uint4*>(to + row * stride + (j + lane % 4) * 8) = make_uint4(words[0], words[1], words[2], words[3]);
      }
    }
  }
}

constexpr int kBwdQueries = 64, kBwdStages = 2;

template <int kE>
struct AttentionBwdKeysShared {
  static constexpr int kKeyBytes = kAttnTile * kE * 2, kQueryBytes = kBwdQueries * kE * 2;
  static constexpr int kBytes = 2 * kKeyBytes + kBwdStages * (2 * kQueryBytes + kBwdQueries * 8) + 8 * (1 + 2 * kBwdStages) + 1024;
};

// attention_bwd_keys_sm90_kernel: each consumer warpgroup owns 64 keys; S^T and dP^T are made with keys as rows, so that
// P^T and dS^T are left operands in registers and dk, dv stay in registers from the first query to the last.
template <int kE>
__global__ void __launch_bounds__(kAttnThreads, 1) attention_bwd_keys_sm90_kernel(const __grid_constant__ AttentionBwdArgs args) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  using Shared = AttentionBwdKeysShared<kE>;
  extern __shared__ unsigned char raw[];
  unsigned char* ks = reinterpret_cast<unsigned char*>((reinterpret_cast<std::uintptr_t>(raw) + 1023) & ~std::uintptr_t{1023});
  unsigned char* vs = ks + Shared::kKeyBytes;
  unsigned char* qs = vs + Shared::kKeyBytes;
  unsigned char* gs = qs + kBwdStages * Shared::kQueryBytes;
  float2* stats = reinterpret_cast<float2*>(gs + kBwdStages * Shared::kQueryBytes);
  std::uint64_t* keys_full = reinterpret_cast<std::uint64_t*>(stats + kBwdStages * kBwdQueries);
  std::uint64_t* full = keys_full + 1;
  std::uint64_t* empty = full + kBwdStages;
  if (threadIdx.x == 0) {
    barrier_init(keys_full, 1);
    for (int s = 0; s < kBwdStages; ++s) barrier_init(full + s, 1 + 32), barrier_init(empty + s, 8 * kWarpArrivals);
    fence_barrier_init();
  }
  __syncthreads();
  const int group = blockIdx.x % args.groups, per = args.heads / args.groups;
  // Key tile 0 of a sequence sees the most queries: tiles from the front.
  const SequenceTile at = find_sequence_tile(args.tiles, static_cast<int>(blockIdx.x) / args.groups);
  const int k0 = at.tile * kAttnTile;
  const int stop = args.window > 0 ? min(at.length, k0 + kAttnTile + args.window - 1) : at.length;
  const int first = k0 / kBwdQueries, last = (stop + kBwdQueries - 1) / kBwdQueries;
  const int role = threadIdx.x / 128;
  constexpr int kKeyBox = kAttnTile * 128, kQueryBox = kBwdQueries * 128;

  if (role == 0) {
    registers_give<24>();
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    if (warp == 0 && lane == 0) {
      barrier_expect(keys_full, 2 * Shared::kKeyBytes);
#pragma unroll
      for (int j = 0; j < kE / 64; ++j) {
        tensor_load(ks + j * kKeyBox, &args.k, keys_full, group * kE + 64 * j, at.begin + k0, 0);
        tensor_load(vs + j * kKeyBox, &args.v, keys_full, group * kE + 64 * j, at.begin + k0, 0);
      }
    }
    if (warp < 2) {
      int stage = 0;
      std::uint32_t phase = 0;
      for (int head = group * per; head < (group + 1) * per; ++head) {
        for (int m = first; m < last; ++m) {
          barrier_wait(empty + stage, phase ^ 1);
          if (warp == 1) {
#pragma unroll
            for (int i = lane; i < kBwdQueries; i += 32) {
              const int query = m * kBwdQueries + i;
              stats[stage * kBwdQueries + i] = query < at.length ? args.stats[static_cast<long long>(head) * args.total + at.begin + query]
                                                                 : make_float2(INFINITY, 0.0f);
            }
            barrier_arrive(full + stage);
          } else if (lane == 0) {
            barrier_expect(full + stage, 2 * Shared::kQueryBytes);
#pragma unroll
            for (int j = 0; j < kE / 64; ++j) {
              tensor_load(qs + stage * Shared::kQueryBytes + j * kQueryBox, &args.q, full + stage, head * kE + 64 * j, at.begin + m * kBwdQueries, 0);
              tensor_load(gs + stage * Shared::kQueryBytes + j * kQueryBox, &args.dout, full + stage, head * kE + 64 * j,
                          at.begin + m * kBwdQueries, 0);
            }
          }
          if (++stage == kBwdStages) stage = 0, phase ^= 1;
        }
      }
    }
    return;
  }

  registers_take<240>();
  const int consumer = role - 1, lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
  const int key = k0 + consumer * 64 + warp * 16 + lane / 4;  // and + 8
  const float scale2 = args.scale * 1.4426950408889634f;
  float dk[kE / 2], dv[kE / 2];
#pragma unroll
  for (int i = 0; i < kE / 2; ++i) dk[i] = dv[i] = 0.0f;
  int stage = 0;
  std::uint32_t phase = 0;
  barrier_wait(keys_full, 0);
  for (int head = 0; head < per; ++head) {
    for (int m = first; m < last; ++m) {
      float s[32], dp[32];
      const unsigned char* q = qs + stage * Shared::kQueryBytes;
      const unsigned char* g = gs + stage * Shared::kQueryBytes;
      barrier_wait(full + stage, phase);
      wgmma_begin();
#pragma unroll
      for (int k = 0; k < kE / 16; ++k) {
        wgmma<64, 0, 0>(s, operand(ks + consumer * 8192 + k / 4 * kKeyBox + k % 4 * 32, 16, 1024),
                        operand(q + k / 4 * kQueryBox + k % 4 * 32, 16, 1024), k > 0);
      }
      wgmma_commit();
#pragma unroll
      for (int k = 0; k < kE / 16; ++k) {
        wgmma<64, 0, 0>(dp, operand(vs + consumer * 8192 + k / 4 * kKeyBox + k % 4 * 32, 16, 1024),
                        operand(g + k / 4 * kQueryBox + k % 4 * 32, 16, 1024), k > 0);
      }
      wgmma_commit();
      const float2* line = stats + stage * kBwdQueries;
      const bool edge = m * kBwdQueries < k0 + kAttnTile || (args.window > 0 && (m + 1) * kBwdQueries - k0 > args.window);
      wgmma_wait<1>();
      std::uint32_t p[4][4], ds[4][4];
#pragma unroll
      for (int i = 0; i < 32; ++i) {
        const int column = i / 4 * 8 + lane % 4 * 2 + i % 2;
        float x = exp2f(fmaf(s[i], scale2, -line[column].x));
        if (edge) {
          const int query = m * kBwdQueries + column, mine = key + i / 2 % 2 * 8;
          if (mine > query || (args.window > 0 && query - mine >= args.window)) x = 0.0f;
        }
        s[i] = x;
      }
#pragma unroll
      for (int k = 0; k < 4; ++k)
#pragma unroll
        for (int i = 0; i < 4; ++i) p[k][i] = pack_bf16(s[k * 8 + i * 2], s[k * 8 + i * 2 + 1]);
      wgmma_wait<0>();
#pragma unroll
      for (int i = 0; i < 32; ++i) dp[i] = s[i] * (dp[i] - line[i / 4 * 8 + lane % 4 * 2 + i % 2].y);
#pragma unroll
      for (int k = 0; k < 4; ++k)
#pragma unroll
        for (int i = 0; i < 4; ++i) ds[k][i] = pack_bf16(dp[k * 8 + i * 2], dp[k * 8 + i * 2 + 1]);
      wgmma_begin();
#pragma unroll
      for (int k = 0; k < 4; ++k) wgmma_registers<kE, 1>(dv, p[k], operand(g + k * 2048, kQueryBox, 1024), 1);
#pragma unroll
      for (int k = 0; k < 4; ++k) wgmma_registers<kE, 1>(dk, ds[k], operand(q + k * 2048, kQueryBox, 1024), 1);
      wgmma_commit();
      wgmma_wait<0>();
      barrier_arrive_warp(empty + stage);  // each warp, since warps read stats by themselves
      if (++stage == kBwdStages) stage = 0, phase ^= 1;
    }
  }
  const int from = k0 + consumer * 64;
  const long long stride = static_cast<long long>(args.groups) * kE, base = (at.begin + from) * stride + group * kE;
  store_rows<kE>(dk, args.dk + base, stride, at.length - from, args.scale);
  store_rows<kE>(dv, args.dv + base, stride, at.length - from, 1.0f);
#endif
}

template <int kE>
struct AttentionBwdQueriesShared {
  static constexpr int kTileBytes = kAttnTile * kE * 2;
  static constexpr int kBytes = (2 + 2 * kAttnStages) * kTileBytes + 8 * (1 + 2 * kAttnStages) + 1024;
};

// attention_bwd_queries_sm90_kernel: each consumer owns 64 queries; S and dP of a key tile together, dS as left operand in
// registers, dq in registers from the first key tile to the last. One consumer's exponentials run under the other's products.
template <int kE>
__global__ void __launch_bounds__(kAttnThreads, 1) attention_bwd_queries_sm90_kernel(const __grid_constant__ AttentionBwdArgs args) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  using Shared = AttentionBwdQueriesShared<kE>;
  extern __shared__ unsigned char raw[];
  unsigned char* qs = reinterpret_cast<unsigned char*>((reinterpret_cast<std::uintptr_t>(raw) + 1023) & ~std::uintptr_t{1023});
  unsigned char* gs = qs + Shared::kTileBytes;
  unsigned char* ks = gs + Shared::kTileBytes;
  unsigned char* vs = ks + kAttnStages * Shared::kTileBytes;
  std::uint64_t* q_full = reinterpret_cast<std::uint64_t*>(vs + kAttnStages * Shared::kTileBytes);
  std::uint64_t* full = q_full + 1;
  std::uint64_t* empty = full + kAttnStages;
  if (threadIdx.x == 0) {
    barrier_init(q_full, 1);
    for (int s = 0; s < kAttnStages; ++s) barrier_init(full + s, 1), barrier_init(empty + s, 2);
    fence_barrier_init();
  }
  __syncthreads();
  const int head = blockIdx.x % args.heads;
  const SequenceTile at = find_sequence_tile(args.tiles, args.tiles.tiles - 1 - static_cast<int>(blockIdx.x) / args.heads);
  const int group = head / (args.heads / args.groups), q0 = at.tile * kAttnTile, last = at.tile;
  const int first = args.window > 0 ? max(0, q0 - args.window + 1) / kAttnTile : 0;
  const int role = threadIdx.x / 128;

  if (role == 0) {
    registers_give<24>();
    if (threadIdx.x == 0) {
      const auto load = [&](unsigned char* to, const CUtensorMap& map, std::uint64_t* barrier, int column, int row) {
#pragma unroll
        for (int j = 0; j < kE / 64; ++j) tensor_load(to + j * kAttnBox, &map, barrier, column + 64 * j, row, 0);
      };
      barrier_expect(q_full, 2 * Shared::kTileBytes);
      load(qs, args.q, q_full, head * kE, at.begin + q0);
      load(gs, args.dout, q_full, head * kE, at.begin + q0);
      int stage = 0;
      std::uint32_t phase = 0;
      for (int n = last; n >= first; --n) {
        barrier_wait(empty + stage, phase ^ 1);
        barrier_expect(full + stage, 2 * Shared::kTileBytes);
        load(ks + stage * Shared::kTileBytes, args.k, full + stage, group * kE, at.begin + n * kAttnTile);
        load(vs + stage * Shared::kTileBytes, args.v, full + stage, group * kE, at.begin + n * kAttnTile);
        if (++stage == kAttnStages) stage = 0, phase ^= 1;
      }
    }
    return;
  }

  registers_take<240>();
  const int consumer = role - 1, lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
  const int query = q0 + consumer * 64 + warp * 16 + lane / 4;  // and + 8
  const float scale2 = args.scale * 1.4426950408889634f;
  float2 stats[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    stats[half] = query + half * 8 < at.length ? args.stats[static_cast<long long>(head) * args.total + at.begin + query + half * 8]
                                               : make_float2(INFINITY, 0.0f);
  }
  float dq[kE / 2], s[64], dp[64];
  std::uint32_t ds[8][4];
#pragma unroll
  for (int i = 0; i < kE / 2; ++i) dq[i] = 0.0f;
  int stage = 0;
  std::uint32_t phase = 0;
  barrier_wait(q_full, 0);
  for (int n = last; n >= first; --n) {
    barrier_wait(full + stage, phase);
    wgmma_begin();
#pragma unroll
    for (int k = 0; k < kE / 16; ++k) {
      const int at_k = k / 4 * kAttnBox + k % 4 * 32;
      wgmma<kAttnTile, 0, 0>(s, operand(qs + consumer * 8192 + at_k, 16, 1024), operand(ks + stage * Shared::kTileBytes + at_k, 16, 1024), k > 0);
    }
    wgmma_commit();
#pragma unroll
    for (int k = 0; k < kE / 16; ++k) {
      const int at_k = k / 4 * kAttnBox + k % 4 * 32;
      wgmma<kAttnTile, 0, 0>(dp, operand(gs + consumer * 8192 + at_k, 16, 1024), operand(vs + stage * Shared::kTileBytes + at_k, 16, 1024), k > 0);
    }
    wgmma_commit();
    const bool edge = n == last || (args.window > 0 && q0 + kAttnTile - n * kAttnTile > args.window);
    wgmma_wait<1>();
#pragma unroll
    for (int i = 0; i < 64; ++i) {
      const int half = i / 2 % 2;
      float x = exp2f(fmaf(s[i], scale2, -stats[half].x));
      if (edge) {
        const int row = query + half * 8, key = n * kAttnTile + i / 4 * 8 + lane % 4 * 2 + i % 2;
        if (key > row || (args.window > 0 && row - key >= args.window)) x = 0.0f;
      }
      s[i] = x;
    }
    wgmma_wait<0>();
#pragma unroll
    for (int i = 0; i < 64; ++i) dp[i] = s[i] * (dp[i] - stats[i / 2 % 2].y);
#pragma unroll
    for (int k = 0; k < 8; ++k)
#pragma unroll
      for (int i = 0; i < 4; ++i) ds[k][i] = pack_bf16(dp[k * 8 + i * 2], dp[k * 8 + i * 2 + 1]);
    wgmma_begin();
#pragma unroll
    for (int k = 0; k < 8; ++k) wgmma_registers<kE, 1>(dq, ds[k], operand(ks + stage * Shared::kTileBytes + k * 2048, kAttnBox, 1024), 1);
    wgmma_commit();
    wgmma_wait<0>();
    if (threadIdx.x % 128 == 0) barrier_arrive(empty + stage);
    if (++stage == kAttnStages) stage = 0, phase ^= 1;
  }
  const int from = q0 + consumer * 64;
  const long long stride = static_cast<long long>(args.heads) * kE;
  store_rows<kE>(dq, args.dq + (at.begin + from) * stride + head * kE, stride, at.length - from, args.scale);
#endif
}

}  // namespace lora::cuda
