// The walk through tiles, panels and depth blocks, and how it is shared among threads.
#include "cpu/gemm.h"

#include <algorithm>
#include <vector>

namespace lora::cpu {
namespace {

// Depth of a block: a panel of it (24 KB in f32) stays in the first-level cache while the tiles pass.
constexpr std::int64_t kMostDepth = 384;
// Tiles of a task: with a depth block they fill about half of a 512 KB second-level cache.
constexpr std::int64_t kMostTiles = 24;
constexpr std::int64_t kMostPanels = 8;
constexpr std::int64_t kFewestPanels = 4;
// From this many tiles on, a bf16 panel is widened once for all of them.
constexpr std::int64_t kWidenFrom = 3;
// Panels packed on the way, at most so many bytes at a time.
constexpr std::int64_t kLooseBytes = 4 << 20;

std::int64_t up(std::int64_t x, std::int64_t to) { return (x + to - 1) / to; }

struct Walk {
  const Kernels& kernels;
  const Product& product;
  const Block&   block;
  float*         widened;  // one depth block of one panel in f32

  float* c_of(std::int64_t tile, std::int64_t panel) const {
    return block.c + (tile - block.tile) * block.c_tile + (panel - block.panel) * kernels.tile_columns;
  }
  int rows_of(std::int64_t tile) const {
    return static_cast<int>(std::min<std::int64_t>(kernels.tile_rows, product.rows.count - tile * kernels.tile_rows));
  }
  int columns_of(std::int64_t panel, int panels) const {
    return static_cast<int>(std::min<std::int64_t>(panels * kernels.tile_columns,
                                                   product.columns - panel * kernels.tile_columns));
  }
  const char* panel_of(int term, std::int64_t panel) const {
    const Right& right = product.terms[term].right;
    const std::size_t bytes = panel_bytes(kernels, right.layout, right.depth);
    return right.panels != nullptr ? right.panels + panel * bytes
                                   : block.loose[term] + (panel - block.loose_first) * bytes;
  }

  // The adapter's part of one tile on top of what is in c: each piece by itself.
  void low(const Term& term, std::int64_t tile, std::int64_t panel, int columns) const {
    const int height = kernels.tile_rows, width = kernels.tile_columns;
    float apart[kMostTileRows * kMostTileColumns];
    for (std::int32_t p = product.rows.tile_piece[tile]; p < product.rows.tile_piece[tile + 1]; ++p) {
      const Piece& piece = product.rows.pieces[p];
      if (piece.group < 0) continue;
      float* c = c_of(tile, panel) + piece.first * block.c_row;
      Tile t{};
      t.a2 = term.low_left + tile * term.rank * height + piece.first;
      t.a2_step = height;
      t.b2 = low_right(term, piece.group, panel);
      t.b2_step = width;
      t.depth2 = term.rank;
      t.c = term.low_row == nullptr ? c : apart;
      t.c_row = term.low_row == nullptr ? block.c_row : width;
      t.add = term.low_row == nullptr;
      t.columns = columns;
      kernels.f32.rows[piece.rows](t);
      for (int i = 0; term.low_row != nullptr && i < piece.rows; ++i) {
        term.low_row(term.low_row_context, tile * height + piece.first + i, piece.group, panel * width, columns,
                     apart + i * width);
        kernels.add_row(apart + i * width, columns, c + i * block.c_row);
      }
    }
  }

  const float* low_right(const Term& term, std::int32_t group, std::int64_t panel) const {
    return term.low_right + (group * panels_of(kernels, product.columns) + panel) * term.rank * kernels.tile_columns;
  }

  void depth_range(int term_index, std::int64_t from, std::int64_t count, bool add, bool last_of_term,
                   bool last) const {
    const Term& term = product.terms[term_index];
    const int height = kernels.tile_rows, width = kernels.tile_columns;
    const bool pairs = term.right.layout == Layout::kPairs;
    const std::int64_t first = pairs ? from / 2 : from, steps = pairs ? up(count, 2) : count;
    const std::int64_t all_steps = pairs ? up(term.right.depth, 2) : term.right.depth;
    const std::int64_t tiles = block.tile_end - block.tile;
    const bool low_here = last_of_term && term.rank > 0;
    const int wide = tiles == 1 && rows_of(block.tile) <= kMostWideRows ? kernels.wide_panels[rows_of(block.tile)] : 1;
    const std::size_t step_bytes = static_cast<std::size_t>(width) * (term.right.layout == Layout::kBf16 ? 2 : 4);
    const std::int64_t low_panel = term.rank * width, low_group = panels_of(kernels, product.columns) * low_panel;
    const bool widen = term.right.layout == Layout::kBf16 && tiles >= kWidenFrom;

    const char* left = static_cast<const char*>(term.left) + term.left_layout.at(0, from) * 4;
    const std::int64_t left_tile = (term.left_layout.at(1, from) - term.left_layout.at(0, from)) * 4;

    for (std::int64_t panel = block.panel; panel < block.panel_end;) {
      const bool whole_wide = wide > 1 && panel + wide <= block.panel_end && (panel + wide) * width <= product.columns;
      const int panels = whole_wide ? wide : 1;
      const TileSet* set = term.right.layout == Layout::kF32    ? (whole_wide ? &kernels.wide_f32 : &kernels.f32)
                           : term.right.layout == Layout::kBf16 ? (whole_wide ? &kernels.wide_bf16 : &kernels.bf16)
                                                                : (whole_wide ? &kernels.wide_pair : &kernels.pair);
      Tile t{};
      t.b = panel_of(term_index, panel) + first * step_bytes;
      if (widen) {
        kernels.widen(static_cast<const bf16*>(t.b), count * width, widened);
        t.b = widened;
        set = &kernels.f32;
      }
      t.b_step = width;
      t.b_panel = all_steps * width;
      t.depth = steps;
      t.a_step = height;
      t.a2_step = height;
      t.b2_step = width;
      t.b2_panel = low_panel;
      t.c_row = block.c_row;
      t.bias = last && product.bias != nullptr ? product.bias + panel * width : nullptr;
      t.add = add;
      t.columns = columns_of(panel, panels);
      for (std::int64_t tile = block.tile; tile < block.tile_end; ++tile) {
        const std::int32_t piece = product.rows.tile_piece[tile];
        const bool one_piece = product.rows.tile_piece[tile + 1] - piece == 1;
        const std::int32_t group = product.rows.pieces[piece].group;
        const bool fused = low_here && one_piece && group >= 0 && term.low_row == nullptr;
        t.a = left + tile * left_tile;
        t.c = c_of(tile, panel);
        t.depth2 = fused ? term.rank : 0;
        if (fused) {
          t.a2 = term.low_left + tile * term.rank * height;
          t.b2 = term.low_right + group * low_group + panel * low_panel;
        }
        set->rows[rows_of(tile)](t);
        if (low_here && !fused && !(one_piece && group < 0)) {
          for (int p = 0; p < panels; ++p) low(term, tile, panel + p, columns_of(panel + p, 1));
        }
      }
      panel += panels;
    }
  }
};

}  // namespace

std::int64_t depth_block(std::int64_t depth) {
  const std::int64_t blocks = std::max<std::int64_t>(1, up(depth, kMostDepth));
  return up(up(depth, blocks), 4) * 4;  // even, for pairs
}

LeftLayout left_layout(const Kernels& kernels, const Right& right, std::int64_t tiles) {
  return {tiles, right.depth, depth_block(right.depth), kernels.tile_rows, right.layout == Layout::kPairs, false};
}

std::int64_t block_scratch(const Kernels& kernels) { return kMostDepth * kernels.tile_columns; }

void product_block(const Kernels& kernels, const Product& product, const Block& block, float* scratch) {
  const Walk walk{kernels, product, block, scratch};
  bool add = block.add;
  for (int term = 0; term < product.count; ++term) {
    const std::int64_t depth = product.terms[term].right.depth, step = product.terms[term].left_layout.step;
    for (std::int64_t from = 0; from < depth; from += step) {
      const bool last_of_term = from + step >= depth;
      walk.depth_range(term, from, std::min(step, depth - from), add, last_of_term,
                       last_of_term && term + 1 == product.count);
      add = true;
    }
  }
}

Cut cut_of(const CpuContext& context, std::int64_t tiles, std::int64_t panels, std::int64_t depth) {
  const std::int64_t threads = context.pool.threads();
  std::int64_t tile_blocks = up(tiles, kMostTiles);
  if (tile_blocks > 1) tile_blocks = up(tile_blocks, threads) * threads;
  Cut cut{up(tiles, tile_blocks), std::min(panels, kMostPanels)};
  // Enough tasks for the threads, but none below some tens of microseconds.
  const std::int64_t smallest = 1 << 18;
  auto tasks = [&] { return up(tiles, cut.tiles) * up(panels, cut.panels); };
  auto work = [&] { return cut.tiles * context.kernels.tile_rows * cut.panels * context.kernels.tile_columns * depth; };
  while (tasks() < 8 * threads && cut.panels > kFewestPanels && work() > 2 * smallest) {
    cut.panels = up(cut.panels, 2 * kFewestPanels) * kFewestPanels;
  }
  while (tasks() < 2 * threads && cut.tiles > 2 && work() > 2 * smallest) cut.tiles = up(cut.tiles, 2);
  return cut;
}

namespace {

struct Task {
  int   product;
  Block block;
};

std::size_t bytes_of_panel(const Kernels& kernels, const Right& right) {
  return panel_bytes(kernels, right.layout, right.depth);
}

bool all_packed(const Product& product) {
  return std::all_of(product.terms, product.terms + product.count, [](const Term& t) { return t.right.panels; });
}

void add_tasks(std::vector<Task>& tasks, int index, const Product& product, const Cut& cut, std::int64_t panel,
               std::int64_t panel_end, const char* const* loose) {
  const std::int64_t tile_blocks = up(product.rows.tiles, cut.tiles);
  for (std::int64_t p = panel; p < panel_end; p += cut.panels) {
    for (std::int64_t b = 0; b < tile_blocks; ++b) {
      Task task{index, {}};
      task.block.tile = product.rows.tiles * b / tile_blocks;
      task.block.tile_end = product.rows.tiles * (b + 1) / tile_blocks;
      task.block.panel = p;
      task.block.panel_end = std::min(p + cut.panels, panel_end);
      task.block.loose = loose;
      task.block.loose_first = panel;
      tasks.push_back(task);
    }
  }
}

}  // namespace

void for_blocks(CpuContext& context, const Product* products, const Cut* cuts, int count, const BlockFn& fn) {
  const Kernels& kernels = context.kernels;
  std::vector<Task> tasks;
  auto run_tasks = [&] {
    context.pool.parallel_for_dynamic(static_cast<std::int64_t>(tasks.size()), 1,
                                      [&](std::int64_t i, std::int64_t end, int worker) {
                                        for (; i < end; ++i) fn(tasks[i].product, tasks[i].block, worker);
                                      });
    tasks.clear();
  };

  for (int i = 0; i < count; ++i) {
    if (!all_packed(products[i])) continue;
    add_tasks(tasks, i, products[i], cuts[i], 0, panels_of(kernels, products[i].columns), nullptr);
  }
  run_tasks();

  for (int i = 0; i < count; ++i) {
    const Product& product = products[i];
    if (all_packed(product)) continue;
    std::int64_t bytes = 0;
    for (int t = 0; t < product.count; ++t) {
      if (product.terms[t].right.panels == nullptr) bytes += bytes_of_panel(kernels, product.terms[t].right);
    }
    Workspace::Scope scope(context.workspace);
    const std::int64_t panels = panels_of(kernels, product.columns);
    const std::int64_t step = std::max<std::int64_t>(1, kLooseBytes / bytes / cuts[i].panels) * cuts[i].panels;
    std::vector<char*> loose(product.count);
    for (int t = 0; t < product.count; ++t) {
      const Right& right = product.terms[t].right;
      if (right.panels != nullptr) continue;
      loose[t] = context.workspace.take<char>(std::min(step, panels) * bytes_of_panel(kernels, right));
    }
    for (std::int64_t panel = 0; panel < panels; panel += step) {
      const std::int64_t panel_end = std::min(panel + step, panels);
      for (int t = 0; t < product.count; ++t) {
        const Right& right = product.terms[t].right;
        if (right.panels != nullptr) continue;
        context.pool.parallel_for_dynamic(panel_end - panel, 4, [&](std::int64_t begin, std::int64_t end, int) {
          pack_panels(kernels, right, panel + begin, panel + end, loose[t] + begin * bytes_of_panel(kernels, right));
        });
      }
      add_tasks(tasks, i, product, cuts[i], panel, panel_end, loose.data());
      run_tasks();
    }
  }
}

void multiply(CpuContext& context, const Product* products, const Target* targets, int count) {
  const Kernels& kernels = context.kernels;
  Workspace::Scope scope(context.workspace);
  std::vector<Cut> cuts;
  std::int64_t scratch_c = 0;  // of a block whose target is bf16
  for (int i = 0; i < count; ++i) {
    const Product& product = products[i];
    cuts.push_back(cut_of(context, product.rows.tiles, panels_of(kernels, product.columns),
                          product.terms[0].right.depth));
    if (targets[i].type != LORA_F32) {
      scratch_c = std::max(scratch_c, cuts[i].tiles * kernels.tile_rows * cuts[i].panels * kernels.tile_columns);
    }
  }
  const std::int64_t each = block_scratch(kernels) + scratch_c;
  float* scratch = context.workspace.take<float>(each * context.pool.threads());

  for_blocks(context, products, cuts.data(), count, [&](int i, const Block& cut, int worker) {
    const Product& product = products[i];
    float *own = scratch + worker * each, *c = own + block_scratch(kernels);
    const std::int64_t column = cut.panel * kernels.tile_columns, row = cut.tile * kernels.tile_rows;
    const std::int64_t columns = std::min(cut.panel_end * kernels.tile_columns, product.columns) - column;
    const std::int64_t rows = std::min(cut.tile_end * kernels.tile_rows, product.rows.count) - row;
    const std::int64_t at = row * product.columns + column;
    const bool direct = targets[i].type == LORA_F32;
    Block block = cut;
    block.add = targets[i].add;
    block.c = direct ? static_cast<float*>(targets[i].out) + at : c;
    block.c_row = direct ? product.columns : columns;
    block.c_tile = kernels.tile_rows * block.c_row;
    if (direct) return product_block(kernels, product, block, own);
    bf16* out = static_cast<bf16*>(targets[i].out) + at;
    for (std::int64_t r = 0; block.add && r < rows; ++r) {
      kernels.widen(out + r * product.columns, columns, c + r * columns);
    }
    product_block(kernels, product, block, own);
    for (std::int64_t r = 0; r < rows; ++r) kernels.narrow(c + r * columns, columns, out + r * product.columns);
  });
}

}  // namespace lora::cpu
