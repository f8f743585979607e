// Kernels of SwiGLU and its backward, sixteen bytes a thread; the tail that fills no pack goes element by element.
#pragma once

#include "prim/pack.cuh"

namespace lora::cuda {

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

// swiglu_kernel: h = silu(gate) * up over [T,F] seen as one row of `count` elements. Moves three tensors once.
template <class T>
__global__ void swiglu_kernel(const T* __restrict__ gate, const T* __restrict__ up, T* __restrict__ h, long long count) {
  constexpr int kSize = Pack<T>::kSize;
  const long long packs = count / kSize, stride = static_cast<long long>(gridDim.x) * blockDim.x;
  const long long first = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x;
  for (long long p = first; p < packs; p += stride) {
    const Pack<T> g = load_pack_once(gate + p * kSize), u = load_pack_once(up + p * kSize);
    Pack<T> out;
#pragma unroll
    for (int j = 0; j < kSize; ++j) {
      const float x = to_f32(g.at[j]);
      out.at[j] = from_f32<T>(x * sigmoid(x) * to_f32(u.at[j]));
    }
    store_pack(h + p * kSize, out);
  }
  for (long long i = packs * kSize + first; i < count; i += stride) {
    const float x = to_f32(gate[i]);
    h[i] = from_f32<T>(x * sigmoid(x) * to_f32(up[i]));
  }
}

// swiglu_bwd_kernel: with s = sigmoid(gate),
//   dup = dh gate s;  dgate = dh up s (1 + gate (1 - s)).  dgate may be gate, dup may be up.
template <class T>
__global__ void swiglu_bwd_kernel(const T* gate, const T* up, const T* __restrict__ dh, T* dgate, T* dup, long long count) {
  constexpr int kSize = Pack<T>::kSize;
  const long long packs = count / kSize, stride = static_cast<long long>(gridDim.x) * blockDim.x;
  const long long first = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x;
  const auto one = [](T gate_in, T up_in, T dh_in, T& dgate_out, T& dup_out) {
    const float x = to_f32(gate_in), u = to_f32(up_in), d = to_f32(dh_in), s = sigmoid(x);
    dup_out = from_f32<T>(d * x * s);
    dgate_out = from_f32<T>(d * u * s * (1.0f + x * (1.0f - s)));
  };
  for (long long p = first; p < packs; p += stride) {
    const Pack<T> g = load_pack(gate + p * kSize), u = load_pack(up + p * kSize), d = load_pack_once(dh + p * kSize);
    Pack<T> dg, du;
#pragma unroll
    for (int j = 0; j < kSize; ++j) one(g.at[j], u.at[j], d.at[j], dg.at[j], du.at[j]);
    store_pack(dgate + p * kSize, dg);
    store_pack(dup + p * kSize, du);
  }
  for (long long i = packs * kSize + first; i < count; i += stride) {
    T dg, du;
    one(gate[i], up[i], dh[i], dg, du);
    dgate[i] = dg;
    dup[i] = du;
  }
}

}  // namespace lora::cuda
