// The linear and its backward pass: operands are packed, then gemm.cc multiplies. docs/math/linear.md has the
// formulas and the order of the passes.
#include "cpu/linear.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "cpu/gemm.h"
#include "cpu/linear_low.h"

namespace lora::cpu {
namespace {

// Rows whose packed copies live at the same time: bounds the scratch of long batches.
constexpr std::int64_t kRowsAtOnce = 2048;

std::int64_t rows_at_once(const Kernels& kernels) { return kRowsAtOnce / kernels.tile_rows * kernels.tile_rows; }

bool has_pair(const lora_pair& pair) { return pair.a != nullptr && pair.rank > 0; }

// Floats (or pairs) of one packed tile.
std::int64_t tile_size(const Kernels& kernels, const Right& right) {
  const std::int64_t steps = right.layout == Layout::kPairs ? (right.depth + 1) / 2 : right.depth;
  return steps * kernels.tile_rows;
}

void check_types(const lora_weight& w, lora_dtype activations, const char* where) {
  if (w.codes.dtype == activations) return;
  throw Error(Code::kUnsupported, where,
              std::string("expected activations and weight of one type, got ") + name_of(activations) + " and " +
                  name_of(w.codes.dtype));
}

void check_pair(const lora_pair& pair, const lora_route& route, const char* where) {
  if (pair.rank % 16 != 0) {
    throw Error(Code::kInvalidArgument, where,
                "expected a rank padded to a multiple of 16, got " + std::to_string(pair.rank));
  }
  if (pair.dtype != LORA_F32 && pair.dtype != LORA_BF16) {
    throw Error(Code::kUnsupported, where, std::string("expected A and B of f32 or bf16, got ") + name_of(pair.dtype));
  }
  if (pair.drop != nullptr && route.row_dev == nullptr) {
    throw Error(Code::kInvalidArgument, where, "expected route.row_dev where dropout is given, got none");
  }
}

template <class Args>
const lora_route& common_route(const Args* same_x, int count, bool* adapters, const char* where) {
  const Args* first = nullptr;
  for (int i = 0; i < count; ++i) {
    if (!has_pair(same_x[i].pair)) continue;
    check_pair(same_x[i].pair, same_x[i].route, where);
    if (first == nullptr) first = &same_x[i];
    else if (first->route.begin != same_x[i].route.begin || first->route.slot != same_x[i].route.slot) {
      throw Error(Code::kInvalidArgument, where, "expected siblings with one route, got several");
    }
  }
  *adapters = first != nullptr;
  return first == nullptr ? same_x[0].route : first->route;
}

void write_row(const Kernels& kernels, const float* from, std::int64_t count, const lora_tensor& to, std::int64_t row) {
  if (to.data == nullptr) return;
  if (to.dtype == LORA_F32) {
    std::copy(from, from + count, static_cast<float*>(to.data) + row * count);
  } else {
    kernels.narrow(from, count, static_cast<bf16*>(to.data) + row * count);
  }
}

// low_left[r][tile_rows] of rows [first, first + rows) of a tile = scale * values[rows][rank].
void place_low(const float* values, int first, int rows, std::int64_t rank, float scale, int height, float* low_left) {
  for (int i = 0; i < rows; ++i) {
    for (std::int64_t r = 0; r < rank; ++r) low_left[r * height + first + i] = scale * values[i * rank + r];
  }
}

}  // namespace

void linear(CpuContext& context, const lora_linear_args* same_x, int count) {
  const std::int64_t all_rows = count > 0 ? same_x[0].x.shape[0] : 0;
  if (all_rows == 0) return;
  const Kernels& kernels = context.kernels;
  const int height = kernels.tile_rows;
  Workspace& workspace = context.workspace;
  Workspace::Scope scope(workspace);

  bool adapters = false;
  const lora_route& route = common_route(same_x, count, &adapters, "linear");
  const Groups groups = groups_of(workspace, route, all_rows, nullptr, adapters);
  const Source x = source_of(same_x[0].x, "linear");
  const std::int64_t K = x.columns;

  std::vector<Term> terms(count);
  std::vector<Product> products(count);
  std::vector<Target> targets(count);
  std::vector<LowWeights> low(count);
  std::vector<Dropout> dropout(count);
  std::vector<char> drops(count);
  std::int64_t most_rank = 0;
  bool any_drop = false;
  for (int i = 0; i < count; ++i) {
    const lora_linear_args& args = same_x[i];
    check_types(args.w, x.type, "linear");
    terms[i] = Term{};
    terms[i].right = right_of(kernels, args.w, LORA_USE_FORWARD, "linear");
    const std::int64_t N = terms[i].right.columns;
    products[i] = Product{{}, N, &terms[i], 1, nullptr};
    targets[i] = Target{&products[i], nullptr, args.y.dtype, false};
    if (args.bias.data != nullptr) {
      float* bias = workspace.take<float>(N);
      read_row(kernels, {args.bias.data, args.bias.dtype, N, nullptr}, 0, 0, N, bias);
      products[i].bias = bias;
    }
    if (!has_pair(args.pair) || groups.count == 0) {
      if (args.u.data != nullptr) std::memset(args.u.data, 0, bytes_of(args.u));
      continue;
    }
    terms[i].rank = args.pair.rank;
    most_rank = std::max<std::int64_t>(most_rank, args.pair.rank);
    low[i] = pack_low_forward(context, args.pair, groups, N, K);
    terms[i].low_right = low[i].up;
    dropout[i] = {&args.pair, &args.route, &groups, nullptr};
    drops[i] = dropout[i].on_any();
    any_drop |= drops[i] != 0;
  }

  const std::int64_t most_rows = std::min(all_rows, rows_at_once(kernels));
  const std::int64_t most_tiles = (most_rows + height - 1) / height, size = tile_size(kernels, terms[0].right);
  const bool pairs = terms[0].right.layout == Layout::kPairs;
  float* left = workspace.take<float>(most_tiles * size);
  std::vector<float*> low_left(count);
  for (int i = 0; i < count; ++i) {
    if (terms[i].rank > 0) low_left[i] = workspace.take<float>(most_tiles * terms[i].rank * height);
  }
  const std::int64_t tile_floats = height * K, u_floats = height * most_rank;
  const std::int64_t scratch_each = (pairs ? tile_floats : 0) + (any_drop ? 2 * tile_floats : 0) + u_floats;
  float* scratch = workspace.take<float>(scratch_each * context.pool.threads());

  for (std::int64_t begin = 0; begin < all_rows; begin += most_rows) {
    Workspace::Scope rows_scope(workspace);
    const Rows rows = rows_of(workspace, kernels, groups, begin, std::min(most_rows, all_rows - begin));
    context.pool.parallel_for_dynamic(rows.tiles, 2, [&](std::int64_t tile, std::int64_t tile_end, int worker) {
      float* u = scratch + worker * scratch_each;
      float* packed = u + u_floats;  // this tile in f32, where `left` has pairs
      float* rows_dropped = packed + (pairs ? tile_floats : 0);
      float* tile_dropped = rows_dropped + tile_floats;
      for (; tile < tile_end; ++tile) {
        const std::int64_t first = begin + tile * height;
        const int valid = static_cast<int>(std::min<std::int64_t>(height, begin + rows.count - first));
        if (!pairs) packed = left + tile * size;
        pack_tile(kernels, x, first, valid, packed);
        if (pairs) kernels.pack_pairs(packed, K, reinterpret_cast<std::uint32_t*>(left) + tile * size, height);
        for (int i = 0; i < count; ++i) {
          const std::int64_t rank = terms[i].rank;
          if (rank == 0) continue;
          for (std::int32_t p = rows.tile_piece[tile]; p < rows.tile_piece[tile + 1]; ++p) {
            const Piece& piece = rows.pieces[p];
            if (piece.group < 0) {
              std::fill(u, u + piece.rows * rank, 0.0f);
            } else {
              const float* source = packed + piece.first;
              if (drops[i] && dropout[i].on(piece.group)) {
                const float* at[kMostTileRows];
                for (int r = 0; r < piece.rows; ++r) {
                  float* row = rows_dropped + r * K;
                  read_row(kernels, x, first + piece.first + r, 0, K, row);
                  kernels.drop_row(dropout[i].of(first + piece.first + r, piece.group), row, 0, K, row);
                  at[r] = row;
                }
                kernels.pack_f32(at, piece.rows, K, tile_dropped, height);
                source = tile_dropped;
              }
              low_product(kernels, source, height, piece.rows, low[i].down + piece.group * K * rank, rank, K, u);
              place_low(u, piece.first, piece.rows, rank, static_cast<float>(same_x[i].pair.scale[groups.slot[piece.group]]), height,
                        low_left[i] + tile * rank * height);
            }
            for (int r = 0; r < piece.rows; ++r) {
              write_row(kernels, u + r * rank, rank, same_x[i].u, first + piece.first + r);
            }
          }
        }
      }
    });
    for (int i = 0; i < count; ++i) {
      terms[i].left = left;
      terms[i].low_left = low_left[i];
      products[i].rows = rows;
      targets[i].out = static_cast<char*>(same_x[i].y.data) +
                       begin * products[i].columns * static_cast<std::int64_t>(size_of(same_x[i].y.dtype));
    }
    multiply(context, targets.data(), count);
  }
}

namespace {

struct LeftOfA {  // drop(x)
  const Kernels* kernels;
  Source         x;
  Dropout        dropout;
};

void read_left_of_a(const void* context, std::int64_t row, std::int32_t group, std::int64_t from, std::int64_t count,
                    float* out) {
  const LeftOfA& left = *static_cast<const LeftOfA*>(context);
  read_row(*left.kernels, left.x, row, from, count, out);
  if (left.dropout.on(group)) left.kernels->drop_row(left.dropout.of(row, group), out, from, count, out);
}

struct LeftOfB {  // dy
  const Kernels* kernels;
  Source         dy;
};

void read_left_of_b(const void* context, std::int64_t row, std::int32_t, std::int64_t from, std::int64_t count,
                    float* out) {
  const LeftOfB& left = *static_cast<const LeftOfB*>(context);
  read_row(*left.kernels, left.dy, row, from, count, out);
}

struct DropLow {  // drop' on the adapter's part of dx
  const Kernels* kernels;
  Dropout        dropout;
  std::int64_t   begin;  // first row of the product among the rows of the call
};

void drop_low(const void* context, std::int64_t row, std::int32_t group, std::int64_t column, std::int64_t count,
              float* values) {
  const DropLow& d = *static_cast<const DropLow*>(context);
  if (d.dropout.on(group)) {
    d.kernels->drop_row(d.dropout.of(d.begin + row, group), values, column, count, values);
  }
}

}  // namespace

void linear_bwd(CpuContext& context, const lora_linear_bwd_args* same_x, int count) {
  const std::int64_t all_rows = count > 0 ? same_x[0].dy.shape[0] : 0;
  if (all_rows == 0) return;
  const Kernels& kernels = context.kernels;
  const int height = kernels.tile_rows;
  Workspace& workspace = context.workspace;
  Workspace::Scope scope(workspace);

  bool adapters = false;
  const lora_route& route = common_route(same_x, count, &adapters, "linear_bwd");
  const Groups groups = groups_of(workspace, route, all_rows, nullptr, adapters);

  std::vector<Term> terms(count);
  std::vector<Source> dy(count);
  std::vector<LowWeights> low(count);
  std::vector<float*> g(count), left(count), low_left(count);
  std::vector<DropLow> drop(count);
  const std::int64_t most_rows = std::min(all_rows, rows_at_once(kernels));
  const std::int64_t most_tiles = (most_rows + height - 1) / height;
  std::int64_t widest = 0, most_rank = 0;
  bool pairs = false;
  for (int i = 0; i < count; ++i) {
    const lora_linear_bwd_args& args = same_x[i];
    const std::int64_t N = args.w.codes.shape[0], K = args.w.codes.shape[1];
    const bool dx = args.dx.data != nullptr;
    dy[i] = source_of(args.dy, "linear_bwd");
    check_types(args.w, dy[i].type, "linear_bwd");
    terms[i] = Term{};
    if (dx) {
      terms[i].right = right_of(kernels, args.w, LORA_USE_DX, "linear_bwd");
      left[i] = workspace.take<float>(most_tiles * tile_size(kernels, terms[i].right));
      pairs |= terms[i].right.layout == Layout::kPairs;
    }
    widest = std::max(widest, N);
    if (!has_pair(args.pair) || groups.count == 0) continue;
    const std::int64_t rank = args.pair.rank;
    most_rank = std::max(most_rank, rank);
    terms[i].rank = rank;
    low[i] = pack_low_backward(context, args.pair, groups, N, K, dx);
    terms[i].low_right = low[i].up;
    g[i] = workspace.take<float>(all_rows * rank);
    if (dx) low_left[i] = workspace.take<float>(most_tiles * rank * height);
    drop[i] = {&kernels, {&args.pair, &args.route, &groups, nullptr}, 0};
    if (drop[i].dropout.on_any()) {
      terms[i].low_row = drop_low;
      terms[i].low_row_context = &drop[i];
    }
  }

  // Siblings that share dx are one sum of products.
  std::vector<Term> sum_terms;
  std::vector<int> sum_of(count, -1);  // which target each argument adds to
  std::vector<Product> products;
  std::vector<Target> targets;
  std::vector<char*> outs;
  sum_terms.reserve(count);
  products.reserve(count);
  for (int i = 0; i < count; ++i) {
    if (same_x[i].dx.data == nullptr || sum_of[i] >= 0) continue;
    const int sum = static_cast<int>(products.size());
    const std::size_t first = sum_terms.size();
    for (int j = i; j < count; ++j) {
      if (same_x[j].dx.data != same_x[i].dx.data) continue;
      if (j > i && same_x[j].dx_write == LORA_OVERWRITE) {
        throw Error(Code::kInvalidArgument, "linear_bwd",
                    "expected LORA_ADD for every sibling but the first that shares dx, got LORA_OVERWRITE");
      }
      sum_of[j] = sum;
      sum_terms.push_back(terms[j]);
    }
    products.push_back({{}, same_x[i].dx.shape[1], sum_terms.data() + first,
                        static_cast<int>(sum_terms.size() - first), nullptr});
    targets.push_back({nullptr, nullptr, same_x[i].dx.dtype, same_x[i].dx_write == LORA_ADD});
    outs.push_back(static_cast<char*>(same_x[i].dx.data));
  }

  const std::int64_t scratch_each = widest * height + most_rank * height;
  float* scratch = workspace.take<float>(scratch_each * context.pool.threads());
  for (std::int64_t begin = 0; begin < all_rows; begin += most_rows) {
    Workspace::Scope rows_scope(workspace);
    const Rows rows = rows_of(workspace, kernels, groups, begin, std::min(most_rows, all_rows - begin));
    context.pool.parallel_for_dynamic(rows.tiles, 2, [&](std::int64_t tile, std::int64_t tile_end, int worker) {
      float* values = scratch + worker * scratch_each;
      float* own = values + most_rank * height;
      for (; tile < tile_end; ++tile) {
        const std::int64_t first = begin + tile * height;
        const int valid = static_cast<int>(std::min<std::int64_t>(height, begin + rows.count - first));
        for (int i = 0; i < count; ++i) {
          const std::int64_t rank = terms[i].rank, N = dy[i].columns;
          if (left[i] == nullptr && rank == 0) continue;
          const bool in_place = left[i] != nullptr && !pairs;
          float* packed = in_place ? left[i] + tile * tile_size(kernels, terms[i].right) : own;
          pack_tile(kernels, dy[i], first, valid, packed);
          if (left[i] != nullptr && !in_place) {
            kernels.pack_pairs(packed, N, reinterpret_cast<std::uint32_t*>(left[i]) +
                                              tile * tile_size(kernels, terms[i].right), height);
          }
          for (std::int32_t p = rows.tile_piece[tile]; rank > 0 && p < rows.tile_piece[tile + 1]; ++p) {
            const Piece& piece = rows.pieces[p];
            if (piece.group < 0) continue;
            low_product(kernels, packed + piece.first, height, piece.rows, low[i].down + piece.group * N * rank, rank,
                        N, values);
            const float scale = static_cast<float>(same_x[i].pair.scale[groups.slot[piece.group]]);
            float* out = g[i] + (first + piece.first) * rank;
            for (std::int64_t e = 0; e < piece.rows * rank; ++e) out[e] = scale * values[e];
            if (low_left[i] != nullptr) {
              place_low(out, piece.first, piece.rows, rank, 1.0f, height, low_left[i] + tile * rank * height);
            }
          }
        }
      }
    });
    for (int i = 0, next = 0; i < static_cast<int>(products.size()); ++i) {
      products[i].rows = rows;
      targets[i].product = &products[i];
      targets[i].out = outs[i] + begin * products[i].columns * static_cast<std::int64_t>(size_of(targets[i].type));
      for (int j = 0; j < count; ++j) {
        if (sum_of[j] != i) continue;
        drop[j].begin = begin;
        sum_terms[next].left = left[j];
        sum_terms[next++].low_left = low_left[j];
      }
    }
    if (!targets.empty()) multiply(context, targets.data(), static_cast<int>(targets.size()));
  }

  std::vector<LowGradient> gradients;
  std::vector<LeftOfA> left_of_a(count);
  std::vector<LeftOfB> left_of_b(count);
  for (int i = 0; i < count; ++i) {
    const lora_linear_bwd_args& args = same_x[i];
    if (terms[i].rank == 0 || args.pair.da == nullptr || args.pair.db == nullptr) continue;
    const float* u = static_cast<const float*>(args.u.data);
    if (args.u.dtype == LORA_BF16) {
      float* wide = workspace.take<float>(all_rows * terms[i].rank);
      kernels.widen(static_cast<const bf16*>(args.u.data), all_rows * terms[i].rank, wide);
      u = wide;
    }
    left_of_a[i] = {&kernels, source_of(args.x, "linear_bwd"), {&args.pair, &args.route, &groups, nullptr}};
    left_of_b[i] = {&kernels, dy[i]};
    gradients.push_back({LowGradient::Of::kA, &args.pair, args.x.shape[1], g[i], read_left_of_a, &left_of_a[i]});
    gradients.push_back({LowGradient::Of::kB, &args.pair, dy[i].columns, u, read_left_of_b, &left_of_b[i]});
  }
  low_gradients(context, groups, gradients.data(), static_cast<int>(gradients.size()));
}

}  // namespace lora::cpu
