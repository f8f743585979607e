// Backward of causal attention on Hopper, head widths 64 and 128, in one pass over the pairs of tiles. With
// P = exp(scale q k^T - lse) and dS = P (dout v^T - delta), delta = sum over e of dout o:
//
//   dv = P^T dout,   dk = scale dS^T q,   dq = scale dS k
//
// Shapes   q, dout, dq [T,H,E], k, v, dk, dv [T,G,E] bf16. A block owns 128 keys of one sequence and one key head; it walks the
//          tiles of 64 queries that see them, and at each the heads of its group.
// How      Two consumer warpgroups own 64 keys each. S^T and dP^T are made with keys as rows, so that P^T is a
//          left operand in registers; dk and dv stay in registers to the end. dS^T goes to shared memory: the left operand of
//          dk, and of this block's part of dq, where each consumer takes all 128 keys for its half of E. The next tile's
//          exponentials run under these two products.
// dq       is summed in f32 over the blocks that see a query tile, through the copy engine, each waiting for its turn: no sum
//          depends on chance, results repeat bit for bit. A block takes its work by a ticket, and turns are in the order
//          of tickets, so nobody waits for a block that has not begun. Blocks of neighbouring keys reach a query tile one
//          after the other anyway: short tiles first with turns from the diagonal, in the next wave of the card long tiles
//          first with turns toward it; so a short block of one wave and a long one of the other make a whole.
#pragma once

#include "attention/bwd_sm90.cuh"

namespace lora::cuda::one_pass {

// Begins to bring `bytes` of f32 from shared to global memory, added to what is there or in its place.
__device__ __forceinline__ void bulk_add(float* to, const void* from, std::uint32_t bytes, bool add) {
  if (add) {
    asm volatile("cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [%0], [%1], %2;" ::"l"(to), "r"(shared_address(from)), "r"(bytes) : "memory");
  } else {
    asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(to), "r"(shared_address(from)), "r"(bytes) : "memory");
  }
  asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}
// Until all that this thread began is in memory.
__device__ __forceinline__ void bulk_wait() { asm volatile("cp.async.bulk.wait_group 0;" ::: "memory"); }

// A counter in global memory that hands a place in memory from block to block: waits until it stands at `turn`. The place itself
// is touched by the copy engine alone, which goes past the first-level cache: nothing needs to be invalidated.
__device__ __forceinline__ void wait_for_turn(const int* counter, int turn) {
  int now;
  do {
    asm volatile("ld.relaxed.gpu.global.s32 %0, [%1];" : "=r"(now) : "l"(counter) : "memory");
  } while (now != turn);
}
__device__ __forceinline__ void end_turn(int* counter, int turn) {
  asm volatile("st.release.gpu.global.s32 [%0], %1;" ::"l"(counter), "r"(turn + 1) : "memory");
}

struct AttentionBwdArgs {
  CUtensorMap    q, k, v, dout;  // q and dout in boxes of 64 rows, k and v of 128
  SequenceTiles  tiles;          // of 128 keys
  const float2*  stats;          // [H,T]: lse in base 2, delta
  __nv_bfloat16 *dq, *dk, *dv;
  float*         sums;           // [query tiles][H][64 * E]: dq before scale, in the order of accumulators
  int*           turns;          // [query tiles][H], 0 at launch
  int*           ticket;         // 0 at launch
  int            heads, groups, total, window, units;
  float          scale;
};

// How many key tiles add to the dq of query tile m before key tile `keys` does: those below it, or those above it up to the
// diagonal.
__device__ __forceinline__ int turn_of(int keys, int m, int window, bool upward) {
  if (!upward) return m * kBwdQueries / kAttnTile - keys;
  return keys - (window > 0 ? max(0, m * kBwdQueries - window + 1) / kAttnTile : 0);
}

// Number of the first tile of 64 queries of the sequence at row `begin`, among those of the piece.
__device__ __forceinline__ int place_of(const SequenceTiles& tiles, int begin) {
  int sequence = 0;
  while (tiles.row[sequence + 1] <= begin) ++sequence;
  return (begin - tiles.row[0]) / kBwdQueries + sequence;
}

__device__ __forceinline__ void wgmma_half(float (&d)[32], std::uint64_t a, std::uint64_t b, int keep) { wgmma<64, 1, 1>(d, a, b, keep); }
__device__ __forceinline__ void wgmma_half(float (&d)[16], std::uint64_t a, std::uint64_t b, int keep) {
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "setp.ne.b32 p, %18, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n32k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15}, "
      "%16, %17, p, 1, 1, 1, 1;\n"
      "}\n"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]),
        "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15])
      : "l"(a), "l"(b), "r"(keep));
}

template <int kE>
struct AttentionBwdShared {
  static constexpr int kKeyBytes = kAttnTile * kE * 2, kQueryBytes = kBwdQueries * kE * 2, kPairBytes = kAttnTile * kBwdQueries * 2;
  static constexpr int kSumBytes = kBwdQueries * kE * 4;
  static constexpr int kBytes = 2 * kKeyBytes + kBwdStages * (2 * kQueryBytes + kPairBytes + kSumBytes + kBwdQueries * 8) +
                                8 * (1 + 5 * kBwdStages) + 16 + 1024;
};

template <int kE>
__global__ void __launch_bounds__(kAttnThreads, 1) attention_bwd_sm90_kernel(const __grid_constant__ AttentionBwdArgs args) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  using Shared = AttentionBwdShared<kE>;
  extern __shared__ unsigned char raw[];
  unsigned char* ks = reinterpret_cast<unsigned char*>((reinterpret_cast<std::uintptr_t>(raw) + 1023) & ~std::uintptr_t{1023});
  unsigned char* vs = ks + Shared::kKeyBytes;
  unsigned char* qs = vs + Shared::kKeyBytes;
  unsigned char* gs = qs + kBwdStages * Shared::kQueryBytes;
  unsigned char* pairs = gs + kBwdStages * Shared::kQueryBytes;
  unsigned char* staged = pairs + kBwdStages * Shared::kPairBytes;
  float2* stats = reinterpret_cast<float2*>(staged + kBwdStages * Shared::kSumBytes);
  std::uint64_t* keys_full = reinterpret_cast<std::uint64_t*>(stats + kBwdStages * kBwdQueries);
  std::uint64_t* full = keys_full + 1;
  std::uint64_t* empty = full + kBwdStages;
  std::uint64_t* pair_full = empty + kBwdStages;
  std::uint64_t* sum_full = pair_full + kBwdStages;
  std::uint64_t* sum_empty = sum_full + kBwdStages;
  // Block-wide numbers that the consumers read again at the end, to have their registers in between.
  int* kept = reinterpret_cast<int*>(sum_empty + kBwdStages);
  if (threadIdx.x == 0) {
    barrier_init(keys_full, 1);
    for (int s = 0; s < kBwdStages; ++s) {
      barrier_init(full + s, 1 + 32), barrier_init(empty + s, 2);
      barrier_init(pair_full + s, 8), barrier_init(sum_full + s, 8), barrier_init(sum_empty + s, 1);
    }
    fence_barrier_init();
    kept[0] = atomicAdd(args.ticket, 1);
  }
  __syncthreads();
  const int per = args.heads / args.groups;
  int group, k0;
  bool long_first;
  SequenceTile at;
  {
    const int ticket = kept[0];
    int low = 0, high = args.tiles.sequences - 1;  // the last sequence whose first block is at most `ticket`
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (args.tiles.first[middle] * args.groups <= ticket) low = middle;
      else high = middle - 1;
    }
    const int count = args.tiles.first[low + 1] - args.tiles.first[low], inside = ticket - args.tiles.first[low] * args.groups;
    group = inside / count;
    const int step = inside - group * count;
    long_first = (ticket - step) / args.units % 2 == 1;
    at = {args.tiles.row[low], args.tiles.row[low + 1] - args.tiles.row[low], long_first ? step : count - 1 - step};
    k0 = at.tile * kAttnTile;
  }
  if (threadIdx.x == 0) kept[1] = at.begin + k0, kept[2] = at.length - k0, kept[3] = group;
  __syncthreads();
  const int stop = args.window > 0 ? min(at.length, k0 + kAttnTile + args.window - 1) : at.length;
  const int first = k0 / kBwdQueries, last = (stop + kBwdQueries - 1) / kBwdQueries;
  const int count = (last - first) * per;  // steps
  const int role = __shfl_sync(0xffffffffu, threadIdx.x / 128, 0);
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
    // Step n is head n % per of the group at query tile first + n / per; it uses stage n % 2 of everything. Not unrolled: 24
    // registers must do.
    if (warp == 0 && lane == 0) {
#pragma unroll 1
      for (int n = 0; n < count; ++n) {
        const int stage = n % 2, row = at.begin + (first + n / per) * kBwdQueries, column = (group * per + n % per) * kE;
        barrier_wait(empty + stage, (n / 2 + 1) % 2);
        barrier_expect(full + stage, 2 * Shared::kQueryBytes);
#pragma unroll
        for (int j = 0; j < kE / 64; ++j) {
          tensor_load(qs + stage * Shared::kQueryBytes + j * kQueryBox, &args.q, full + stage, column + 64 * j, row, 0);
          tensor_load(gs + stage * Shared::kQueryBytes + j * kQueryBox, &args.dout, full + stage, column + 64 * j, row, 0);
        }
      }
    } else if (warp == 1) {
#pragma unroll 1
      for (int n = 0; n < count; ++n) {
        const int stage = n % 2, query = (first + n / per) * kBwdQueries + lane;
        const float2* from = args.stats + static_cast<long long>(group * per + n % per) * args.total + at.begin + query;
        barrier_wait(empty + stage, (n / 2 + 1) % 2);
        stats[stage * kBwdQueries + lane] = query < at.length ? from[0] : make_float2(INFINITY, 0.0f);
        stats[stage * kBwdQueries + lane + 32] = query + 32 < at.length ? from[32] : make_float2(INFINITY, 0.0f);
        barrier_arrive(full + stage);
      }
    } else if (lane == 0 && warp >= 2) {
      const int first_place = place_of(args.tiles, at.begin);
      // Warps 2 and 3 bring every other sum to memory.
#pragma unroll 1
      for (int n = warp - 2; n < count; n += 2) {
        const int m = first + n / per, place = (first_place + m) * args.heads + group * per + n % per;
        const int turn = turn_of(at.tile, m, args.window, long_first);
        barrier_wait(sum_full + n % 2, n / 2 % 2);
        wait_for_turn(args.turns + place, turn);
        bulk_add(args.sums + static_cast<long long>(place) * (kBwdQueries * kE), staged + n % 2 * Shared::kSumBytes, Shared::kSumBytes, turn > 0);
        tensor_stores_read();
        barrier_arrive(sum_empty + n % 2);
        bulk_wait();
        end_turn(args.turns + place, turn);
      }
    }
    return;
  }

  registers_take<240>();
  const int consumer = role - 1, lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
  const int key = k0 + consumer * 64 + warp * 16 + lane / 4;  // and + 8
  const float scale2 = args.scale * 1.4426950408889634f;
  float dk[kE / 2], dv[kE / 2], s[32], dp[32];
  float(&dq)[kE / 4] = reinterpret_cast<float(&)[kE / 4]>(dp);  // never alive together
#pragma unroll
  for (int i = 0; i < kE / 2; ++i) dk[i] = dv[i] = 0.0f;
  const auto scores = [&](int stage) {
    const unsigned char* q = qs + stage * Shared::kQueryBytes;
#pragma unroll
    for (int k = 0; k < kE / 16; ++k) {
      wgmma<64, 0, 0>(s, operand(ks + consumer * 8192 + k / 4 * kKeyBox + k % 4 * 32, 16, 1024),
                      operand(q + k / 4 * kQueryBox + k % 4 * 32, 16, 1024), k > 0);
    }
  };
  // s becomes P^T. Column c of this thread is masked below `low` (the query comes before the key) and from `high` on (the key
  // has left the window); both are 8 more for its second row.
  const auto exponentials = [&](int stage, int low, int high) {
    const float2* line = stats + stage * kBwdQueries + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < 32; ++i) {
      const int column = i / 4 * 8 + i % 2, shift = i / 2 % 2 * 8;
      const float x = exp2f(fmaf(s[i], scale2, -line[column].x));
      s[i] = column < low + shift || column >= high + shift ? 0.0f : x;
    }
  };
  // Against this thread's first column of the tile at hand; the next tile's are 64 less.
  int low = key - first * kBwdQueries - lane % 4 * 2, head = 0;
  const int window = args.window > 0 ? args.window : at.length + kAttnTile;
  barrier_wait(keys_full, 0);
  barrier_wait(full, 0);
  wgmma_begin();
  scores(0);
  wgmma_commit();
  wgmma_wait<0>();
  exponentials(0, low, low + window);
  for (int turn = 0; turn < count; ++turn) {
    const int stage = turn % 2, next = stage ^ 1;
    const unsigned char* q = qs + stage * Shared::kQueryBytes;
    const unsigned char* g = gs + stage * Shared::kQueryBytes;
    const float2* line = stats + stage * kBwdQueries;
    wgmma_begin();
#pragma unroll
    for (int k = 0; k < kE / 16; ++k) {
      wgmma<64, 0, 0>(dp, operand(vs + consumer * 8192 + k / 4 * kKeyBox + k % 4 * 32, 16, 1024),
                      operand(g + k / 4 * kQueryBox + k % 4 * 32, 16, 1024), k > 0);
    }
    wgmma_commit();
    wgmma_wait<0>();
#pragma unroll
    for (int i = 0; i < 32; ++i) dp[i] = s[i] * (dp[i] - line[i / 4 * 8 + lane % 4 * 2 + i % 2].y);
    unsigned char* pair = pairs + stage * Shared::kPairBytes;
    const int row = consumer * 64 + warp * 16 + lane % 16;
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      stmatrix4(pair + row * 128 + (((2 * k + lane / 16) ^ row) & 7) * 16, pack_bf16(dp[k * 8], dp[k * 8 + 1]), pack_bf16(dp[k * 8 + 2], dp[k * 8 + 3]),
                pack_bf16(dp[k * 8 + 4], dp[k * 8 + 5]), pack_bf16(dp[k * 8 + 6], dp[k * 8 + 7]));
    }
    fence_async_proxy();
    __syncwarp();
    if (lane == 0) barrier_arrive(pair_full + stage);
    std::uint32_t p[4][4];
#pragma unroll
    for (int k = 0; k < 4; ++k)
#pragma unroll
      for (int i = 0; i < 4; ++i) p[k][i] = pack_bf16(s[k * 8 + i * 2], s[k * 8 + i * 2 + 1]);
    wgmma_begin();
#pragma unroll
    for (int k = 0; k < 4; ++k) wgmma_registers<kE, 1>(dv, p[k], operand(g + k * 2048, kQueryBox, 1024), 1);
    wgmma_commit();

    // The next tile's scores, then this tile's dk and part of dq. After the last one the scores are of stale queries, read by nobody.
    if (turn + 1 < count) barrier_wait(full + next, (turn + 1) / 2 % 2);
    wgmma_begin();
    scores(next);
    wgmma_commit();
    barrier_wait(pair_full + stage, turn / 2 % 2);
    wgmma_begin();
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      wgmma<kE, 0, 1>(dk, operand(pair + consumer * 8192 + k * 32, 16, 1024), operand(q + k * 2048, kQueryBox, 1024), 1);
    }
#pragma unroll
    for (int k = 0; k < kAttnTile / 16; ++k) {
      wgmma_half(dq, operand(pair + k * 2048, kQueryBox, 1024),
                          operand(ks + (kE == 128 ? consumer * kKeyBox : consumer * 64) + k * 2048, kKeyBox, 1024), k > 0);
    }
    wgmma_commit();
    if (++head == per) head = 0, low -= kBwdQueries;
    wgmma_wait<1>();
    exponentials(next, low, low + window);
    wgmma_wait<0>();
    if (threadIdx.x % 128 == 0) barrier_arrive(empty + stage);
    barrier_wait(sum_empty + stage, (turn / 2 + 1) % 2);
    float4* to = reinterpret_cast<float4*>(staged + stage * Shared::kSumBytes + consumer * (Shared::kSumBytes / 2)) + threadIdx.x % 128;
#pragma unroll
    for (int j = 0; j < kE / 16; ++j) to[j * 128] = make_float4(dq[j * 4], dq[j * 4 + 1], dq[j * 4 + 2], dq[j * 4 + 3]);
    fence_async_proxy();
    __syncwarp();
    if (lane == 0) barrier_arrive(sum_full + stage);
  }
  const int from = consumer * 64;
  const long long stride = static_cast<long long>(args.groups) * kE, base = (kept[1] + from) * stride + kept[3] * kE;
  store_rows<kE>(dk, args.dk + base, stride, kept[2] - from, args.scale);
  store_rows<kE>(dv, args.dv + base, stride, kept[2] - from, 1.0f);
#endif
}

// attention_dq_kernel: dq = scale times the sums. Grid: x halves of the 128-row tiles, y heads; 256 threads, 128 for each half of E.
template <int kE>
__global__ void __launch_bounds__(256) attention_dq_kernel(const __grid_constant__ AttentionBwdArgs args) {
  SequenceTile at = find_sequence_tile(args.tiles, static_cast<int>(blockIdx.x / 2));
  const int m = at.tile * 2 + static_cast<int>(blockIdx.x % 2), head = static_cast<int>(blockIdx.y), side = threadIdx.x / 128;
  const int rows = at.length - m * kBwdQueries;
  if (rows <= 0) return;
  const float4* from = reinterpret_cast<const float4*>(args.sums + (static_cast<long long>(place_of(args.tiles, at.begin) + m) * args.heads + head) * (kBwdQueries * kE)) +
                       side * (kBwdQueries * kE / 8) + threadIdx.x % 128;
  float sum[kE / 4];
#pragma unroll
  for (int j = 0; j < kE / 16; ++j) {
    const float4 x = __ldcs(from + j * 128);
    sum[j * 4] = x.x, sum[j * 4 + 1] = x.y, sum[j * 4 + 2] = x.z, sum[j * 4 + 3] = x.w;
  }
  const long long stride = static_cast<long long>(args.heads) * kE;
  store_rows<kE / 2>(sum, args.dq + (at.begin + m * kBwdQueries) * stride + head * kE + side * (kE / 2), stride, rows, args.scale);
}

}  // namespace lora::cuda::one_pass
