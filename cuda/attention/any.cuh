// Attention for any head width and type, without matrix instructions: the f32 mode, and head widths that the fast
// kernels do not take. Tiles of kB queries by kB keys in shared memory as f32, 256 threads as 16 x 16.
//
// Row (query) and column (key) tiles carry kE columns, the head width rounded up; columns past it are zero.
#pragma once

#include "prim/convert.cuh"

namespace lora::cuda {

struct AttentionShape {
  int   heads, groups, width;  // H, G, E
  int   window;                // 0: none
  float scale;
};

constexpr int kAnyThreads = 256;

// Rows [from, from + kB) of x [*, heads, width], head `head`, into `tile`; zero past `end`.
template <class T, int kB, int kE>
__device__ void load_tile(float (*tile)[kE + 1], const T* x, long long from, long long end, int heads, int head, int width) {
  for (int i = threadIdx.x; i < kB * kE; i += kAnyThreads) {
    const int r = i / kE, e = i % kE;
    tile[r][e] = from + r < end && e < width ? to_f32(x[((from + r) * heads + head) * width + e]) : 0.0f;
  }
}

// Thread (ty, tx) owns rows ty * kM + i and columns tx + 16 j of a kB x kB tile.
template <int kB>
struct Owner {
  static constexpr int kM = kB / 16;
  int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  __device__ int row(int i) const { return ty * kM + i; }
  __device__ int column(int j) const { return tx + 16 * j; }
};

// out[i][j] = a[row] . b[column] over kE.
template <int kB, int kE>
__device__ void tile_dot(float (&out)[kB / 16][kB / 16], const float (*a)[kE + 1], const float (*b)[kE + 1], const Owner<kB>& own) {
  constexpr int kM = kB / 16;
#pragma unroll
  for (int i = 0; i < kM; ++i)
#pragma unroll
    for (int j = 0; j < kM; ++j) out[i][j] = 0.0f;
  for (int e = 0; e < kE; ++e) {
    float left[kM], right[kM];
#pragma unroll
    for (int i = 0; i < kM; ++i) left[i] = a[own.row(i)][e], right[i] = b[own.column(i)][e];
#pragma unroll
    for (int i = 0; i < kM; ++i)
#pragma unroll
      for (int j = 0; j < kM; ++j) out[i][j] += left[i] * right[j];
  }
}

// sum[i][j] += sum over c of p[row][c] * x[c][column]   (kTransposed: p[c][row])
template <int kB, int kE, bool kTransposed>
__device__ void tile_add(float (&sum)[kB / 16][kE / 16], const float (*p)[kB + 1], const float (*x)[kE + 1], const Owner<kB>& own) {
  constexpr int kM = kB / 16;
  for (int c = 0; c < kB; ++c) {
    float left[kM];
#pragma unroll
    for (int i = 0; i < kM; ++i) left[i] = kTransposed ? p[c][own.row(i)] : p[own.row(i)][c];
#pragma unroll
    for (int j = 0; j < kE / 16; ++j) {
      const float right = x[c][own.column(j)];
#pragma unroll
      for (int i = 0; i < kM; ++i) sum[i][j] += left[i] * right;
    }
  }
}

__device__ __forceinline__ bool sees(int query, int key, int window) {
  return key <= query && (window == 0 || query - key < window);
}

// attention_any_kernel: online softmax over key tiles. Grid: x query tiles of a sequence, y query heads, z sequences.
// Positions count within the sequence's keys: its queries are the last rows of them.
template <class T, int kB, int kE>
__global__ void __launch_bounds__(kAnyThreads)
attention_any_kernel(const T* q, const T* k, const T* v, T* o, float* lse, const int* q_begin, const int* k_begin, const int* k_count,
                     AttentionShape shape, int total) {
  extern __shared__ float shared[];
  auto qs = reinterpret_cast<float(*)[kE + 1]>(shared);
  auto ks = qs + kB, vs = ks + kB;
  auto ps = reinterpret_cast<float(*)[kB + 1]>(vs + kB);
  constexpr int kM = kB / 16;
  const int sequence = blockIdx.z, head = blockIdx.y, group = head / (shape.heads / shape.groups);
  const long long q_from = q_begin[sequence], q_end = q_begin[sequence + 1];
  const long long first = q_from + static_cast<long long>(blockIdx.x) * kB;
  if (first >= q_end) return;
  const long long k_from = k_begin[sequence];
  const int keys = k_count[sequence], offset = keys - static_cast<int>(q_end - q_from);
  const int q0 = offset + static_cast<int>(first - q_from);  // position of the tile's first query
  const Owner<kB> own;
  load_tile<T, kB, kE>(qs, q, first, q_end, shape.heads, head, shape.width);
  float best[kM], sum[kM], acc[kM][kE / 16];
#pragma unroll
  for (int i = 0; i < kM; ++i) {
    best[i] = -INFINITY, sum[i] = 0.0f;
#pragma unroll
    for (int j = 0; j < kE / 16; ++j) acc[i][j] = 0.0f;
  }
  const int last = min(keys, q0 + kB);
  const int start = shape.window > 0 ? max(0, q0 - shape.window + 1) / kB * kB : 0;
  for (int k0 = start; k0 < last; k0 += kB) {
    __syncthreads();
    load_tile<T, kB, kE>(ks, k, k_from + k0, k_from + keys, shape.groups, group, shape.width);
    load_tile<T, kB, kE>(vs, v, k_from + k0, k_from + keys, shape.groups, group, shape.width);
    __syncthreads();
    float s[kM][kM];
    tile_dot<kB, kE>(s, qs, ks, own);
#pragma unroll
    for (int i = 0; i < kM; ++i) {
      const int query = q0 + own.row(i);
      float top = best[i];
#pragma unroll
      for (int j = 0; j < kM; ++j) {
        const int key = k0 + own.column(j);
        s[i][j] = key < keys && sees(query, key, shape.window) ? s[i][j] * shape.scale : -INFINITY;
        top = fmaxf(top, s[i][j]);
      }
#pragma unroll
      for (int lane = 8; lane > 0; lane /= 2) top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, lane));
      const float shift = top == -INFINITY ? 0.0f : top, fade = expf(best[i] - shift);
      float add = 0.0f;
#pragma unroll
      for (int j = 0; j < kM; ++j) {
        const float p = expf(s[i][j] - shift);
        ps[own.row(i)][own.column(j)] = p;
        add += p;
      }
#pragma unroll
      for (int lane = 8; lane > 0; lane /= 2) add += __shfl_xor_sync(0xffffffffu, add, lane);
      sum[i] = sum[i] * fade + add;
      best[i] = top;
#pragma unroll
      for (int j = 0; j < kE / 16; ++j) acc[i][j] *= fade;
    }
    __syncthreads();
    tile_add<kB, kE, false>(acc, ps, vs, own);
  }
#pragma unroll
  for (int i = 0; i < kM; ++i) {
    const long long t = first + own.row(i);
    if (t >= q_end) continue;
#pragma unroll
    for (int j = 0; j < kE / 16; ++j) {
      const int e = own.column(j);
      if (e < shape.width) o[(t * shape.heads + head) * shape.width + e] = from_f32<T>(acc[i][j] / sum[i]);
    }
    if (lse != nullptr && own.tx == 0) lse[static_cast<long long>(head) * total + t] = best[i] + logf(sum[i]);
  }
}

// attention_delta_kernel: delta[h,t] = sum over e of dout * o; one warp a row.
template <class T>
__global__ void attention_delta_kernel(const T* dout, const T* o, float* delta, int total, int heads, int width) {
  const long long row = blockIdx.x * static_cast<long long>(blockDim.x / 32) + threadIdx.x / 32;
  if (row >= static_cast<long long>(total) * heads) return;
  float sum = 0.0f;
  for (int e = threadIdx.x % 32; e < width; e += 32) sum += to_f32(dout[row * width + e]) * to_f32(o[row * width + e]);
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, lane);
  if (threadIdx.x % 32 == 0) delta[row % heads * total + row / heads] = sum;
}

// p and ds of one tile pair, into shared memory: p = exp(scale q k - lse), ds = scale p (dout v - delta).
template <class T, int kB, int kE>
__device__ void tile_gradient(float (*ps)[kB + 1], float (*ds)[kB + 1], const float (*qs)[kE + 1], const float (*ks)[kE + 1],
                              const float (*vs)[kE + 1], const float (*gs)[kE + 1], const float* lse, const float* delta, int q0, int k0,
                              int length, const AttentionShape& shape, const Owner<kB>& own) {
  constexpr int kM = kB / 16;
  float s[kM][kM], dp[kM][kM];
  tile_dot<kB, kE>(s, qs, ks, own);
  tile_dot<kB, kE>(dp, gs, vs, own);
#pragma unroll
  for (int i = 0; i < kM; ++i) {
    const int query = q0 + own.row(i);
    const bool inside = query < length;
    const float row_lse = inside ? lse[query] : 0.0f, row_delta = inside ? delta[query] : 0.0f;
#pragma unroll
    for (int j = 0; j < kM; ++j) {
      const int key = k0 + own.column(j);
      const bool seen = inside && sees(query, key, shape.window);
      const float p = seen ? expf(s[i][j] * shape.scale - row_lse) : 0.0f;
      if (ps != nullptr) ps[own.row(i)][own.column(j)] = p;
      ds[own.row(i)][own.column(j)] = p * (dp[i][j] - row_delta) * shape.scale;
    }
  }
}

// attention_bwd_keys_any_kernel: dk and dv of one key tile, over all queries that see it and all heads of its group, in
// a fixed order. Grid: x key tiles of a sequence, y key heads, z sequences.
template <class T, int kB, int kE>
__global__ void __launch_bounds__(kAnyThreads)
attention_bwd_keys_any_kernel(const T* q, const T* k, const T* v, const T* dout, const float* lse, const float* delta, T* dk, T* dv,
                              const int* q_begin, AttentionShape shape, int total) {
  extern __shared__ float shared[];
  auto ks = reinterpret_cast<float(*)[kE + 1]>(shared);
  auto vs = ks + kB, qs = vs + kB, gs = qs + kB;
  auto ps = reinterpret_cast<float(*)[kB + 1]>(gs + kB);
  auto ds = ps + kB;
  constexpr int kM = kB / 16;
  const long long from = q_begin[blockIdx.z];
  const int length = static_cast<int>(q_begin[blockIdx.z + 1] - from), k0 = blockIdx.x * kB, group = blockIdx.y;
  if (k0 >= length) return;
  const Owner<kB> own;
  load_tile<T, kB, kE>(ks, k, from + k0, from + length, shape.groups, group, shape.width);
  load_tile<T, kB, kE>(vs, v, from + k0, from + length, shape.groups, group, shape.width);
  float dks[kM][kE / 16] = {}, dvs[kM][kE / 16] = {};
  const int per = shape.heads / shape.groups;
  const int stop = shape.window > 0 ? min(length, k0 + kB + shape.window - 1) : length;
  for (int head = group * per; head < (group + 1) * per; ++head) {
    for (int q0 = k0; q0 < stop; q0 += kB) {
      __syncthreads();
      load_tile<T, kB, kE>(qs, q, from + q0, from + length, shape.heads, head, shape.width);
      load_tile<T, kB, kE>(gs, dout, from + q0, from + length, shape.heads, head, shape.width);
      __syncthreads();
      const long long at = static_cast<long long>(head) * total + from;
      tile_gradient<T, kB, kE>(ps, ds, qs, ks, vs, gs, lse + at, delta + at, q0, k0, length, shape, own);
      __syncthreads();
      tile_add<kB, kE, true>(dvs, ps, gs, own);
      tile_add<kB, kE, true>(dks, ds, qs, own);
    }
  }
#pragma unroll
  for (int i = 0; i < kM; ++i) {
    const int key = k0 + own.row(i);
    if (key >= length) continue;
#pragma unroll
    for (int j = 0; j < kE / 16; ++j) {
      const int e = own.column(j);
      if (e >= shape.width) continue;
      const long long at = ((from + key) * shape.groups + group) * shape.width + e;
      dk[at] = from_f32<T>(dks[i][j]);
      dv[at] = from_f32<T>(dvs[i][j]);
    }
  }
}

// attention_bwd_queries_any_kernel: dq of one query tile. Grid: x query tiles, y query heads, z sequences.
template <class T, int kB, int kE>
__global__ void __launch_bounds__(kAnyThreads)
attention_bwd_queries_any_kernel(const T* q, const T* k, const T* v, const T* dout, const float* lse, const float* delta, T* dq,
                                 const int* q_begin, AttentionShape shape, int total) {
  extern __shared__ float shared[];
  auto ks = reinterpret_cast<float(*)[kE + 1]>(shared);
  auto vs = ks + kB, qs = vs + kB, gs = qs + kB;
  auto ds = reinterpret_cast<float(*)[kB + 1]>(gs + kB);
  constexpr int kM = kB / 16;
  const long long from = q_begin[blockIdx.z];
  const int length = static_cast<int>(q_begin[blockIdx.z + 1] - from), q0 = blockIdx.x * kB, head = blockIdx.y;
  if (q0 >= length) return;
  const int group = head / (shape.heads / shape.groups);
  const Owner<kB> own;
  load_tile<T, kB, kE>(qs, q, from + q0, from + length, shape.heads, head, shape.width);
  load_tile<T, kB, kE>(gs, dout, from + q0, from + length, shape.heads, head, shape.width);
  float dqs[kM][kE / 16] = {};
  const int start = shape.window > 0 ? max(0, q0 - shape.window + 1) / kB * kB : 0;
  const long long at = static_cast<long long>(head) * total + from;
  for (int k0 = start; k0 < min(length, q0 + kB); k0 += kB) {
    __syncthreads();
    load_tile<T, kB, kE>(ks, k, from + k0, from + length, shape.groups, group, shape.width);
    load_tile<T, kB, kE>(vs, v, from + k0, from + length, shape.groups, group, shape.width);
    __syncthreads();
    tile_gradient<T, kB, kE>(nullptr, ds, qs, ks, vs, gs, lse + at, delta + at, q0, k0, length, shape, own);
    __syncthreads();
    tile_add<kB, kE, false>(dqs, ds, ks, own);
  }
#pragma unroll
  for (int i = 0; i < kM; ++i) {
    const int query = q0 + own.row(i);
    if (query >= length) continue;
#pragma unroll
    for (int j = 0; j < kE / 16; ++j) {
      const int e = own.column(j);
      if (e < shape.width) dq[((from + query) * shape.heads + head) * shape.width + e] = from_f32<T>(dqs[i][j]);
    }
  }
}

}  // namespace lora::cuda
