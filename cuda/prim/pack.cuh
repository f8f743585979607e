// Sixteen bytes at a time: Pack<T> is as many elements as one vector load moves.
#pragma once

#include "prim/convert.cuh"

namespace lora::cuda {

template <class T>
struct alignas(16) Pack {
  static constexpr int kSize = 16 / sizeof(T);
  T at[kSize];
};

template <class T>
__device__ __forceinline__ Pack<T> load_pack(const T* from) {
  Pack<T> pack;
  *reinterpret_cast<uint4*>(&pack) = *reinterpret_cast<const uint4*>(from);
  return pack;
}

// For data read once: keeps it out of L1.
template <class T>
__device__ __forceinline__ Pack<T> load_pack_once(const T* from) {
  Pack<T> pack;
  *reinterpret_cast<uint4*>(&pack) = __ldcs(reinterpret_cast<const uint4*>(from));
  return pack;
}

template <class T>
__device__ __forceinline__ void store_pack(T* to, const Pack<T>& pack) {
  *reinterpret_cast<uint4*>(to) = *reinterpret_cast<const uint4*>(&pack);
}

}  // namespace lora::cuda
