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

template <class Args>
const lora_route& common_route(const Args* same_x, int count, bool* adapters, const char* where) {
  const Args* first = nullptr;
  for (int i = 0; i < count; ++i) {
    if (!has_pair(same_x[i].pair)) continue;
    check_pair(same_x[i].pair, where);
    if (first == nullptr) first = &same_x[i];
    else if (first->route.begin != same_x[i].route.begin || first->route.slot != same_x[i].route.slot) {
      throw Error(Code::kInvalidArgument, where, "expected siblings with one route, got several");
    }
  }
  *adapters = first != nullptr;
  return first == nullptr ? same_x[0].route : first->route;
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

  std::vector<Term> terms(count);
  std::vector<Product> products(count);
  std::vector<Target> targets(count);
  std::vector<Down> downs(count);
  const std::int64_t most_rows = std::min(all_rows, rows_at_once(kernels));
  const std::int64_t most_tiles = (most_rows + height - 1) / height;
  for (int i = 0; i < count; ++i) {
    const lora_linear_args& args = same_x[i];
    check_types(args.w, x.type, "linear");
    terms[i] = Term{};
    downs[i] = Down{};
    terms[i].right = right_of(kernels, args.w, LORA_USE_FORWARD, "linear");
    const std::int64_t N = terms[i].right.columns;
    products[i] = Product{{}, N, &terms[i], 1, nullptr};
    targets[i] = Target{nullptr, args.y.dtype, false};
    if (args.bias.data != nullptr) {
      float* bias = workspace.take<float>(N);
      read_row(kernels, {args.bias.data, args.bias.dtype, N, nullptr}, 0, 0, N, bias);
      products[i].bias = bias;
    }
    if (!has_pair(args.pair) || groups.count == 0) {
      if (args.u.data != nullptr) std::memset(args.u.data, 0, bytes_of(args.u));
      continue;
    }
    const std::int64_t rank = args.pair.rank;
    const LowWeights low = pack_low_forward(context, args.pair, groups, N, x.columns);
    downs[i] = {rank, {&args.pair, &args.route, &groups, nullptr}, low.down, args.u,
                workspace.take<float>(most_tiles * rank * height)};
    terms[i].rank = rank;
    terms[i].low_right = low.up;
    terms[i].low_left = downs[i].low_left;
  }
  float* left = workspace.take<float>(left_layout(kernels, terms[0].right, most_tiles).elements());

  for (std::int64_t begin = 0; begin < all_rows; begin += most_rows) {
    Workspace::Scope rows_scope(workspace);
    const Rows rows = rows_of(workspace, kernels, groups, begin, std::min(most_rows, all_rows - begin));
    const LeftLayout layout = left_layout(kernels, terms[0].right, rows.tiles);
    pack_left(context, x, begin, rows, layout, left, downs.data(), count);
    for (int i = 0; i < count; ++i) {
      terms[i].left = left;
      terms[i].left_layout = layout;
      products[i].rows = rows;
      targets[i].out = static_cast<char*>(same_x[i].y.data) +
                       begin * products[i].columns * static_cast<std::int64_t>(size_of(same_x[i].y.dtype));
    }
    multiply(context, products.data(), targets.data(), count);
  }
}

namespace {

struct LeftOfB {  // dy
  const Kernels* kernels;
  Source         dy;
};

void read_left_of_b(const void* context, std::int64_t row, std::int32_t, std::int64_t from, std::int64_t count,
                    float* out) {
  const LeftOfB& left = *static_cast<const LeftOfB*>(context);
  read_row(*left.kernels, left.dy, row, from, count, out);
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
  std::int64_t most_step = 0, most_rank = 0;
  for (int i = 0; i < count; ++i) {
    const lora_linear_bwd_args& args = same_x[i];
    const std::int64_t N = args.w.codes.shape[0], K = args.w.codes.shape[1];
    const bool dx = args.dx.data != nullptr;
    dy[i] = source_of(args.dy, "linear_bwd");
    check_types(args.w, dy[i].type, "linear_bwd");
    terms[i] = Term{};
    if (dx) {
      terms[i].right = right_of(kernels, args.w, LORA_USE_DX, "linear_bwd");
      left[i] = workspace.take<float>(left_layout(kernels, terms[i].right, most_tiles).elements());
    }
    most_step = std::max(most_step, depth_block(N));
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
    targets.push_back({nullptr, same_x[i].dx.dtype, same_x[i].dx_write == LORA_ADD});
    outs.push_back(static_cast<char*>(same_x[i].dx.data));
  }

  const std::int64_t scratch_each = (most_step + most_rank) * height;
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
          const Right right = plain_right(kernels, same_x[i].w, LORA_USE_DX);
          const LeftLayout layout = left_layout(kernels, right, rows.tiles);
          for (std::int64_t from = 0; from < N; from += layout.step) {
            const float* packed = pack_block(kernels, dy[i], first, valid, tile, from, layout, left[i], own);
            for (std::int32_t p = rows.tile_piece[tile]; rank > 0 && p < rows.tile_piece[tile + 1]; ++p) {
              const Piece& piece = rows.pieces[p];
              if (piece.group < 0) continue;
              low_product(kernels, packed + piece.first, height, piece.rows,
                          low[i].down + (piece.group * N + from) * rank, rank, std::min(layout.step, N - from),
                          from > 0, values + piece.first * rank);
            }
          }
          for (std::int32_t p = rows.tile_piece[tile]; rank > 0 && p < rows.tile_piece[tile + 1]; ++p) {
            const Piece& piece = rows.pieces[p];
            if (piece.group < 0) continue;
            const float scale = static_cast<float>(same_x[i].pair.scale[groups.slot[piece.group]]);
            float* out = g[i] + (first + piece.first) * rank;
            for (std::int64_t e = 0; e < piece.rows * rank; ++e) out[e] = scale * values[piece.first * rank + e];
            if (low_left[i] != nullptr) {
              place_low(out, piece.first, piece.rows, rank, 1.0f, height, low_left[i] + tile * rank * height);
            }
          }
        }
      }
    });
    for (int i = 0, next = 0; i < static_cast<int>(products.size()); ++i) {
      products[i].rows = rows;
      targets[i].out = outs[i] + begin * products[i].columns * static_cast<std::int64_t>(size_of(targets[i].type));
      for (int j = 0; j < count; ++j) {
        if (sum_of[j] != i) continue;
        drop[j].begin = begin;
        sum_terms[next].left = left[j];
        sum_terms[next].left_layout = left_layout(kernels, sum_terms[next].right, rows.tiles);
        sum_terms[next++].low_left = low_left[j];
      }
    }
    if (!targets.empty()) multiply(context, products.data(), targets.data(), static_cast<int>(targets.size()));
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
    gradients.push_back({LowGradient::Of::kA, &args.pair, args.x.shape[1], g[i], read_left_of_a, &left_of_a[i],
                         left_of_a[i].dropout.on_any() ? nullptr : direct_rows(left_of_a[i].x)});
    gradients.push_back({LowGradient::Of::kB, &args.pair, dy[i].columns, u, read_left_of_b, &left_of_b[i],
                         direct_rows(dy[i])});
  }
  low_gradients(context, groups, gradients.data(), static_cast<int>(gradients.size()));
}

}  // namespace lora::cpu
