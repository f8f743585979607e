// The bulk tensor copy engine: one thread asks for a box of a tensor map, an mbarrier counts its bytes. Hopper only.
#pragma once

#include <cuda.h>

#include "prim/barrier.cuh"

namespace lora::cuda {

// The box at (x, y, z) of a three-dimensional map into shared memory; x is the fastest extent. What lies outside the
// tensor arrives as zeros, and its bytes are counted all the same.
__device__ __forceinline__ void tensor_load(void* to, const CUtensorMap* map, std::uint64_t* barrier, int x, int y, int z) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], [%2];" ::"r"(
          shared_address(to)),
      "l"(map), "r"(shared_address(barrier)), "r"(x), "r"(y), "r"(z)
      : "memory");
}

// The same into the same place of every block of the cluster whose bit is set in `blocks`; each block's own barrier
// counts the bytes.
__device__ __forceinline__ void tensor_load_shared(void* to, const CUtensorMap* map, std::uint64_t* barrier, int x, int y, int z,
                                                   std::uint16_t blocks) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1, {%3, %4, %5}], "
      "[%2], %6;" ::"r"(shared_address(to)),
      "l"(map), "r"(shared_address(barrier)), "r"(x), "r"(y), "r"(z), "h"(blocks)
      : "memory");
}

__device__ __forceinline__ void tensor_prefetch(const CUtensorMap* map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

}  // namespace lora::cuda
