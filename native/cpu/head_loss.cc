// Cross-entropy of the head. Only scored rows are multiplied, as many at a time as their logits fit kLogitBytes; a
// block of logits is summed up and replaced by its exponentials while it is in the cache, and becomes the gradient
// of the logits, packed for the next product, in place. docs/math/head_loss.md.
#include "cpu/head_loss.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "cpu/gemm.h"
#include "cpu/linear_low.h"

namespace lora::cpu {
namespace {

constexpr std::int64_t kLogitBytes = std::int64_t{128} << 20;
constexpr std::int64_t kTilesWithoutLogits = 256;  // at a time, when only the loss is wanted
constexpr std::int64_t kColumnsOfBlock = 256;
constexpr std::int64_t kTilesOfBlock = 24;

// Everything that the passes over one call share.
struct Head {
  CpuContext&                context;
  const lora_head_loss_args& args;
  const Kernels&             kernels;
  const std::int32_t*        index;  // scored rows
  std::int64_t               scored;
  Groups                     groups;
  std::int64_t               D, V, rank, block_columns, blocks;
  Source                     x;
  double*                    lse;    // [scored]
  float*                     label_logit;
  float *                    u, *g;  // [scored][rank]
  LowWeights                 forward, backward;

  double weight(std::int64_t row) const {
    const float* w = static_cast<const float*>(args.weight.data);
    return w == nullptr ? 1.0 : w[index[row]];
  }
  std::int32_t label(std::int64_t row) const { return static_cast<const std::int32_t*>(args.labels.data)[index[row]]; }
  std::int64_t columns_of(std::int64_t block) const { return std::min(block_columns, V - block * block_columns); }
};

// The logits of some rows: block after block, tile after tile, [tile_rows][columns of the block] each; later the
// left side of the product with W: [columns of the block][tile_rows] each.
struct Logits {
  std::int64_t begin;  // first row among the scored ones
  Rows         rows;
  float*       z;      // nullptr when only the loss is wanted
  RowPart*     parts;  // [blocks][rows]
  LeftLayout   layout;

  float* at(std::int64_t tile, std::int64_t column) const { return z + layout.at(tile, column); }
};

void forward_blocks(Head& h, Logits& l) {
  const Kernels& kernels = h.kernels;
  const int height = kernels.tile_rows;
  Workspace::Scope scope(h.context.workspace);
  Term term{};
  term.right = right_of(kernels, h.args.w, LORA_USE_FORWARD, "head_loss");
  const LeftLayout left_of_x = left_layout(kernels, term.right, l.rows.tiles);
  float* left = h.context.workspace.take<float>(left_of_x.elements());
  Down down{};
  if (h.rank > 0) {
    lora_tensor u{h.u, {h.scored, h.rank, 1, 1}, 2, LORA_F32};
    down = {h.rank, {&h.args.pair, &h.args.route, &h.groups, h.index}, h.forward.down, u,
            h.context.workspace.take<float>(l.rows.tiles * h.rank * height)};
    term.rank = h.rank;
    term.low_right = h.forward.up;
    term.low_left = down.low_left;
  }
  pack_left(h.context, h.x, l.begin, l.rows, left_of_x, left, &down, 1);
  term.left = left;
  term.left_layout = left_of_x;

  const Product product{l.rows, h.V, &term, 1, nullptr};
  const Cut cut{std::min(l.rows.tiles, kTilesOfBlock), kColumnsOfBlock / kernels.tile_columns};
  const std::int64_t own_z = l.z == nullptr ? cut.tiles * height * h.block_columns : 0;
  const std::int64_t each = block_scratch(kernels) + own_z;
  float* scratch = h.context.workspace.take<float>(each * h.context.pool.threads());
  for_blocks(h.context, &product, &cut, 1, [&](int, const Block& given, int worker) {
    const std::int64_t number = given.panel * kernels.tile_columns / kColumnsOfBlock, columns = h.columns_of(number);
    const std::int64_t first_column = number * h.block_columns;
    float* own = scratch + worker * each;
    Block block = given;
    block.add = false;
    block.c_row = columns;
    block.c_tile = height * columns;
    block.c = l.z == nullptr ? own + block_scratch(kernels) : l.at(given.tile, first_column);
    product_block(kernels, product, block, own);
    for (std::int64_t tile = given.tile; tile < given.tile_end; ++tile) {
      for (std::int64_t i = 0; i < height && tile * height + i < l.rows.count; ++i) {
        const std::int64_t row = tile * height + i, label = h.label(l.begin + row) - first_column;
        float* z = block.c + (tile - given.tile) * block.c_tile + i * columns;
        if (label >= 0 && label < columns) h.label_logit[l.begin + row] = z[label];
        kernels.row_part(z, columns, h.args.row_top1.data != nullptr, l.parts + number * l.rows.count + row);
      }
    }
  });
}

// Joins the blocks of each row, in order, and adds up the losses, row by row.
void join(Head& h, const Logits& l) {
  double *loss_sum = static_cast<double*>(h.args.loss_sum.data), *weight_sum = static_cast<double*>(h.args.weight_sum.data);
  std::int32_t *scored = static_cast<std::int32_t*>(h.args.scored.data), *top1 = static_cast<std::int32_t*>(h.args.row_top1.data);
  float* row_loss = static_cast<float*>(h.args.row_loss.data);
  const double s = h.args.smoothing;
  const std::int64_t last = h.args.loss_sum.shape[0] - 1;
  const lora_route& route = h.args.route;
  std::int32_t segment = 0;
  for (std::int64_t row = 0; row < l.rows.count; ++row) {
    const std::int64_t t = h.index[l.begin + row];
    float most = l.parts[row].most;
    std::int64_t at = l.parts[row].at;
    for (std::int64_t b = 1; b < h.blocks; ++b) {
      const RowPart& part = l.parts[b * l.rows.count + row];
      if (!(part.most > most)) continue;
      most = part.most;
      at = b * h.block_columns + part.at;
    }
    double exps = 0, sum = 0;
    for (std::int64_t b = 0; b < h.blocks; ++b) {
      const RowPart& part = l.parts[b * l.rows.count + row];
      exps += part.exps * std::exp(static_cast<double>(part.most) - most);
      sum += part.sum;
    }
    const double lse = most + std::log(exps);
    const double nll = lse - (1 - s) * h.label_logit[l.begin + row] - s * (sum / static_cast<double>(h.V));
    h.lse[l.begin + row] = lse;
    if (row_loss != nullptr) row_loss[t] = static_cast<float>(nll);
    if (top1 != nullptr) top1[t] = static_cast<std::int32_t>(at);
    while (segment < route.segments && t >= route.begin[segment + 1]) ++segment;
    const std::int32_t slot = segment < route.segments ? route.slot[segment] : -1;
    const std::int64_t entry = slot < 0 ? last : slot;
    loss_sum[entry] += h.weight(l.begin + row) * nll;
    weight_sum[entry] += h.weight(l.begin + row);
    scored[entry] += 1;
  }
}

// One block of a tile from rows to the left side of the next product, in place. `scratch` holds two blocks.
void pack_in_place(const Head& h, const Logits& l, std::int64_t tile, std::int64_t block, int rows, float* scratch) {
  const int height = h.kernels.tile_rows;
  const std::int64_t columns = h.columns_of(block);
  float *z = l.at(tile, block * h.block_columns), *packed = scratch + height * h.block_columns;
  const float* at[kMostTileRows];
  std::memcpy(scratch, z, sizeof(float) * rows * columns);
  for (int i = 0; i < rows; ++i) at[i] = scratch + i * columns;
  h.kernels.pack_f32(at, rows, columns, l.layout.pairs ? packed : z, height);
  if (l.layout.pairs) h.kernels.pack_pairs(packed, columns, reinterpret_cast<std::uint32_t*>(z), height);
}

// z becomes dz = weight * (e^(z - lse) - (1 - s) [label] - s / V), one block of one tile at a time, which `then` gets.
template <class Then>
void logit_gradients(Head& h, const Logits& l, std::int64_t tile, int rows, Then&& then) {
  const double s = h.args.smoothing;
  for (std::int64_t block = 0; block < h.blocks; ++block) {
    const std::int64_t columns = h.columns_of(block), first_column = block * h.block_columns;
    float* z = l.at(tile, first_column);
    for (int i = 0; i < rows; ++i) {
      const std::int64_t at = tile * h.kernels.tile_rows + i, row = l.begin + at, label = h.label(row) - first_column;
      const double weight = h.weight(row);
      const RowPart& part = l.parts[block * l.rows.count + at];
      h.kernels.row_gradient(z + i * columns, columns, static_cast<float>(weight * std::exp(part.most - h.lse[row])),
                             static_cast<float>(weight * s / static_cast<double>(h.V)));
      if (label >= 0 && label < columns) z[i * columns + label] -= static_cast<float>(weight * (1 - s));
    }
    then(block, columns, z);
  }
}

// g = scale * dz B, from one block of dz after another.
struct WayDown {
  Head&  h;
  Logits& l;
  float* packed;  // a block
  float* g;       // [tile_rows][rank]

  void add(std::int64_t tile, std::int64_t block, std::int64_t columns, const float* dz, int rows) {
    const int height = h.kernels.tile_rows;
    const float* at[kMostTileRows];
    for (int i = 0; i < rows; ++i) at[i] = dz + i * columns;
    h.kernels.pack_f32(at, rows, columns, packed, height);
    for (std::int32_t p = l.rows.tile_piece[tile]; p < l.rows.tile_piece[tile + 1]; ++p) {
      const Piece& piece = l.rows.pieces[p];
      if (piece.group < 0) continue;
      low_product(h.kernels, packed + piece.first, height, piece.rows,
                  h.backward.down + (piece.group * h.V + block * h.block_columns) * h.rank, h.rank, columns, block > 0,
                  g + piece.first * h.rank);
    }
  }

  void finish(std::int64_t tile, float* low_left) {
    const int height = h.kernels.tile_rows;
    for (std::int32_t p = l.rows.tile_piece[tile]; p < l.rows.tile_piece[tile + 1]; ++p) {
      const Piece& piece = l.rows.pieces[p];
      if (piece.group < 0) continue;
      const float scale = static_cast<float>(h.args.pair.scale[h.groups.slot[piece.group]]);
      float* out = h.g + (l.begin + tile * height + piece.first) * h.rank;
      for (std::int64_t e = 0; e < piece.rows * h.rank; ++e) out[e] = scale * g[piece.first * h.rank + e];
      place_low(out, piece.first, piece.rows, h.rank, 1.0f, height, low_left + tile * h.rank * height);
    }
  }
};

// Columns of a row of dz, while it still lies in rows: the left side of dB.
void read_dz(const void* context, std::int64_t row, std::int32_t, std::int64_t from, std::int64_t count, float* out) {
  const Logits& l = *static_cast<const Logits*>(context);
  const int height = l.layout.tile_rows;
  const std::int64_t tile = (row - l.begin) / height, i = (row - l.begin) % height;
  for (std::int64_t done = 0; done < count;) {
    const std::int64_t block = (from + done) / l.layout.step * l.layout.step, k = from + done - block;
    const std::int64_t columns = l.layout.depth_of(block), here = std::min(count - done, columns - k);
    std::memcpy(out + done, l.at(tile, block) + i * columns + k, sizeof(float) * here);
    done += here;
  }
}

// The gradients of A and B from these rows: z holds dz, in rows.
void pair_gradients(Head& h, const Logits& l, const Dropout& dropout) {
  Workspace::Scope scope(h.context.workspace);
  Groups here = h.groups;  // the runs of these rows only
  here.runs = h.context.workspace.take<Groups::Run>(h.groups.run_count);
  here.run_count = 0;
  for (std::int64_t i = 0; i < h.groups.run_count; ++i) {
    Groups::Run run = h.groups.runs[i];
    run.begin = std::max(run.begin, l.begin);
    run.end = std::min(run.end, l.begin + l.rows.count);
    if (run.begin < run.end) here.runs[here.run_count++] = run;
  }
  const LeftOfA left_of_a{&h.kernels, h.x, dropout};
  const LowGradient gradients[] = {
      {LowGradient::Of::kA, &h.args.pair, h.D, h.g, read_left_of_a, &left_of_a, nullptr},
      {LowGradient::Of::kB, &h.args.pair, h.V, h.u, read_dz, &l, nullptr},
  };
  low_gradients(h.context, here, gradients, 2);
}

void backward(Head& h, Logits& l) {
  const Kernels& kernels = h.kernels;
  const int height = kernels.tile_rows;
  Workspace& workspace = h.context.workspace;
  Workspace::Scope scope(workspace);
  const bool pair_wanted = h.rank > 0 && h.args.pair.da != nullptr && h.args.pair.db != nullptr;
  float* low_left = h.rank > 0 ? workspace.take<float>(l.rows.tiles * h.rank * height) : nullptr;
  const std::int64_t each = 2 * height * h.block_columns + height * h.rank;
  float* scratch = workspace.take<float>(each * h.context.pool.threads());
  auto tiles = [&](auto&& fn) {
    h.context.pool.parallel_for_dynamic(l.rows.tiles, 1, [&](std::int64_t tile, std::int64_t end, int worker) {
      for (; tile < end; ++tile) {
        fn(tile, static_cast<int>(std::min<std::int64_t>(height, l.rows.count - tile * height)), scratch + worker * each);
      }
    });
  };

  tiles([&](std::int64_t tile, int rows, float* own) {
    WayDown down{h, l, own, own + 2 * height * h.block_columns};
    logit_gradients(h, l, tile, rows, [&](std::int64_t block, std::int64_t columns, const float* dz) {
      if (h.rank > 0) down.add(tile, block, columns, dz, rows);
      if (!pair_wanted) pack_in_place(h, l, tile, block, rows, own);
    });
    if (h.rank > 0) down.finish(tile, low_left);
  });
  const Dropout dropout{&h.args.pair, &h.args.route, &h.groups, h.index};
  if (pair_wanted) {
    pair_gradients(h, l, dropout);
    tiles([&](std::int64_t tile, int rows, float* own) {
      for (std::int64_t block = 0; block < h.blocks; ++block) pack_in_place(h, l, tile, block, rows, own);
    });
  }

  Term term{};
  term.right = right_of(kernels, h.args.w, LORA_USE_DX, "head_loss");
  term.left = l.z;
  term.left_layout = l.layout;
  const DropLow drop{&kernels, dropout, l.begin};
  if (h.rank > 0) {
    term.rank = h.rank;
    term.low_left = low_left;
    term.low_right = h.backward.up;
    if (dropout.on_any()) {
      term.low_row = drop_low;
      term.low_row_context = &drop;
    }
  }
  float* dx = workspace.take<float>(l.rows.count * h.D);
  const Product product{l.rows, h.D, &term, 1, nullptr};
  const Target target{dx, LORA_F32, false};
  multiply(h.context, &product, &target, 1);
  for (std::int64_t row = 0; row < l.rows.count; ++row) {
    write_row(kernels, dx + row * h.D, h.D, h.args.dx, h.index[l.begin + row]);
  }
}

}  // namespace

void head_loss(CpuContext& context, const lora_head_loss_args& args) {
  const Kernels& kernels = context.kernels;
  Workspace& workspace = context.workspace;
  Workspace::Scope scope(workspace);
  const std::int64_t T = args.x.shape[0];
  const std::int32_t* labels = static_cast<const std::int32_t*>(args.labels.data);
  const bool training = args.dx.data != nullptr;

  std::int32_t* index = workspace.take<std::int32_t>(T);
  std::int64_t scored = 0;
  for (std::int64_t t = 0; t < T; ++t) {
    if (labels[t] >= 0) index[scored++] = static_cast<std::int32_t>(t);
  }
  if (args.row_loss.data != nullptr) std::memset(args.row_loss.data, 0, bytes_of(args.row_loss));
  if (args.row_top1.data != nullptr) std::fill_n(static_cast<std::int32_t*>(args.row_top1.data), T, -1);
  if (training && scored < T) std::memset(args.dx.data, 0, bytes_of(args.dx));
  if (scored == 0) return;

  Head h{context, args, kernels, index, scored, {}, 0, 0, 0, 0, 0, source_of(args.x, "head_loss", index),
         nullptr, nullptr, nullptr, nullptr, {}, {}};
  check_types(args.w, h.x.type, "head_loss");
  h.D = h.x.columns;
  h.V = args.w.codes.shape[0];
  h.block_columns = kColumnsOfBlock;
  h.blocks = (h.V + h.block_columns - 1) / h.block_columns;
  const bool adapters = args.pair.a != nullptr && args.pair.rank > 0;
  if (adapters) check_pair(args.pair, "head_loss");
  h.groups = groups_of(workspace, args.route, scored, index, adapters);
  h.rank = h.groups.count > 0 ? args.pair.rank : 0;
  h.lse = workspace.take<double>(scored);
  h.label_logit = workspace.take<float>(scored);
  if (h.rank > 0) {
    h.u = workspace.take<float>(scored * h.rank);
    h.forward = pack_low_forward(context, args.pair, h.groups, h.V, h.D);
    if (training) {
      h.g = workspace.take<float>(scored * h.rank);
      h.backward = pack_low_backward(context, args.pair, h.groups, h.V, h.D, true);
    }
  }

  const std::int64_t tiles = (scored + kernels.tile_rows - 1) / kernels.tile_rows;
  const std::int64_t tile_bytes = static_cast<std::int64_t>(sizeof(float)) * h.V * kernels.tile_rows;
  const std::int64_t room = training ? std::max<std::int64_t>(1, kLogitBytes / tile_bytes) : kTilesWithoutLogits;
  const std::int64_t parts = (tiles + room - 1) / room;
  for (std::int64_t part = 0; part < parts; ++part) {
    const std::int64_t begin = tiles * part / parts * kernels.tile_rows;
    const std::int64_t end = std::min(tiles * (part + 1) / parts * kernels.tile_rows, scored);
    Workspace::Scope part_scope(workspace);
    Logits l{begin, rows_of(workspace, kernels, h.groups, begin, end - begin), nullptr, nullptr, {}};
    const bool pairs = layout_of(kernels, args.w.codes.dtype) == Layout::kPairs;
    l.layout = {l.rows.tiles, h.V, h.block_columns, kernels.tile_rows, pairs, pairs};
    l.parts = workspace.take<RowPart>(h.blocks * l.rows.count);
    if (training) l.z = workspace.take<float>(l.layout.elements());
    forward_blocks(h, l);
    join(h, l);
    if (training) backward(h, l);
  }
}

}  // namespace lora::cpu
