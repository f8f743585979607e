// Launchers of rope_table and rope.
#include "entries.h"
#include "common/launch.h"
#include "rope/rope.cuh"

namespace lora::cuda {

void rope_table(lora_stream* stream, const lora_rope_table_args& args) {
  if (args.cos.dtype != LORA_F32) unsupported("rope_table: the CUDA backend makes tables in f32");
  const int half = static_cast<int>(args.cos.shape[1]);
  const std::int64_t count = args.position.shape[0] * half;
  if (count == 0) return;
  constexpr int kThreads = 256;
  rope_table_kernel<<<stride_blocks(count, kThreads, stream->device), kThreads, 0, stream->handle>>>(
      ptr<int>(args.position), ptr<int>(args.variant), ptr<double>(args.inv_freq), ptr<float>(args.cos), ptr<float>(args.sin), count,
      half, args.amplitude);
  LORA_LAUNCHED("rope_table");
}

void rope(lora_stream* stream, const lora_rope_args& args) {
  const lora_tensor& any = args.q.data != nullptr ? args.q : args.k;
  const int rows = static_cast<int>(any.shape[0]), width = static_cast<int>(any.shape[2]);
  const int half = static_cast<int>(args.cos.shape[1]);
  const int q_heads = args.q.data != nullptr ? static_cast<int>(args.q.shape[1]) : 0;
  const int k_heads = args.k.data != nullptr ? static_cast<int>(args.k.shape[1]) : 0;
  if (rows == 0 || (q_heads + k_heads) * half == 0) return;
  constexpr int kThreads = 256;
  with_store(any.dtype, "rope", [&](auto zero) {
    using T = decltype(zero);
    const auto launch = [&](auto wide) {
      constexpr int kWide = wide.value;
      const int items = (q_heads + k_heads) * (half / kWide);
      const dim3 grid(static_cast<unsigned>(ceil_div(items, kThreads)), static_cast<unsigned>(std::min(rows, 65535)));
      rope_kernel<T, kWide><<<grid, kThreads, 0, stream->handle>>>(ptr<T>(args.q), ptr<T>(args.k), ptr<float>(args.cos), ptr<float>(args.sin),
                                                                   rows, q_heads, k_heads, width, half, args.sign);
      LORA_LAUNCHED("rope");
    };
    const bool packs = half % Pack<T>::kSize == 0 && width % Pack<T>::kSize == 0 &&
                       reinterpret_cast<std::uintptr_t>(args.q.data) % 16 == 0 && reinterpret_cast<std::uintptr_t>(args.k.data) % 16 == 0;
    if (packs) launch(std::integral_constant<int, Pack<T>::kSize>{});
    else launch(std::integral_constant<int, 1>{});
  });
}

}  // namespace lora::cuda
