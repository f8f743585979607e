// The adapter's side of the products: which rows belong to which adapter, packed rows of activations, products with
// the rank, and the gradients of A and B. Shared by linear.cc and head_loss.cc.
#ifndef LORA_CPU_LINEAR_LOW_H
#define LORA_CPU_LINEAR_LOW_H

#include <cstdint>

#include "abi/backend.h"
#include "cpu/gemm.h"

namespace lora::cpu {

// The distinct adapters of a call, numbered in order of first appearance, and where their rows are. All arrays are
// scratch of the caller's scope.
struct Groups {
  struct Run {  // rows [begin, end) of one adapter
    std::int32_t group;
    std::int64_t begin, end;
  };
  std::int32_t  count;
  std::int32_t* slot;    // [count]
  std::int32_t* of_row;  // [rows]; -1: base weights only
  Run*          runs;
  std::int64_t  run_count;
};

// With `index`, row i of the call is row index[i] of the batch. `adapters` false: every row is in no group.
Groups groups_of(Workspace& workspace, const lora_route& route, std::int64_t rows, const std::int32_t* index,
                 bool adapters);

// Rows [begin, begin + count) of the call as tiles and pieces.
Rows rows_of(Workspace& workspace, const Kernels& kernels, const Groups& groups, std::int64_t begin,
             std::int64_t count);

// Activations [*, columns], f32 or bf16, as a source of rows; with `index`, row i is row index[i] of `data`.
struct Source {
  const void*         data;
  lora_dtype          type;
  std::int64_t        columns;
  const std::int32_t* index;

  std::int64_t row(std::int64_t i) const { return index == nullptr ? i : index[i]; }
};

Source source_of(const lora_tensor& t, const char* where, const std::int32_t* index = nullptr);

// Columns [from, from + count) of `rows` rows from `first` on as a packed f32 tile [count][tile_rows], zero-filled
// below.
void pack_tile(const Kernels& kernels, const Source& source, std::int64_t first, int rows, std::int64_t from,
               std::int64_t count, float* out);

// out[0..count) = columns from.. of one row, widened.
void read_row(const Kernels& kernels, const Source& source, std::int64_t row, std::int64_t from, std::int64_t count,
              float* out);

// A row of f32 values, written in the type of `to` (which may be absent).
void write_row(const Kernels& kernels, const float* from, std::int64_t count, const lora_tensor& to, std::int64_t row);

// Dropout of a pair as the kernels want it.
struct Dropout {
  const lora_pair*  pair;
  const lora_route* route;
  const Groups*     groups;
  const std::int32_t* index;  // as in Source

  bool on(std::int32_t group) const {
    return pair->drop != nullptr && group >= 0 && pair->drop[groups->slot[group]] > 0.0f;
  }
  bool on_any() const {
    for (std::int32_t g = 0; g < groups->count; ++g) {
      if (on(g)) return true;
    }
    return false;
  }
  Drop of(std::int64_t row, std::int32_t group) const;
  float scale(std::int32_t group) const { return static_cast<float>(pair->scale[groups->slot[group]]); }
};

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

void check_pair(const lora_pair& pair, const lora_route& route, const char* where);
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
};
void low_gradients(CpuContext& context, const Groups& groups, const LowGradient* gradients, int count);

}  // namespace lora::cpu
#endif
