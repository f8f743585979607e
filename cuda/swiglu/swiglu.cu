// Launchers of swiglu and swiglu_bwd.
#include "entries.h"
#include "common/launch.h"
#include "swiglu/swiglu.cuh"

namespace lora::cuda {

constexpr int kSwigluThreads = 256;

void swiglu(lora_stream* stream, const lora_swiglu_args& args) {
  const std::int64_t count = numel(args.gate);
  if (count == 0) return;
  with_store(args.gate.dtype, "swiglu", [&](auto zero) {
    using T = decltype(zero);
    swiglu_kernel<T><<<stride_blocks(count / Pack<T>::kSize + 1, kSwigluThreads, stream->device, 16), kSwigluThreads, 0, stream->handle>>>(
        ptr<T>(args.gate), ptr<T>(args.up), ptr<T>(args.h), count);
  });
  LORA_LAUNCHED("swiglu");
}

void swiglu_bwd(lora_stream* stream, const lora_swiglu_bwd_args& args) {
  const std::int64_t count = numel(args.gate);
  if (count == 0) return;
  with_store(args.gate.dtype, "swiglu_bwd", [&](auto zero) {
    using T = decltype(zero);
    swiglu_bwd_kernel<T><<<stride_blocks(count / Pack<T>::kSize + 1, kSwigluThreads, stream->device, 16), kSwigluThreads, 0, stream->handle>>>(
        ptr<T>(args.gate), ptr<T>(args.up), ptr<T>(args.dh), ptr<T>(args.dgate), ptr<T>(args.dup), count);
  });
  LORA_LAUNCHED("swiglu_bwd");
}

}  // namespace lora::cuda
