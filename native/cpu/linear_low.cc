// The small products with an adapter's rank, and the pass that packs rows and takes them down at once.
#include "cpu/linear_low.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace lora::cpu {
namespace {

// Rows of a low gradient that are summed at a time, and columns of a task.
constexpr std::int64_t kRowsAtOnce = 256;
constexpr std::int64_t kTilesOfTask = 16;
// Columns (or rows) of A and B that are packed at a time.
constexpr std::int64_t kStrip = 256;

const char* slab_of(const lora_pair& pair, const void* base, std::int32_t slot) {
  return static_cast<const char*>(base) + static_cast<std::int64_t>(slot) * pair.slot_stride *
                                              static_cast<std::int64_t>(size_of(pair.dtype));
}

Source matrix(const lora_pair& pair, const void* base, std::int32_t slot, std::int64_t columns) {
  return {slab_of(pair, base, slot), pair.dtype, columns, nullptr};
}

// out[column - from][stride] = columns [from, from + count) of rows [first, first + rows): a transposed strip.
void pack_transposed(const Kernels& kernels, const Source& source, std::int64_t first, std::int64_t rows,
                     std::int64_t from, std::int64_t count, int stride, float* out) {
  std::vector<const void*> at(rows);
  for (std::int64_t j = 0; j < rows; ++j) {
    at[j] = static_cast<const char*>(source.data) +
            ((first + j) * source.columns + from) * static_cast<std::int64_t>(size_of(source.type));
  }
  const int valid = static_cast<int>(rows);
  if (source.type == LORA_F32) {
    kernels.pack_f32(reinterpret_cast<const float* const*>(at.data()), valid, count, out, stride);
  } else {
    kernels.pack_bf16(reinterpret_cast<const bf16* const*>(at.data()), valid, count, out, stride);
  }
}

}  // namespace

void check_types(const lora_weight& w, lora_dtype activations, const char* where) {
  if (w.codes.dtype == activations) return;
  throw Error(Code::kUnsupported, where,
              std::string("expected activations and weight of one type, got ") + name_of(activations) + " and " +
                  name_of(w.codes.dtype));
}

void check_pair(const lora_pair& pair, const char* where) {
  if (pair.rank % 16 != 0) {
    throw Error(Code::kInvalidArgument, where,
                "expected a rank padded to a multiple of 16, got " + std::to_string(pair.rank));
  }
  if (pair.dtype != LORA_F32 && pair.dtype != LORA_BF16) {
    throw Error(Code::kUnsupported, where, std::string("expected A and B of f32 or bf16, got ") + name_of(pair.dtype));
  }
}

void low_product(const Kernels& kernels, const float* a, std::int64_t a_step, int rows, const float* b,
                 std::int64_t rank, std::int64_t depth, bool add, float* out) {
  Tile t{};
  t.a = a;
  t.a_step = a_step;
  t.b_step = rank;
  t.depth = depth;
  t.c_row = rank;
  t.add = add;
  t.columns = kernels.low_columns;
  for (std::int64_t r = 0; r < rank; r += kernels.low_columns) {
    t.b = b + r;
    t.c = out + r;
    kernels.low.rows[rows](t);
  }
}

void place_low(const float* values, int first, int rows, std::int64_t rank, float scale, int height, float* low_left) {
  for (int i = 0; i < rows; ++i) {
    for (std::int64_t r = 0; r < rank; ++r) low_left[r * height + first + i] = scale * values[i * rank + r];
  }
}

const float* pack_block(const Kernels& kernels, const Source& source, std::int64_t row, int rows, std::int64_t tile,
                        std::int64_t from, const LeftLayout& layout, float* left, float* scratch) {
  const std::int64_t count = layout.depth_of(from);
  float* place = left == nullptr ? nullptr : left + layout.at(tile, from);
  float* packed = place == nullptr || layout.pairs ? scratch : place;
  pack_tile(kernels, source, row, rows, from, count, packed);
  if (place != packed && place != nullptr) {
    kernels.pack_pairs(packed, count, reinterpret_cast<std::uint32_t*>(place), kernels.tile_rows);
  }
  return packed;
}

void pack_left(CpuContext& context, const Source& x, std::int64_t begin, const Rows& rows, const LeftLayout& layout,
               float* left, const Down* downs, int count) {
  const Kernels& kernels = context.kernels;
  const int height = kernels.tile_rows;
  const std::int64_t K = x.columns, block_floats = height * layout.step;
  std::int64_t all_ranks = 0;
  for (int i = 0; i < count; ++i) all_ranks += downs[i].rank;
  Workspace::Scope scope(context.workspace);
  const std::int64_t each = height * all_ranks + 3 * block_floats;
  float* scratch = context.workspace.take<float>(each * context.pool.threads());

  context.pool.parallel_for_dynamic(rows.tiles, 2, [&](std::int64_t tile, std::int64_t tile_end, int worker) {
    float *all_u = scratch + worker * each, *own = all_u + height * all_ranks;
    float *dropped_rows = own + block_floats, *dropped = dropped_rows + block_floats;
    for (; tile < tile_end; ++tile) {
      const std::int64_t first = begin + tile * height;
      const int valid = static_cast<int>(std::min<std::int64_t>(height, rows.count - tile * height));
      const Piece *piece = rows.pieces + rows.tile_piece[tile], *pieces_end = rows.pieces + rows.tile_piece[tile + 1];
      for (std::int64_t from = 0; from < K; from += layout.step) {
        const std::int64_t depth = layout.depth_of(from);
        const float* packed = pack_block(kernels, x, first, valid, tile, from, layout, left, own);
        float* u = all_u;
        for (const Down* down = downs; down != downs + count; u += height * down->rank, ++down) {
          for (const Piece* p = piece; down->rank > 0 && p != pieces_end; ++p) {
            if (p->group < 0) continue;
            const float* source = packed + p->first;
            if (down->dropout.on(p->group)) {
              const float* at[kMostTileRows];
              for (int r = 0; r < p->rows; ++r) {
                float* row = dropped_rows + r * layout.step;
                read_row(kernels, x, first + p->first + r, from, depth, row);
                kernels.drop_row(down->dropout.of(first + p->first + r, p->group), row, from, depth, row);
                at[r] = row;
              }
              kernels.pack_f32(at, p->rows, depth, dropped, height);
              source = dropped;
            }
            low_product(kernels, source, height, p->rows, down->weights + (p->group * K + from) * down->rank,
                        down->rank, depth, from > 0, u + p->first * down->rank);
          }
        }
      }
      float* u = all_u;
      for (const Down* down = downs; down != downs + count; u += height * down->rank, ++down) {
        for (const Piece* p = piece; down->rank > 0 && p != pieces_end; ++p) {
          float* of_piece = u + p->first * down->rank;
          if (p->group < 0) {
            std::fill(of_piece, of_piece + p->rows * down->rank, 0.0f);
          } else {
            place_low(of_piece, p->first, p->rows, down->rank, down->dropout.scale(p->group), height,
                      down->low_left + tile * down->rank * height);
          }
          for (int r = 0; r < p->rows; ++r) {
            write_row(kernels, of_piece + r * down->rank, down->rank, down->u, first + p->first + r);
          }
        }
      }
    }
  });
}

LowWeights pack_low_forward(CpuContext& context, const lora_pair& pair, const Groups& groups, std::int64_t n,
                            std::int64_t k) {
  const Kernels& kernels = context.kernels;
  const std::int64_t rank = pair.rank, panels = panels_of(kernels, n), width = kernels.tile_columns;
  LowWeights low{context.workspace.take<float>(groups.count * k * rank),
                 context.workspace.take<float>(groups.count * panels * rank * width)};
  const std::int64_t downs = (k + kStrip - 1) / kStrip, each = downs + panels;
  context.pool.parallel_for_dynamic(groups.count * each, 64, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t group = i / each, part = i % each;
      const std::int32_t slot = groups.slot[group];
      if (part < downs) {
        const std::int64_t from = part * kStrip;
        pack_transposed(kernels, matrix(pair, pair.a, slot, k), 0, rank, from, std::min(kStrip, k - from),
                        static_cast<int>(rank), low.down + (group * k + from) * rank);
      } else {
        const std::int64_t panel = part - downs, first = panel * width;
        pack_transposed(kernels, matrix(pair, pair.b, slot, rank), first, std::min(width, n - first), 0, rank,
                        static_cast<int>(width), low.up + (group * panels + panel) * rank * width);
      }
    }
  });
  return low;
}

LowWeights pack_low_backward(CpuContext& context, const lora_pair& pair, const Groups& groups, std::int64_t n,
                             std::int64_t k, bool up) {
  const Kernels& kernels = context.kernels;
  const std::int64_t rank = pair.rank, panels = panels_of(kernels, k), width = kernels.tile_columns;
  LowWeights low{context.workspace.take<float>(groups.count * n * rank),
                 up ? context.workspace.take<float>(groups.count * panels * rank * width) : nullptr};
  const std::int64_t downs = (n + kStrip - 1) / kStrip, each = downs + (up ? panels : 0);
  context.pool.parallel_for_dynamic(groups.count * each, 32, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t group = i / each, part = i % each;
      const std::int32_t slot = groups.slot[group];
      if (part < downs) {
        const std::int64_t first = part * kStrip, rows = std::min(kStrip, n - first);
        const Source b{slab_of(pair, pair.b, slot), pair.dtype, rank * rows, nullptr};
        read_row(kernels, {static_cast<const char*>(b.data) + first * rank * static_cast<std::int64_t>(size_of(b.type)),
                           b.type, rank * rows, nullptr},
                 0, 0, rank * rows, low.down + (group * n + first) * rank);
      } else {
        const std::int64_t panel = part - downs, first = panel * width, valid = std::min(width, k - first);
        const Source a = matrix(pair, pair.a, slot, k);
        float* out = low.up + (group * panels + panel) * rank * width;
        for (std::int64_t r = 0; r < rank; ++r) {
          read_row(kernels, a, r, first, valid, out + r * width);
          std::fill(out + r * width + valid, out + (r + 1) * width, 0.0f);
        }
      }
    }
  });
  return low;
}

void read_left_of_a(const void* context, std::int64_t row, std::int32_t group, std::int64_t from, std::int64_t count,
                    float* out) {
  const LeftOfA& left = *static_cast<const LeftOfA*>(context);
  read_row(*left.kernels, left.x, row, from, count, out);
  if (left.dropout.on(group)) left.kernels->drop_row(left.dropout.of(row, group), out, from, count, out);
}

void drop_low(const void* context, std::int64_t row, std::int32_t group, std::int64_t column, std::int64_t count,
              float* values) {
  const DropLow& d = *static_cast<const DropLow*>(context);
  if (d.dropout.on(group)) {
    d.kernels->drop_row(d.dropout.of(d.begin + row, group), values, column, count, values);
  }
}

void low_gradients(CpuContext& context, const Groups& groups, const LowGradient* gradients, int count) {
  const Kernels& kernels = context.kernels;
  const std::int64_t height = kernels.tile_rows, strip = height * kTilesOfTask;
  std::int64_t most_rank = 0, all = 0;
  auto strips_of = [&](const LowGradient& g) { return (g.columns + strip - 1) / strip; };
  for (int i = 0; i < count; ++i) {
    most_rank = std::max<std::int64_t>(most_rank, gradients[i].pair->rank);
    all += strips_of(gradients[i]) * groups.count;
  }
  if (all == 0) return;
  Workspace::Scope scope(context.workspace);
  const std::int64_t left_size = kRowsAtOnce * strip, sums_size = strip * most_rank;
  float* scratch = context.workspace.take<float>((left_size + sums_size) * context.pool.threads());

  auto run = [&](const LowGradient& g, std::int32_t group, std::int64_t from, float* left, float* sums) {
    const std::int64_t rank = g.pair->rank, columns = std::min(strip, g.columns - from);
    bool add = false;
    for (std::int64_t i = 0; i < groups.run_count; ++i) {
      const Groups::Run& rows = groups.runs[i];
      if (rows.group != group) continue;
      for (std::int64_t begin = rows.begin; begin < rows.end; begin += kRowsAtOnce) {
        const std::int64_t depth = std::min(kRowsAtOnce, rows.end - begin);
        const float* rows_left = left;
        if (g.direct != nullptr) rows_left = g.direct + begin * g.columns + from;
        for (std::int64_t t = 0; g.direct == nullptr && t < depth; ++t) {
          g.read(g.read_context, begin + t, group, from, columns, left + t * strip);
        }
        Tile tile{};
        tile.a_step = g.direct != nullptr ? g.columns : strip;
        tile.b_step = rank;
        tile.depth = depth;
        tile.c_row = rank;
        tile.add = add;
        tile.columns = kernels.low_columns;
        for (std::int64_t c = 0; c < columns; c += height) {
          tile.a = rows_left + c;
          for (std::int64_t r = 0; r < rank; r += kernels.low_columns) {
            tile.b = g.right + begin * rank + r;
            tile.c = sums + c * rank + r;
            kernels.low.rows[std::min(height, columns - c)](tile);
          }
        }
        add = true;
      }
    }
    const std::int32_t slot = groups.slot[group];
    if (g.of == LowGradient::Of::kA) {
      float* da = static_cast<float*>(g.pair->da) + slot * g.pair->slot_stride + from;
      for (std::int64_t r = 0; r < rank; ++r) {
        for (std::int64_t c = 0; c < columns; ++c) da[r * g.columns + c] += sums[c * rank + r];
      }
    } else {
      float* db = static_cast<float*>(g.pair->db) + slot * g.pair->slot_stride + from * rank;
      kernels.add_scaled(sums, static_cast<float>(g.pair->scale[slot]), columns * rank, db);
    }
  };

  context.pool.parallel_for_dynamic(all, 1, [&](std::int64_t begin, std::int64_t end, int worker) {
    float* left = scratch + worker * (left_size + sums_size);
    for (std::int64_t task = begin; task < end; ++task) {
      std::int64_t rest = task;
      for (int i = 0; i < count; ++i) {
        const std::int64_t here = strips_of(gradients[i]) * groups.count;
        if (rest >= here) {
          rest -= here;
          continue;
        }
        run(gradients[i], static_cast<std::int32_t>(rest / strips_of(gradients[i])),
            rest % strips_of(gradients[i]) * strip, left, left + left_size);
        break;
      }
    }
  });
}

}  // namespace lora::cpu
