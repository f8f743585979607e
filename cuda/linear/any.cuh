// product_any_kernel: any product of any shape without matrix instructions: the f32 mode, odd extents, devices before
// Hopper until their own path stands. 64 x 64 tiles, 256 threads of 4 x 4, f32 sums in a fixed order.
//
//   c[m,n] (+)= alpha sum over k of a[m,k] b[n,k] + mask(alpha' sum over r of a'[m,r] b'[n,r]) + bias[n]
//
// Operands by strides; the second term is the adapter's, and may be missing. Dropout on one operand, or on the second term.
#pragma once

#include "prim/convert.cuh"
#include "prim/drop.cuh"

namespace lora::cuda {

enum class DropOn { kNothing, kLeft, kRight, kOut };  // elements (m,k), (n,k) or (m,n); rows of the batch as below

struct AnyTerm {
  const void *  a, *b;
  long long     a_row, a_column, b_row, b_column;  // in elements
  int           k;       // 0: no such term
  const double* alpha;   // null: 1
};

struct AnyProduct {
  AnyTerm       term, second;
  const void*   bias;
  void*         c;
  long long     c_row, c_column;
  int           m, n, add;
  const float*  drop;        // the adapter's probability, and its stream; slot < 0: none
  lora_streams  streams;
  unsigned      site;
  int           slot;
  const int*    row;         // counter of batch row i (i is m, k or m as kOn says: see below)
};

// acc += the block's tile of one term.
template <class A, class B, DropOn kOn>
__device__ __forceinline__ void add_term(float (&acc)[4][4], float (&as)[16][65], float (&bs)[16][65], const AnyProduct& p, const AnyTerm& t,
                                         const DropStream& stream) {
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16, m0 = blockIdx.y * 64, n0 = blockIdx.x * 64;
  const A* a = static_cast<const A*>(t.a);
  const B* b = static_cast<const B*>(t.b);
  for (int k0 = 0; k0 < t.k; k0 += 16) {
    for (int i = threadIdx.x; i < 16 * 64; i += 256) {
      // Neighbouring threads along whichever extent is contiguous.
      const int ka = t.a_column == 1 ? i % 16 : i / 64, ma = t.a_column == 1 ? i / 16 : i % 64;
      const int kb = t.b_column == 1 ? i % 16 : i / 64, nb = t.b_column == 1 ? i / 16 : i % 64;
      float left = 0.0f, right = 0.0f;
      if (m0 + ma < p.m && k0 + ka < t.k) {
        left = to_f32(a[(m0 + ma) * t.a_row + (k0 + ka) * t.a_column]);
        if (kOn == DropOn::kLeft) left *= drop_factor(stream, stream.threshold ? p.row[m0 + ma] : 0, k0 + ka);
      }
      if (n0 + nb < p.n && k0 + kb < t.k) {
        right = to_f32(b[(n0 + nb) * t.b_row + (k0 + kb) * t.b_column]);
        if (kOn == DropOn::kRight) right *= drop_factor(stream, stream.threshold ? p.row[k0 + kb] : 0, n0 + nb);
      }
      as[ka][ma] = left;
      bs[kb][nb] = right;
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < 16; ++k) {
      float left[4], right[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) left[i] = as[k][ty * 4 + i], right[i] = bs[k][tx + 16 * i];
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) acc[i][j] += left[i] * right[j];
    }
    __syncthreads();
  }
}

template <class A, class B, class C, DropOn kOn>
__global__ void __launch_bounds__(256) product_any_kernel(const AnyProduct p) {
  __shared__ float as[16][65], bs[16][65];
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16, m0 = blockIdx.y * 64, n0 = blockIdx.x * 64;
  const DropStream stream = kOn == DropOn::kNothing ? DropStream{0, 0, 0, 0, 1.0f} : drop_stream(p.drop, p.streams, p.site, p.slot);
  float acc[4][4] = {}, low[4][4] = {};
  add_term<A, B, kOn>(acc, as, bs, p, p.term, stream);
  add_term<A, B, DropOn::kNothing>(low, as, bs, p, p.second, stream);
  const float alpha = p.term.alpha != nullptr ? static_cast<float>(*p.term.alpha) : 1.0f;
  const float beta = p.second.alpha != nullptr ? static_cast<float>(*p.second.alpha) : 1.0f;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int m = m0 + ty * 4 + i;
    if (m >= p.m) continue;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int n = n0 + tx + 16 * j;
      if (n >= p.n) continue;
      C* c = static_cast<C*>(p.c) + m * p.c_row + n * p.c_column;
      float adapter = beta * low[i][j];
      if (kOn == DropOn::kOut) adapter *= drop_factor(stream, stream.threshold ? p.row[m] : 0, n);
      float x = alpha * acc[i][j] + adapter;
      if (p.bias != nullptr) x += to_f32(static_cast<const B*>(p.bias)[n]);
      if (p.add) x += to_f32(*c);
      *c = from_f32<C>(x);
    }
  }
}

}  // namespace lora::cuda
