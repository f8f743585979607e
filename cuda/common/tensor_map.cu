// The look-up and use of cuTensorMapEncodeTiled.
#include "common/tensor_map.h"

#include <cuda_runtime.h>

#include <string>

#include "common/check.h"

namespace lora::cuda {
namespace {

using Encode = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*, const cuuint32_t*,
                            const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion,
                            CUtensorMapFloatOOBfill);

Encode find_encode() {
  void* entry = nullptr;
  cudaDriverEntryPointQueryResult found{};
  LORA_CUDA(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry, 12000, cudaEnableDefault, &found));
  if (found != cudaDriverEntryPointSuccess || entry == nullptr) {
    throw Fault{LORA_UNAVAILABLE, "the driver has no cuTensorMapEncodeTiled; CUDA 12 or newer is needed for the Hopper kernels"};
  }
  return reinterpret_cast<Encode>(entry);
}

}  // namespace

CUtensorMap tensor_map(const void* data, std::int64_t columns, std::int64_t rows, std::int64_t depth, std::int64_t row_stride,
                       std::int64_t depth_stride, int box_columns, int box_rows) {
  static const Encode encode = find_encode();
  CUtensorMap map;
  const cuuint64_t extents[3] = {static_cast<cuuint64_t>(columns), static_cast<cuuint64_t>(rows), static_cast<cuuint64_t>(depth)};
  const cuuint64_t strides[2] = {static_cast<cuuint64_t>(row_stride) * 2, static_cast<cuuint64_t>(depth_stride) * 2};
  const cuuint32_t box[3] = {static_cast<cuuint32_t>(box_columns), static_cast<cuuint32_t>(box_rows), 1};
  const cuuint32_t step[3] = {1, 1, 1};
  const CUresult result =
      encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 3, const_cast<void*>(data), extents, strides, box, step, CU_TENSOR_MAP_INTERLEAVE_NONE,
             CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) {
    throw Fault{LORA_INTERNAL, "cuTensorMapEncodeTiled refused a tensor of " + std::to_string(depth) + " x " + std::to_string(rows) + " x " +
                                   std::to_string(columns) + " (CUresult " + std::to_string(result) + ")"};
  }
  return map;
}

}  // namespace lora::cuda
