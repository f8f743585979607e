// The adapter's side of the products: the way down (u, g), the way up, and the gradients of A and B. Shared by
// linear.cc and head_loss.cc.
#ifndef LORA_CPU_LINEAR_LOW_H
#define LORA_CPU_LINEAR_LOW_H

#include <cstdint>

#include "abi/backend.h"
#include "cpu/gemm.h"
#include "cpu/linear_rows.h"

namespace lora::cpu {

// out[i, r] (+)= sum_k a[i, k] b[k, r]: a packed with a_step, b [depth][rank] f32, out [rows][rank].
void low_product(const Kernels& kernels, const float* a, std::int64_t a_step, int rows, const float* b,
                 std::int64_t rank, std::int64_t depth, bool add, float* out);

// An adapter's matrices of every group, in f32 as the products want them.
struct LowWeights {
  float* down;  // [groups][K][R] = A^T, for u;  or B [groups][N][R], for g
  float* up;    // [groups][panels][R][tile_columns]: B^T, or A
};
LowWeights pack_low_forward(CpuContext& context, const lora_pair& pair, const Groups& groups, std::int64_t n,
                            std::int64_t k);
LowWeights pack_low_backward(CpuContext& context, const lora_pair& pair, const Groups& groups, std::int64_t n,
                             std::int64_t k, bool up);

// The adapter's way down for one projection: u = drop(x) A^T.
struct Down {
  std::int64_t rank;     // 0: no adapter
  Dropout      dropout;
  const float* weights;  // LowWeights::down
  lora_tensor  u;        // out, unscaled, by row of the call; f32, bf16 or absent
  float*       low_left; // out: scale * u, as Term wants it
};

// Packs rows [begin, begin + rows.count) of x into `left` and computes each projection's u from the packed tile
// while it is in the cache.
void pack_left(CpuContext& context, const Source& x, std::int64_t begin, const Rows& rows, const LeftLayout& layout,
               float* left, const Down* downs, int count);

// Packs one depth block of one tile into `left` (nullptr: nowhere) and returns where it lies in f32: there, or in
// `scratch` (step * tile_rows floats) where left holds pairs.
const float* pack_block(const Kernels& kernels, const Source& source, std::int64_t row, int rows, std::int64_t tile,
                        std::int64_t from, const LeftLayout& layout, float* left, float* scratch);

// scale * values[rows][rank] placed as rows first.. of low_left.
void place_low(const float* values, int first, int rows, std::int64_t rank, float scale, int height, float* low_left);

void check_pair(const lora_pair& pair, const char* where);
void check_types(const lora_weight& w, lora_dtype activations, const char* where);

// What low_gradients reads for dA: drop(x). And Term::low_row for dx: drop' of the adapter's part.
struct LeftOfA {  // drop(x)
  const Kernels* kernels;
  Source         x;
  Dropout        dropout;
};

struct DropLow {
  const Kernels* kernels;
  Dropout        dropout;
  std::int64_t   begin;  // first row of the product among the rows of the call
};

void read_left_of_a(const void* context, std::int64_t row, std::int32_t group, std::int64_t from, std::int64_t count,
                    float* out);
void drop_low(const void* context, std::int64_t row, std::int32_t group, std::int64_t column, std::int64_t count,
              float* values);

// One of the two gradients of a pair, for every group: acc[c, r] = sum over the group's rows of
// left[row, c] * right[row, r], then added to the gradient.
struct LowGradient {
  enum class Of { kA, kB } of;
  const lora_pair* pair;
  std::int64_t     columns;  // K for A, N for B
  const float*     right;    // [rows][rank]: g for A, u for B
  // Columns from.. of one row of the left side, in f32: drop(x) for A, dy for B.
  void (*read)(const void* context, std::int64_t row, std::int32_t group, std::int64_t from, std::int64_t count,
               float* out);
  const void* read_context;
  // The left side as it lies, where that is f32 and no row is dropped: row i begins at direct + i * columns. Or
  // nullptr.
  const float* direct;
};

// The rows of `source` for LowGradient::direct.
inline const float* direct_rows(const Source& source) {
  return source.type == LORA_F32 && source.index == nullptr ? static_cast<const float*>(source.data) : nullptr;
}

void low_gradients(CpuContext& context, const Groups& groups, const LowGradient* gradients, int count);

}  // namespace lora::cpu
#endif
