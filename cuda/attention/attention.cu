// Launchers of attention and its backward: picks the kernel by type and head width.
#include "attention/any.cuh"
#include "common/launch.h"
#include "entries.h"

namespace lora::cuda {
namespace {

// Calls work with the tile constants for a head width: kB rows, kE columns.
template <class Work>
void with_tiles(int width, Work&& work) {
  if (width <= 16) work(std::integral_constant<int, 64>{}, std::integral_constant<int, 16>{});
  else if (width <= 64) work(std::integral_constant<int, 64>{}, std::integral_constant<int, 64>{});
  else if (width <= 128) work(std::integral_constant<int, 64>{}, std::integral_constant<int, 128>{});
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

}  // namespace

void attention(lora_stream* stream, const lora_attention_args& args) {
  const int total = static_cast<int>(args.q.shape[0]), sequences = static_cast<int>(args.q_begin.shape[0]) - 1;
  const AttentionShape shape{static_cast<int>(args.q.shape[1]), static_cast<int>(args.k.shape[1]), static_cast<int>(args.q.shape[2]),
                             args.window, static_cast<float>(args.scale)};
  const int longest = longest_of(args.q_begin_host, sequences);
  if (total == 0 || longest == 0) return;
  with_store(args.q.dtype, "attention", [&](auto zero) {
    using T = decltype(zero);
    with_tiles(shape.width, [&](auto rows, auto columns) {
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
  Workspace workspace(stream->device);
  float* delta = workspace.take<float>(static_cast<std::size_t>(total) * shape.heads);
  with_store(args.q.dtype, "attention_bwd", [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t delta_rows = static_cast<std::int64_t>(total) * shape.heads;
    attention_delta_kernel<T><<<static_cast<unsigned>(ceil_div(delta_rows, 8)), 256, 0, stream->handle>>>(
        ptr<T>(args.dout), ptr<T>(args.o), delta, total, shape.heads, shape.width);
    LORA_LAUNCHED("attention_delta");
    with_tiles(shape.width, [&](auto rows, auto columns) {
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
