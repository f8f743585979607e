// Launcher of sample.
#include "sample/sample.cuh"

#include "common/launch.h"
#include "entries.h"

namespace lora::cuda {

void sample(lora_stream* stream, const lora_sample_args& args) {
  const unsigned rows = static_cast<unsigned>(args.logits.shape[0]);
  if (rows == 0) return;
  if (args.logits.dtype != LORA_F32) unsupported("sample: logits must be f32");
  const SampleArgs kernel_args{ptr<float>(args.logits),  ptr<float>(args.temperature), ptr<float>(args.top_p), ptr<float>(args.penalty),
                               ptr<int>(args.top_k),     ptr<int>(args.seed),          ptr<int>(args.counter), ptr<int>(args.history),
                               ptr<int>(args.history_count), ptr<int>(args.allow),     ptr<int>(args.token),   ptr<float>(args.logprob),
                               static_cast<int>(args.logits.shape[1]), static_cast<int>(args.history.shape[1]),
                               static_cast<int>(args.allow.shape[1])};
  sample_kernel<<<rows, kSampleThreads, 0, stream->handle>>>(kernel_args);
  LORA_LAUNCHED("sample");
}

}  // namespace lora::cuda
