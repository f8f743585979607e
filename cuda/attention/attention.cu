// Launchers of attention and its backward: picks the kernel by type and head width.
#include "attention/any.cuh"
#include "attention/bwd_sm90.cuh"
#include "common/launch.h"
#include "common/tensor_map.h"
#include "entries.h"

namespace lora::cuda {
namespace {

// Calls work with the tile constants for a head width: kB rows, kE columns; shorter tiles where a block may have less
// shared memory than an A100's 163 KiB.
template <class Work>
void with_tiles(int width, const lora_device* device, Work&& work) {
  const bool small = device->shared_limit < 163 << 10;
  if (width <= 16) work(std::integral_constant<int, 64>{}, std::integral_constant<int, 16>{});
  else if (width <= 64) work(std::integral_constant<int, 64>{}, std::integral_constant<int, 64>{});
  else if (width <= 128 && small) work(std::integral_constant<int, 32>{}, std::integral_constant<int, 128>{});
  else if (width <= 128) work(std::integral_constant<int, 64>{}, std::integral_constant<int, 128>{});
  else if (width <= 256 && small) work(std::integral_constant<int, 16>{}, std::integral_constant<int, 256>{});
  else if (width <= 256) work(std::integral_constant<int, 32>{}, std::integral_constant<int, 256>{});
  else unsupported("attention: head width " + std::to_string(width) + "; the CUDA backend takes at most 256");
}

template <class Kernel>
void allow_shared(Kernel kernel, std::size_t bytes, const lora_device* device) {
  if (bytes > static_cast<std::size_t>(device->shared_limit)) {
    unsupported("attention: needs " + std::to_string(bytes) + " bytes of shared memory, this device allows " +
                std::to_string(device->shared_limit));
  }
  LORA_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)));
}

int longest_of(const int32_t* begin, int sequences) {
  int longest = 0;
  for (int i = 0; i < sequences; ++i) longest = std::max(longest, begin[i + 1] - begin[i]);
  return longest;
}

bool aligned(const lora_tensor& tensor) { return reinterpret_cast<std::uintptr_t>(tensor.data) % 16 == 0; }

// What the Hopper kernels take: bf16 and a head width of 64 or 128.
bool fast(const lora_device* device, const lora_tensor& q, const lora_tensor& k, const lora_tensor& v) {
  return device->major == 9 && q.dtype == LORA_BF16 && (q.shape[2] == 64 || q.shape[2] == 128) && aligned(q) && aligned(k) && aligned(v);
}

// A [T,heads,E] tensor as a matrix of heads x E columns, in boxes of `rows` x 64.
CUtensorMap rows_map(const lora_tensor& tensor, int rows) {
  const std::int64_t total = tensor.shape[0], columns = tensor.shape[1] * tensor.shape[2];
  return tensor_map(tensor.data, columns, total, 1, columns, total * columns, 64, rows);
}

// Runs work(tiles) for pieces of the batch of at most kMaxSequences sequences.
template <class Work>
void each_piece(const int32_t* begin, int sequences, SequenceTiles& tiles, Work&& work) {
  for (int i = 0; i < sequences;) {
    i = cut_sequences(begin, sequences, i, kAttnTile, tiles);
    if (tiles.tiles > 0) work();
  }
}

template <int kE>
void forward_fast(lora_stream* stream, const lora_attention_args& args, const AttentionShape& shape) {
  AttentionFwdArgs fwd{};
  fwd.q = rows_map(args.q, kAttnTile), fwd.k = rows_map(args.k, kAttnTile), fwd.v = rows_map(args.v, kAttnTile);
  fwd.o = ptr<bf16>(args.o), fwd.lse = ptr<float>(args.lse), fwd.total = static_cast<int>(args.q.shape[0]);
  fwd.heads = shape.heads, fwd.groups = shape.groups, fwd.window = shape.window, fwd.scale = shape.scale;
  allow_shared(attention_fwd_sm90_kernel<kE>, AttentionFwdShared<kE>::kBytes, stream->device);
  each_piece(args.q_begin_host, static_cast<int>(args.q_begin.shape[0]) - 1, fwd.tiles, [&] {
    attention_fwd_sm90_kernel<kE><<<static_cast<unsigned>(fwd.tiles.tiles * shape.heads), kAttnThreads, AttentionFwdShared<kE>::kBytes,
                                    stream->handle>>>(fwd);
    LORA_LAUNCHED("attention_fwd_sm90");
  });
}

template <int kE>
void backward_fast(lora_stream* stream, const lora_attention_bwd_args& args, const AttentionShape& shape) {
  const int total = static_cast<int>(args.q.shape[0]), sequences = static_cast<int>(args.q_begin.shape[0]) - 1;
  Workspace workspace(stream->device);
  float2* stats = workspace.take<float2>(static_cast<std::size_t>(total) * shape.heads);
  attention_stats_kernel<kE><<<static_cast<unsigned>(ceil_div(std::int64_t{total} * shape.heads, 8)), 256, 0, stream->handle>>>(
      ptr<bf16>(args.dout), ptr<bf16>(args.o), ptr<float>(args.lse), stats, total, shape.heads);
  LORA_LAUNCHED("attention_stats");
  AttentionBwdArgs bwd{};
  bwd.k = rows_map(args.k, kAttnTile), bwd.v = rows_map(args.v, kAttnTile), bwd.stats = stats, bwd.total = total;
  bwd.dq = ptr<bf16>(args.dq), bwd.dk = ptr<bf16>(args.dk), bwd.dv = ptr<bf16>(args.dv);
  bwd.heads = shape.heads, bwd.groups = shape.groups, bwd.window = shape.window, bwd.scale = shape.scale;
  const auto keys = attention_bwd_keys_sm90_kernel<kE>;
  const auto queries = attention_bwd_queries_sm90_kernel<kE>;
  allow_shared(keys, AttentionBwdKeysShared<kE>::kBytes, stream->device);
  allow_shared(queries, AttentionBwdQueriesShared<kE>::kBytes, stream->device);
  each_piece(args.q_begin_host, sequences, bwd.tiles, [&] {
    bwd.q = rows_map(args.q, kBwdQueries), bwd.dout = rows_map(args.dout, kBwdQueries);
    keys<<<static_cast<unsigned>(bwd.tiles.tiles * shape.groups), kAttnThreads, AttentionBwdKeysShared<kE>::kBytes, stream->handle>>>(bwd);
    LORA_LAUNCHED("attention_bwd_keys_sm90");
    bwd.q = rows_map(args.q, kAttnTile), bwd.dout = rows_map(args.dout, kAttnTile);
    queries<<<static_cast<unsigned>(bwd.tiles.tiles * shape.heads), kAttnThreads, AttentionBwdQueriesShared<kE>::kBytes, stream->handle>>>(bwd);
    LORA_LAUNCHED("attention_bwd_queries_sm90");
  });
}

}  // namespace

void attention(lora_stream* stream, const lora_attention_args& args) {
  const int total = static_cast<int>(args.q.shape[0]), sequences = static_cast<int>(args.q_begin.shape[0]) - 1;
  const AttentionShape shape{static_cast<int>(args.q.shape[1]), static_cast<int>(args.k.shape[1]), static_cast<int>(args.q.shape[2]),
                             args.window, static_cast<float>(args.scale)};
  const int longest = longest_of(args.q_begin_host, sequences);
  if (total == 0 || longest == 0) return;
  // A cache of keys (generation) holds rows that nothing wrote: those take the portable kernel, which never reads them.
  const bool own_keys = std::equal(args.q_begin_host, args.q_begin_host + sequences, args.k_begin_host) && args.k.shape[0] == total;
  if (own_keys && fast(stream->device, args.q, args.k, args.v) && aligned(args.o)) {
    return shape.width == 64 ? forward_fast<64>(stream, args, shape) : forward_fast<128>(stream, args, shape);
  }
  with_store(args.q.dtype, "attention", [&](auto zero) {
    using T = decltype(zero);
    with_tiles(shape.width, stream->device, [&](auto rows, auto columns) {
      constexpr int kB = rows.value, kE = columns.value;
      const auto kernel = attention_any_kernel<T, kB, kE>;
      const std::size_t bytes = (3 * kB * (kE + 1) + kB * (kB + 1)) * sizeof(float);
      allow_shared(kernel, bytes, stream->device);
      const dim3 grid(static_cast<unsigned>(ceil_div(longest, kB)), static_cast<unsigned>(shape.heads), static_cast<unsigned>(sequences));
      kernel<<<grid, kAnyThreads, bytes, stream->handle>>>(ptr<T>(args.q), ptr<T>(args.k), ptr<T>(args.v), ptr<T>(args.o),
                                                           ptr<float>(args.lse), ptr<int>(args.q_begin), ptr<int>(args.k_begin),
                                                           ptr<int>(args.k_count), shape, total);
      LORA_LAUNCHED("attention_any");
    });
  });
}

void attention_bwd(lora_stream* stream, const lora_attention_bwd_args& args) {
  const int total = static_cast<int>(args.q.shape[0]), sequences = static_cast<int>(args.q_begin.shape[0]) - 1;
  const AttentionShape shape{static_cast<int>(args.q.shape[1]), static_cast<int>(args.k.shape[1]), static_cast<int>(args.q.shape[2]),
                             args.window, static_cast<float>(args.scale)};
  const int longest = longest_of(args.q_begin_host, sequences);
  if (total == 0 || longest == 0) return;
  if (fast(stream->device, args.q, args.k, args.v) && aligned(args.dout) && aligned(args.o) && aligned(args.dq) && aligned(args.dk) &&
      aligned(args.dv)) {
    return shape.width == 64 ? backward_fast<64>(stream, args, shape) : backward_fast<128>(stream, args, shape);
  }
  Workspace workspace(stream->device);
  float* delta = workspace.take<float>(static_cast<std::size_t>(total) * shape.heads);
  with_store(args.q.dtype, "attention_bwd", [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t delta_rows = static_cast<std::int64_t>(total) * shape.heads;
    attention_delta_kernel<T><<<static_cast<unsigned>(ceil_div(delta_rows, 8)), 256, 0, stream->handle>>>(
        ptr<T>(args.dout), ptr<T>(args.o), delta, total, shape.heads, shape.width);
    LORA_LAUNCHED("attention_delta");
    with_tiles(shape.width, stream->device, [&](auto rows, auto columns) {
      constexpr int kB = rows.value, kE = columns.value;
      const auto keys = attention_bwd_keys_any_kernel<T, kB, kE>;
      const auto queries = attention_bwd_queries_any_kernel<T, kB, kE>;
      const std::size_t tiles = 4 * kB * (kE + 1) * sizeof(float), square = kB * (kB + 1) * sizeof(float);
      allow_shared(keys, tiles + 2 * square, stream->device);
      allow_shared(queries, tiles + square, stream->device);
      const unsigned blocks = static_cast<unsigned>(ceil_div(longest, kB));
      keys<<<dim3(blocks, static_cast<unsigned>(shape.groups), static_cast<unsigned>(sequences)), kAnyThreads, tiles + 2 * square,
             stream->handle>>>(ptr<T>(args.q), ptr<T>(args.k), ptr<T>(args.v), ptr<T>(args.dout), ptr<float>(args.lse), delta,
                               ptr<T>(args.dk), ptr<T>(args.dv), ptr<int>(args.q_begin), shape, total);
      LORA_LAUNCHED("attention_bwd_keys_any");
      queries<<<dim3(blocks, static_cast<unsigned>(shape.heads), static_cast<unsigned>(sequences)), kAnyThreads, tiles + square,
                stream->handle>>>(ptr<T>(args.q), ptr<T>(args.k), ptr<T>(args.v), ptr<T>(args.dout), ptr<float>(args.lse), delta,
                                  ptr<T>(args.dq), ptr<int>(args.q_begin), shape, total);
      LORA_LAUNCHED("attention_bwd_queries_any");
    });
  });
}

}  // namespace lora::cuda
