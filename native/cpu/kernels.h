// The inner loops of the CPU products, one table per instruction set, filled by kernels_<isa>.cc from the same
// sources. linear*.cc and head_loss.cc walk the matrices and call these on pieces that fit the caches.
#ifndef LORA_CPU_KERNELS_H
#define LORA_CPU_KERNELS_H

#include <cstdint>

#include "base/dtype.h"
#include "cpu/isa.h"

namespace lora::cpu {

constexpr int kMostTileRows = 14;
constexpr int kMostTileColumns = 32;
constexpr int kMostWideRows = 4;

// One tile of a product, at most Kernels::tile_rows x Kernels::tile_columns:
//   acc = sum_k a[i,k] b[k,j];  acc += c (if add);  acc += bias[j];  acc += sum_k a2[i,k] b2[k,j];  c = acc
// Each sum runs over k in order, one multiply-add at a time, whatever the tile's size: a row's result does not
// depend on the rows beside it. Row i of a is at a + i: a is packed, its rows side by side for each k.
struct Tile {
  const void*  a;                // f32, or pairs: k and k + 1 as bf16 in 32 bits, k counted two by two
  std::int64_t a_row;            // elements from row to row where a is not packed
  std::int64_t a_step;           // from k to k
  const void*  b;                // f32, bf16 or pairs
  std::int64_t b_step, b_panel;  // from k to k, and from one group of tile_columns to the next
  std::int64_t depth;            // how many k; 0: none
  const float* a2;               // the adapter's part, packed
  std::int64_t a2_step;
  const float* b2;
  std::int64_t b2_step, b2_panel;
  std::int64_t depth2;           // 0: none
  float*       c;
  std::int64_t c_row;
  const float* bias;             // or nullptr
  bool         add;
  int          columns;          // valid ones; b and b2 must be readable up to the tile's full width
};

using TileFn = void (*)(const Tile&);

struct TileSet {
  TileFn rows[kMostTileRows + 1];  // by number of rows, from 1
};

// What a block of one row of logits adds up to.
struct RowPart {
  float        most;  // the largest
  float        exps;  // sum of e^(z - most)
  float        sum;   // sum of z
  std::int32_t at;    // first column of the block that holds the largest
};

// Dropout of one row.
struct Drop {
  std::uint64_t seed;
  std::uint32_t row, site, tick, threshold;
  float         keep;  // lora_drop_keep
};

struct Kernels {
  Isa     isa;
  int     tile_rows, tile_columns;  // of the main product
  int     wide_panels[kMostWideRows + 1];  // by number of rows: how many panels a `wide` tile spans
  bool    has_pairs;                // products of bf16 pairs
  TileSet f32, bf16;                // by type of b; bf16 is widened on the way
  TileSet wide_f32, wide_bf16;
  TileSet pair, wide_pair;
  int     low_columns;              // a narrow tile, for products with an adapter's rank
  TileSet low;

  // out[k * stride + i] = in[i][k] for k < columns; rows past `rows` are 0.
  void (*pack_f32)(const float* const* in, int rows, std::int64_t columns, float* out, int stride);
  void (*pack_bf16)(const lora::bf16* const* in, int rows, std::int64_t columns, float* out, int stride);
  // A packed f32 tile as pairs: out[(k / 2) * stride + i]; an odd last k is paired with 0.
  void (*pack_pairs)(const float* in, std::int64_t columns, std::uint32_t* out, int stride);

  // out[k] = in[k] * (0 or keep) for columns from .. from + count of the row; out may be in.
  void (*drop_row)(const Drop&, const float* in, std::int64_t from, std::int64_t count, float* out);
  void (*widen)(const lora::bf16* in, std::int64_t count, float* out);
  void (*narrow)(const float* in, std::int64_t count, lora::bf16* out);
  void (*add_row)(const float* in, std::int64_t count, float* out);               // out += in
  void (*add_scaled)(const float* in, float by, std::int64_t count, float* out);  // out += by * in
  void (*exp_row)(const float* in, std::int64_t count, float* out);

  // Sums up a block of logits and leaves e^(z - most) in its place. `top`: whether `at` is wanted.
  void (*row_part)(float* z, std::int64_t count, bool top, RowPart* out);
  void (*row_gradient)(float* z, std::int64_t count, float factor, float each);  // z = factor * z - each
};

// Throws kUnsupported when this build or this machine lacks it.
const Kernels& kernels_of(Isa isa);

namespace plain { extern const Kernels kKernels; }
#if defined(__x86_64__)
namespace avx2 { extern const Kernels kKernels; }
namespace avx512 { extern const Kernels kKernels; }
namespace avx512bf16 { extern const Kernels kKernels; }
#endif

}  // namespace lora::cpu
#endif
