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

// A box in shared memory to (x, y, z) of a map; what lies outside the tensor is not written. The result is written once and
// read by a later kernel: it should not push operands out of the second-level cache, so it is the first to go.
__device__ __forceinline__ void tensor_store(const CUtensorMap* map, const void* from, int x, int y, int z) {
  asm volatile(
      "{\n"
      ".reg .b64 policy;\n"
      "createpolicy.fractional.L2::evict_first.b64 policy, 1.0;\n"
      "cp.async.bulk.tensor.3d.global.shared::cta.tile.bulk_group.L2::cache_hint [%0, {%2, %3, %4}], [%1], policy;\n"
      "}\n" ::"l"(map),
      "r"(shared_address(from)), "r"(x), "r"(y), "r"(z)
      : "memory");
}
__device__ __forceinline__ void tensor_stores_commit() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }
// Until the copy engine has read what this thread told it to store: the shared memory may be written again.
__device__ __forceinline__ void tensor_stores_read() { asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory"); }
__device__ __forceinline__ void tensor_prefetch(const CUtensorMap* map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

}  // namespace lora::cuda
