// Rows of a call: which adapter each belongs to, how they are cut into tiles, and reading, packing and writing rows
// of activations whatever their type. Shared by linear.cc, linear_low.cc and head_loss.cc.
#ifndef LORA_CPU_LINEAR_ROWS_H
#define LORA_CPU_LINEAR_ROWS_H

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

}  // namespace lora::cpu
#endif
