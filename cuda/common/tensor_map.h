// Descriptions of matrices for the copy engine, made by the driver through the runtime's entry-point look-up, so that the
// plugin never links the driver.
#pragma once

#include <cuda.h>

#include <cstdint>

namespace lora::cuda {

// A bf16 tensor [depth][rows][columns], columns contiguous, in boxes of box_rows x box_columns, 128-byte swizzle.
// row_stride and depth_stride in elements; all strides and the address must be multiples of 16 bytes.
CUtensorMap tensor_map(const void* data, std::int64_t columns, std::int64_t rows, std::int64_t depth, std::int64_t row_stride,
                       std::int64_t depth_stride, int box_columns, int box_rows);

}  // namespace lora::cuda
