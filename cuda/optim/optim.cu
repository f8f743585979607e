// Launchers of sqnorm and adamw.
#include <cmath>
#include <vector>

#include "common/launch.h"
#include "entries.h"
#include "optim/optim.cuh"

namespace lora::cuda {

void sqnorm(lora_stream* stream, const lora_sqnorm_args& args) {
  const int count = static_cast<int>(args.slot.shape[0]);
  const std::int64_t width = args.x.shape[1];
  if (count == 0) return;
  if (args.x.dtype != LORA_F32) unsupported("sqnorm: the CUDA backend keeps gradients in f32");
  constexpr int kThreads = 256;
  Workspace workspace(stream->device);
  const unsigned blocks = stride_blocks(width, kThreads * 8, stream->device, 2);
  double* part = workspace.take<double>(static_cast<std::size_t>(blocks) * count);
  sqnorm_part_kernel<<<dim3(blocks, static_cast<unsigned>(count)), kThreads, 0, stream->handle>>>(ptr<float>(args.x), ptr<int>(args.slot),
                                                                                                 part, width);
  LORA_LAUNCHED("sqnorm_part");
  sqnorm_sum_kernel<<<count, 256, 0, stream->handle>>>(part, ptr<double>(args.out), static_cast<int>(blocks));
  LORA_LAUNCHED("sqnorm_sum");
}

void adamw(lora_stream* stream, const lora_adamw_args& args) {
  const int count = args.count;
  const std::int64_t width = args.master.shape[1];
  if (count == 0) return;
  if (args.master.dtype != LORA_F32) unsupported("adamw: the CUDA backend keeps master weights in f32");
  Workspace workspace(stream->device);
  lora_adamw_rule* rules = workspace.take<lora_adamw_rule>(count);
  AdamwCorrection* corrections = workspace.take<AdamwCorrection>(count);
  int* go = workspace.take<int>(1);
  std::vector<AdamwCorrection> host(count);
  for (int i = 0; i < count; ++i) {
    const lora_adamw_rule& rule = args.rules[i];
    host[i].first = static_cast<float>(rule.lr / (1.0 - std::pow(rule.beta1, static_cast<double>(rule.step))));
    host[i].second = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(rule.beta2, static_cast<double>(rule.step))));
  }
  // Pageable sources: the runtime has read them when the call returns.
  LORA_CUDA(cudaMemcpyAsync(rules, args.rules, sizeof(lora_adamw_rule) * count, cudaMemcpyHostToDevice, stream->handle));
  LORA_CUDA(cudaMemcpyAsync(corrections, host.data(), sizeof(AdamwCorrection) * count, cudaMemcpyHostToDevice, stream->handle));
  adamw_report_kernel<<<1, 1, 0, stream->handle>>>(rules, ptr<double>(args.sqnorm), ptr<double>(args.weight_sum), ptr<double>(args.report),
                                                   go, count);
  LORA_LAUNCHED("adamw_report");
  constexpr int kThreads = 256;
  const dim3 grid(stride_blocks(width, kThreads, stream->device, 16), static_cast<unsigned>(count));
  with_store(args.work.dtype, "adamw", [&](auto zero) {
    using T = decltype(zero);
    adamw_kernel<T><<<grid, kThreads, 0, stream->handle>>>(ptr<float>(args.master), ptr<T>(args.work), ptr<float>(args.grad),
                                                           ptr<float>(args.m), ptr<float>(args.v), rules, corrections,
                                                           ptr<double>(args.weight_sum), ptr<double>(args.report), go, width);
  });
  LORA_LAUNCHED("adamw");
}

}  // namespace lora::cuda
