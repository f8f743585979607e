// One blocked product for all frozen weights: packed rows times packed panels, plus the adapter's part, on pieces
// that fit the caches. linear.cc and head_loss.cc prepare the operands; kernels.h has the innermost loops.
//
// Names: a tile is tile_rows rows of the left side, packed [depth][tile_rows]; a panel is tile_columns columns of the
// right side, packed [depth][tile_columns]. Depth is cut into blocks (depth_block); each element of the result is
// the sum of its blocks in order, and a block is one chain of multiply-adds, so a result does not depend on the
// number of threads, on how the work is cut, or on the other rows.
#ifndef LORA_CPU_GEMM_H
#define LORA_CPU_GEMM_H

#include <algorithm>
#include <cstdint>
#include <functional>

#include "abi/types.h"
#include "cpu/context.h"
#include "cpu/kernels.h"

namespace lora::cpu {

// How the elements of a panel lie: a weight's own type, or bf16 two by two along depth.
enum class Layout : std::int32_t { kF32, kBf16, kPairs };

Layout layout_of(const Kernels& kernels, lora_dtype weight);
std::size_t panel_bytes(const Kernels& kernels, Layout layout, std::int64_t depth);
std::int64_t panels_of(const Kernels& kernels, std::int64_t columns);

// A frozen weight as the right side of a product: [depth] x [columns] = W^T (LORA_USE_FORWARD) or W (LORA_USE_DX).
struct Right {
  const lora_weight* weight;
  std::uint32_t      use;
  Layout             layout;
  std::int64_t       depth, columns;
  const char*        panels;  // all of them, or nullptr: to be packed from codes on the way
};

// The same without looking for panels.
Right plain_right(const Kernels& kernels, const lora_weight& weight, std::uint32_t use);

Right right_of(const Kernels& kernels, const lora_weight& weight, std::uint32_t use, const char* where);

// Packs panels [first, last) of `right` from plain codes to `out`, on the calling thread.
void pack_panels(const Kernels& kernels, const Right& right, std::int64_t first, std::int64_t last, char* out);

// Rows of a tile that share an adapter.
struct Piece {
  std::int32_t first, rows;
  std::int32_t group;  // index among the adapters of this call; -1: none
};

// A range of rows, cut into tiles, cut into pieces.
struct Rows {
  std::int64_t        count, tiles;
  const std::int32_t* tile_piece;  // [tiles + 1], index into pieces
  const Piece*        pieces;
};

// The packed left side: depth block after depth block; in a block tile after tile; a tile is [depth of the block]
// [tile_rows] f32, or pairs [half that depth][tile_rows]. So what a task reads of a block is one piece of memory.
struct LeftLayout {
  std::int64_t tiles, depth, step;  // step: depth of all blocks but the last; even
  int          tile_rows;
  bool         pairs;
  bool         roomy;  // pairs, but each tile at the place that f32 would have

  std::int64_t depth_of(std::int64_t from) const { return std::min(step, depth - from); }
  std::int64_t room(std::int64_t count) const { return pairs && !roomy ? (count + 1) / 2 : count; }
  std::int64_t elements() const { return room(depth) * tiles * tile_rows; }  // of 4 bytes
  std::int64_t at(std::int64_t tile, std::int64_t from) const {  // where the tile's block that begins at `from` is
    return (room(from) * tiles + tile * room(depth_of(from))) * tile_rows;
  }
};

// One term of a sum of products: left * right + low_left * low_right.
struct Term {
  const void*  left;
  LeftLayout   left_layout;
  Right        right;
  std::int64_t rank;       // 0: no adapter
  const float* low_left;   // [tiles][rank][tile_rows]
  const float* low_right;  // [groups][panels][rank][tile_columns]
  // When given, the low part is made apart and each of its rows handed to this before it is added: dropout.
  void (*low_row)(const void* context, std::int64_t row, std::int32_t group, std::int64_t column,
                  std::int64_t count, float* values);
  const void*  low_row_context;
};

struct Product {
  Rows         rows;
  std::int64_t columns;
  const Term*  terms;
  int          count;
  const float* bias;  // or nullptr
};

// The depth of a block: blocks of nearly equal depth that the first-level cache holds.
std::int64_t depth_block(std::int64_t depth);

LeftLayout left_layout(const Kernels& kernels, const Right& right, std::int64_t tiles);

// Scratch of one worker for product_block, in floats.
std::int64_t block_scratch(const Kernels& kernels);

// c (+)= the product's tiles [tile, tile_end) x panels [panel, panel_end), on the calling thread. Row i of tile n is
// at c + (n - tile) * c_tile + i * c_row, its first column that of `panel`. Panels of terms that are not packed are
// taken from loose[term], which holds panels from `loose_first` on.
struct Block {
  std::int64_t tile, tile_end, panel, panel_end;
  float*       c;
  std::int64_t c_tile, c_row;
  bool         add;
  const char* const* loose;
  std::int64_t loose_first;
};
void product_block(const Kernels& kernels, const Product& product, const Block& block, float* scratch);

// How a product is cut for the threads: `tiles` tiles x `panels` panels to a task.
struct Cut {
  std::int64_t tiles, panels;
};
Cut cut_of(const CpuContext& context, std::int64_t tiles, std::int64_t panels, std::int64_t depth);

// Calls fn(product, block, worker) for every block of every product, in parallel and in no fixed order; c, c_tile,
// c_row and add of the block are left for fn to fill. Columns are the outer loop, so that threads that run side by
// side read the same panels; plain weights are packed some columns at a time. Every block's `panel` is a multiple of
// its cut's panels.
using BlockFn = std::function<void(int product, const Block& block, int worker)>;
void for_blocks(CpuContext& context, const Product* products, const Cut* cuts, int count, const BlockFn& fn);

// All of it: out = product, or out += product. out is f32 or bf16 [rows, columns].
struct Target {
  void*      out;
  lora_dtype type;
  bool       add;
};
void multiply(CpuContext& context, const Product* products, const Target* targets, int count);

}  // namespace lora::cpu
#endif
