// The linear with adapters, forward and backward: chooses between the Hopper path and the portable one, lays out the
// parts of a launch, and runs down, main and grad in order. docs/math/linear.md has the formulas.
#include "common/launch.h"
#include "common/tensor_map.h"
#include "entries.h"
#include "linear/any.h"
#include "linear/back.cuh"
#include "linear/down.cuh"
#include "linear/grad.cuh"
#include "linear/main_sm90.cuh"

namespace lora::cuda {
namespace {

bool aligned(const void* data) { return reinterpret_cast<std::uintptr_t>(data) % 16 == 0; }

// What the copy engine and the 16-byte copies need of a product's operands.
bool fast(const lora_device* device, const lora_weight& w, const lora_pair& pair) {
  if (device->major != 9 || w.codes.dtype != LORA_BF16 || w.block != 0) return false;
  if (w.codes.shape[0] % 8 != 0 || w.codes.shape[1] % 8 != 0 || !aligned(w.codes.data)) return false;
  if (pair.a == nullptr) return true;
  return pair.dtype == LORA_BF16 && pair.rank % 16 == 0 && pair.slot_stride % 8 == 0 && aligned(pair.a) && aligned(pair.b);
}

// A route for calls that have none: all rows on the base weights.
struct PlainRoute {
  int32_t begin[2], slot[1] = {-1};
  lora_route route{};
  explicit PlainRoute(std::int64_t tokens) {
    begin[0] = 0, begin[1] = static_cast<int32_t>(tokens);
    route.begin = begin, route.slot = slot, route.segments = 1;
  }
};

int slots_of(const lora_route& route) {
  int slots = 1;
  for (int i = 0; i < route.segments; ++i) slots = std::max(slots, route.slot[i] + 1);
  return slots;
}

// Runs work(rows) for pieces of the route of at most kMaxSegments segments, cut into tiles of `tile_rows`.
template <class Work>
void each_piece(const lora_route& route, int tile_rows, Work&& work) {
  RowTiles rows;
  for (int i = 0; i < route.segments;) {
    i = cut_rows(route, i, tile_rows, rows);
    if (rows.tiles > 0) work(rows);
  }
}

template <class Kernel>
void allow_shared(Kernel kernel, int bytes) {
  LORA_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
}

// Columns of the adapter's side that one thin block takes.
template <class Work>
void with_thin_columns(int rank, Work&& work) {
  if (rank <= 16) work(std::integral_constant<int, 16>{});
  else if (rank <= 32) work(std::integral_constant<int, 32>{});
  else if (rank <= 48) work(std::integral_constant<int, 48>{});
  else work(std::integral_constant<int, 64>{});
}

template <bool kTransposed>
void launch_down(lora_stream* stream, DownArgs& args, int parts) {
  // Side by side only where that is still one block wide.
  bool together = parts > 1 && parts * args.rank <= 64;
  for (int p = 0; p < parts; ++p) together = together && args.part[p].x == args.part[0].x && args.part[p].width == args.part[0].width;

  args.together = together ? parts : 1;
  const int columns = args.together * args.rank;
  with_thin_columns(columns, [&](auto thin) {
    constexpr int kN = thin.value;
    const auto kernel = linear_down_kernel<kN, kTransposed>;
    constexpr int kBytes = DownShared<kN, kTransposed>::kBytes;
    allow_shared(kernel, kBytes);
    // Cut by width alone, so that a row's bits do not depend on how many rows there are.
    int narrowest = args.part[0].width;
    for (int p = 1; p < parts; ++p) narrowest = std::min(narrowest, args.part[p].width);
    const unsigned blocks = narrowest >= 2048 ? 4 : narrowest >= 1024 ? 2 : 1;
    cudaLaunchAttribute attribute{};
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = blocks, attribute.val.clusterDim.y = 1, attribute.val.clusterDim.z = 1;
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(static_cast<unsigned>(args.rows.tiles) * blocks, static_cast<unsigned>(ceil_div(columns, kN)),
                          static_cast<unsigned>(together ? 1 : parts));
    config.blockDim = dim3(kThinThreads);
    config.dynamicSmemBytes = kBytes;
    config.stream = stream->handle;
    config.attrs = &attribute, config.numAttrs = 1;
    LORA_CUDA(cudaLaunchKernelEx(&config, kernel, args));
  });
}

// The wider tile unless the narrower one fills the last wave so much better that it wins.
bool wide_tile(std::int64_t row_tiles, std::int64_t columns, int units) {
  const double wide = static_cast<double>(ceil_div(row_tiles * ceil_div(columns, 256), units));
  const double narrow = 0.55 * static_cast<double>(ceil_div(row_tiles * ceil_div(columns, 128), units));
  return wide <= narrow;
}

template <bool kBackward, bool kDrop = false>
void launch_main(lora_stream* stream, MainArgs& args) {
  std::int64_t columns = 0;
  for (int p = 0; p < (kBackward ? 1 : args.parts); ++p) columns += args.part[p].columns;
  const auto launch = [&](auto tile) {
    constexpr int kTileN = tile.value;
    args.column_tiles = 0;
    for (int p = 0; p < (kBackward ? 1 : args.parts); ++p) {
      args.part[p].first = args.column_tiles;
      args.column_tiles += static_cast<int>(ceil_div(args.part[p].columns, kTileN));
    }
    const auto launch_cluster = [&](auto blocks) {
      constexpr int kCluster = blocks.value;
      const auto kernel = linear_main_sm90_kernel<kTileN, kBackward, kCluster, kDrop>;
      allow_shared(kernel, MainShared<kTileN>::kBytes);
      const std::int64_t sets = ceil_div(args.rows.tiles, kCluster) * args.column_tiles;
      cudaLaunchAttribute attribute{};
      attribute.id = cudaLaunchAttributeClusterDimension;
      attribute.val.clusterDim.x = kCluster, attribute.val.clusterDim.y = 1, attribute.val.clusterDim.z = 1;
      cudaLaunchConfig_t config{};
      config.gridDim = dim3(static_cast<unsigned>(stream->device->units / kCluster * kCluster));
      config.blockDim = dim3(kMainThreads);
      config.dynamicSmemBytes = MainShared<kTileN>::kBytes;
      config.stream = stream->handle;
      config.attrs = &attribute, config.numAttrs = 1;
      // Not every multiprocessor finds a partner; a cluster that has to wait for a place would run alone at the end.
      int resident = 0;
      LORA_CUDA(cudaOccupancyMaxActiveClusters(&resident, kernel, &config));
      config.gridDim.x = static_cast<unsigned>(std::min<std::int64_t>(sets, resident) * kCluster);
      LORA_CUDA(cudaLaunchKernelEx(&config, kernel, args));
    };
    if (args.rows.tiles > 1) launch_cluster(std::integral_constant<int, 2>{});
    else launch_cluster(std::integral_constant<int, 1>{});
  };
  if (wide_tile(args.rows.tiles, columns, stream->device->units)) launch(std::integral_constant<int, 256>{});
  else launch(std::integral_constant<int, 128>{});
}

// The maps of one part; `box` is half the width of the column tile that launch_main will choose.
void forward_maps(MainPart& part, const lora_linear_args& call, const bf16* scaled, int slots, int box) {
  const std::int64_t tokens = call.x.shape[0], k = call.w.codes.shape[1], n = call.w.codes.shape[0], r = call.pair.rank;
  part.left = tensor_map(call.x.data, k, tokens, 1, k, tokens * k, kTileK, kTileM);
  part.right = tensor_map(call.w.codes.data, k, n, 1, k, n * k, kTileK, box);
  part.store = tensor_map(call.y.data, n, tokens, 1, n, tokens * n, 64, 64);
  if (call.pair.a == nullptr) return;
  part.left_border = tensor_map(scaled, r, tokens, 1, r, tokens * r, kTileK, kTileM);
  part.right_border = tensor_map(call.pair.b, r, n, slots, r, call.pair.slot_stride, kTileK, box);
}

void backward_maps(MainPart& part, const lora_linear_bwd_args& call, const bf16* g, int slots) {
  const std::int64_t tokens = call.dy.shape[0], n = call.dy.shape[1], k = call.w.codes.shape[1], r = call.pair.rank;
  part.left = tensor_map(call.dy.data, n, tokens, 1, n, tokens * n, kTileK, kTileM);
  part.right = tensor_map(call.w.codes.data, k, n, 1, k, n * k, 64, kTileK);
  part.store = tensor_map(call.dx.data, k, tokens, 1, k, tokens * k, 64, 64);
  if (g == nullptr) return;
  part.left_border = tensor_map(g, r, tokens, 1, r, tokens * r, kTileK, kTileM);
  part.right_border = tensor_map(call.pair.a, k, r, slots, k, call.pair.slot_stride, 64, kTileK);
}

void forward_fast(lora_stream* stream, const lora_linear_args* calls, int count) {
  const std::int64_t tokens = calls[0].x.shape[0];
  Workspace workspace(stream->device);
  const PlainRoute plain(tokens);
  const lora_route& route = calls[0].route.segments > 0 ? calls[0].route : plain.route;
  const int slots = slots_of(route);
  bf16* scaled[kMaxParts] = {};
  DownArgs down{};
  int downs = 0;
  for (int i = 0; i < count; ++i) {
    const lora_linear_args& call = calls[i];
    if (call.pair.a == nullptr) continue;
    scaled[i] = workspace.take<bf16>(static_cast<std::size_t>(tokens) * call.pair.rank);
    down.part[downs++] = DownPart{ptr<bf16>(call.x), static_cast<bf16*>(call.pair.a), ptr<bf16>(call.u), scaled[i], call.pair.drop,
                                  call.pair.streams, call.pair.scale, call.pair.site, static_cast<int>(call.x.shape[1])};
    down.row = route.row_dev, down.slot_stride = call.pair.slot_stride, down.rank = call.pair.rank;
  }
  if (downs > 0) {
    each_piece(route, kThinRows, [&](const RowTiles& rows) {
      down.rows = rows;
      launch_down<false>(stream, down, downs);
    });
  }
  std::int64_t columns = 0;
  for (int i = 0; i < count; ++i) columns += calls[i].y.shape[1];
  each_piece(route, kTileM, [&](const RowTiles& rows) {
    MainArgs args{};
    args.rows = rows, args.parts = count, args.slots = slots;
    const int box = wide_tile(rows.tiles, columns, stream->device->units) ? 128 : 64;  // half a column tile
    for (int i = 0; i < count; ++i) {
      MainPart& part = args.part[i];
      part.out = ptr<bf16>(calls[i].y), part.bias = ptr<bf16>(calls[i].bias), part.columns = static_cast<int>(calls[i].y.shape[1]);
      part.steps = static_cast<int>(ceil_div(calls[i].x.shape[1], kTileK)), part.rank = scaled[i] != nullptr ? calls[i].pair.rank : 0;
      forward_maps(part, calls[i], scaled[i], slots, box);
    }
    launch_main<false>(stream, args);
  });
}

// dA (from x and g) or dB (from dy and u) of all parts of one route.
template <bool kFlip>
void launch_grad(lora_stream* stream, const lora_route& route, GradArgs& args, int parts) {
  std::int64_t columns = 0;
  for (int p = 0; p < parts; ++p) columns = std::max<std::int64_t>(columns, args.part[p].columns);
  each_piece(route, kGradRows, [&](const RowTiles& rows) {
    Workspace workspace(stream->device);
    args.rows = rows;
    for (int p = 0; p < parts; ++p) {
      args.part[p].partial = workspace.take<float>(static_cast<std::size_t>(rows.tiles) * args.part[p].columns * args.rank);
    }
    bool together = parts > 1 && parts * args.rank <= 64;
    for (int p = 0; p < parts; ++p) together = together && args.part[p].wide == args.part[0].wide;
    args.together = together ? parts : 1;
    const int thin_columns = args.together * args.rank;
    with_thin_columns(thin_columns, [&](auto thin) {
      constexpr int kN = thin.value;
      const auto kernel = linear_grad_kernel<kN>;
      allow_shared(kernel, GradShared<kN>::kBytes);
      const dim3 grid(static_cast<unsigned>(ceil_div(columns, kGradColumns)), static_cast<unsigned>(rows.tiles),
                      static_cast<unsigned>((together ? 1 : parts) * ceil_div(thin_columns, kN)));
      kernel<<<grid, kThinThreads, GradShared<kN>::kBytes, stream->handle>>>(args);
      LORA_LAUNCHED("linear_grad");
    });
    const dim3 grid(stride_blocks(columns * args.rank, 256, stream->device, 4), static_cast<unsigned>(parts));
    linear_grad_sum_kernel<kFlip><<<grid, 256, 0, stream->handle>>>(args);
    LORA_LAUNCHED("linear_grad_sum");
  });
}

// g and dB of all parts in one pass over their dy. `down` and `db` describe them to the kernels that this replaces.
template <int kR>
void launch_back(lora_stream* stream, const lora_route& route, std::int64_t tokens, const DownArgs& down, GradArgs& db, int parts) {
  Workspace workspace(stream->device);
  BackArgs args{};
  args.parts = parts, args.tokens = tokens, args.slot_stride = down.slot_stride;
  std::int64_t columns = 0;
  for (int p = 0; p < parts; ++p) {
    const GradPart& of = db.part[p];
    args.part[p] = BackPart{of.wide, down.part[p].matrix, of.thin, down.part[p].out, nullptr, nullptr, of.scale, of.columns, args.blocks};
    const int blocks = static_cast<int>(ceil_div(of.columns, kBackColumns));
    args.part[p].g_part = workspace.take<float>(static_cast<std::size_t>(blocks) * tokens * kR);
    args.blocks += blocks;
    columns = std::max<std::int64_t>(columns, of.columns);
  }
  allow_shared(linear_back_kernel<kR>, BackShared<kR>::kBytes);
  each_piece(route, kGradRows, [&](const RowTiles& rows) {
    Workspace piece(stream->device);
    args.rows = db.rows = rows;
    for (int p = 0; p < parts; ++p) {
      db.part[p].partial = args.part[p].db_part = piece.take<float>(static_cast<std::size_t>(rows.tiles) * db.part[p].columns * kR);
    }
    const dim3 grid(static_cast<unsigned>(args.blocks), static_cast<unsigned>(rows.tiles));
    linear_back_kernel<kR><<<grid, kThinThreads, BackShared<kR>::kBytes, stream->handle>>>(args);
    LORA_LAUNCHED("linear_back");
    const dim3 sums(stride_blocks(columns * kR, 256, stream->device, 4), static_cast<unsigned>(parts));
    linear_grad_sum_kernel<false><<<sums, 256, 0, stream->handle>>>(db);
    LORA_LAUNCHED("linear_grad_sum");
  });
  each_piece(route, kThinRows, [&](const RowTiles& rows) {
    args.rows = rows;
    linear_back_sum_kernel<kR><<<dim3(static_cast<unsigned>(rows.tiles), static_cast<unsigned>(parts)), 256, 0, stream->handle>>>(args);
    LORA_LAUNCHED("linear_back_sum");
  });
}

void backward_fast(lora_stream* stream, const lora_linear_bwd_args* calls, int count) {
  const std::int64_t tokens = calls[0].dy.shape[0];
  Workspace workspace(stream->device);
  const PlainRoute plain(tokens);
  const lora_route& route = calls[0].route.segments > 0 ? calls[0].route : plain.route;
  const int slots = slots_of(route);
  bf16* g[kMaxParts] = {};
  DownArgs down{};
  GradArgs da{}, db{};
  int adapters = 0, trained = 0;
  const lora_pair* dropping = nullptr;
  for (int i = 0; i < count; ++i) {
    const lora_linear_bwd_args& call = calls[i];
    const lora_pair& pair = call.pair;
    if (pair.a == nullptr) continue;
    const int n = static_cast<int>(call.dy.shape[1]), k = static_cast<int>(call.w.codes.shape[1]);
    g[i] = workspace.take<bf16>(static_cast<std::size_t>(tokens) * pair.rank);
    down.part[adapters] = DownPart{ptr<bf16>(call.dy), static_cast<bf16*>(pair.b), g[i], nullptr, nullptr, {}, pair.scale, 0, n};
    if (pair.drop != nullptr) dropping = &pair;
    if (pair.da != nullptr) {
      da.part[trained] = GradPart{ptr<bf16>(call.x), g[i], nullptr, static_cast<float*>(pair.da), nullptr, pair.drop, pair.streams, pair.site, k};
      db.part[trained] = GradPart{ptr<bf16>(call.dy), ptr<bf16>(call.u), nullptr, static_cast<float*>(pair.db), pair.scale, nullptr, {}, 0, n};
      ++trained;
    }
    ++adapters;
    down.slot_stride = da.slot_stride = db.slot_stride = pair.slot_stride;
    down.rank = da.rank = db.rank = pair.rank;
  }
  down.row = da.row = db.row = route.row_dev;
  // Both read dy: one pass where all siblings train and the sums of g are not too many.
  std::size_t sums = 0;
  for (int p = 0; p < trained; ++p) {
    const std::int64_t chunks = tokens / kGradRows + 1 + std::min(kMaxSegments, route.segments);
    sums += (static_cast<std::size_t>(ceil_div(db.part[p].columns, kBackColumns) * tokens + chunks * db.part[p].columns) * db.rank + 128) * 4;
  }
  const bool one_pass = adapters > 0 && trained == adapters && (db.rank == 16 || db.rank == kBackRank) && sums <= workspace.left();
  if (one_pass && db.rank == 16) launch_back<16>(stream, route, tokens, down, db, adapters);
  else if (one_pass) launch_back<kBackRank>(stream, route, tokens, down, db, adapters);
  if (adapters > 0 && !one_pass) {
    each_piece(route, kThinRows, [&](const RowTiles& rows) {
      down.rows = rows;
      launch_down<true>(stream, down, adapters);
    });
  }
  if (calls[0].dx.data != nullptr) {
    const int k = static_cast<int>(calls[0].w.codes.shape[1]);
    each_piece(route, kTileM, [&](const RowTiles& rows) {
      MainArgs args{};
      args.rows = rows, args.parts = count, args.slots = slots, args.dx = ptr<bf16>(calls[0].dx);
      args.add = calls[0].dx_write == LORA_ADD;
      if (dropping != nullptr) args.drop = dropping->drop, args.streams = dropping->streams, args.site = dropping->site, args.row = route.row_dev;
      for (int i = 0; i < count; ++i) {
        MainPart& part = args.part[i];
        part.columns = k, part.steps = static_cast<int>(ceil_div(calls[i].dy.shape[1], kTileK));
        part.rank = g[i] != nullptr ? calls[i].pair.rank : 0;
        backward_maps(part, calls[i], g[i], slots);
      }
      if (dropping != nullptr) launch_main<true, true>(stream, args);
      else launch_main<true>(stream, args);
    });
  }
  if (trained > 0) {
    launch_grad<true>(stream, route, da, trained);
    if (!one_pass) launch_grad<false>(stream, route, db, trained);
  }
}

}  // namespace

namespace {

// Siblings of one launch lie in one slab, have one rank, and drop the same elements of their input.
template <class Call>
bool one_slab(const Call* calls, int count) {
  const lora_pair* first = nullptr;
  for (int i = 0; i < count; ++i) {
    const lora_pair& pair = calls[i].pair;
    if (pair.a == nullptr) continue;
    if (first == nullptr) first = &pair;
    if (pair.rank != first->rank || pair.slot_stride != first->slot_stride || pair.drop != first->drop) return false;
    if (pair.drop != nullptr && (pair.site != first->site || pair.streams.seed != first->streams.seed || pair.streams.tick != first->streams.tick)) return false;
  }
  return true;
}

bool fast_forward(const lora_device* device, const lora_linear_args& call) {
  return fast(device, call.w, call.pair) && call.y.dtype == LORA_BF16 && aligned(call.x.data) && aligned(call.y.data) &&
         (call.pair.a == nullptr || aligned(call.u.data));
}

bool fast_backward(const lora_device* device, const lora_linear_bwd_args& call) {
  return fast(device, call.w, call.pair) && aligned(call.dy.data) && aligned(call.dx.data) &&
         (call.pair.a == nullptr || (aligned(call.u.data) && aligned(call.x.data)));
}

}  // namespace

void linear(lora_stream* stream, const lora_linear_args* calls, int count) {
  if (count == 0 || calls[0].x.shape[0] == 0) return;
  bool together = count <= kMaxParts && one_slab(calls, count);
  for (int i = 0; i < count; ++i) together = together && fast_forward(stream->device, calls[i]);
  if (together) return forward_fast(stream, calls, count);
  for (int i = 0; i < count; ++i) {
    if (fast_forward(stream->device, calls[i])) forward_fast(stream, calls + i, 1);
    else linear_any(stream, calls[i]);
  }
}

void linear_bwd(lora_stream* stream, const lora_linear_bwd_args* calls, int count) {
  if (count == 0 || calls[0].dy.shape[0] == 0) return;
  bool together = count <= kMaxParts && one_slab(calls, count);
  for (int i = 0; i < count; ++i) {
    together = together && fast_backward(stream->device, calls[i]) &&
               calls[i].dx.data == calls[0].dx.data && (i == 0 || calls[i].dx_write == LORA_ADD || calls[i].dx.data == nullptr);
  }
  if (together) return backward_fast(stream, calls, count);
  for (int i = 0; i < count; ++i) {
    if (fast_backward(stream->device, calls[i])) backward_fast(stream, calls + i, 1);
    else linear_bwd_any(stream, calls[i]);
  }
}

}  // namespace lora::cuda
