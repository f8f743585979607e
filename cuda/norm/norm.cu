// Launchers of norm and norm_bwd: the packed kernels where the width allows, the plain ones elsewhere.
#include "entries.h"
#include "common/launch.h"
#include "norm/norm.cuh"

namespace lora::cuda {
namespace {

// Threads of the row kernels: enough that each thread holds at most four packs, at most 1,024.
template <class T, class Launch>
bool launch_rows(int width, Launch&& launch) {
  constexpr int kSize = Pack<T>::kSize;
  if (width % kSize != 0) return false;
  const int packs = width / kSize;
  if (packs < 16) return false;
  const auto threads = [&](int per) { return static_cast<int>(ceil_div(ceil_div(packs, per), 32) * 32); };
  if (threads(1) <= 256) launch(std::integral_constant<int, 1>{}, threads(1));
  else if (threads(2) <= 512) launch(std::integral_constant<int, 2>{}, threads(2));
  else if (threads(4) <= 1024) launch(std::integral_constant<int, 4>{}, threads(4));
  else return false;
  return true;
}

constexpr int kPlainThreads = 256;
unsigned plain_blocks(std::int64_t rows) { return static_cast<unsigned>(ceil_div(rows, kPlainThreads / 32)); }

}  // namespace

void norm(lora_stream* stream, const lora_norm_args& args) {
  const int width = static_cast<int>(args.w.shape[0]);
  const std::int64_t rows = numel(args.r) / width;
  if (rows == 0) return;
  with_store(args.r.dtype, "norm", [&](auto zero) {
    using T = decltype(zero);
    const bool packed = launch_rows<T>(width, [&](auto packs, int threads) {
      norm_row_kernel<T, packs.value><<<static_cast<unsigned>(rows), threads, 0, stream->handle>>>(
          ptr<T>(args.r), ptr<T>(args.delta), ptr<T>(args.sum), ptr<T>(args.w), ptr<T>(args.y), ptr<float>(args.rstd), width,
          static_cast<float>(args.eps));
      LORA_LAUNCHED("norm_row");
    });
    if (packed) return;
    norm_any_kernel<T><<<plain_blocks(rows), kPlainThreads, 0, stream->handle>>>(
        ptr<T>(args.r), ptr<T>(args.delta), ptr<T>(args.sum), ptr<T>(args.w), ptr<T>(args.y), ptr<float>(args.rstd),
        static_cast<int>(rows), width, static_cast<float>(args.eps));
    LORA_LAUNCHED("norm_any");
  });
}

void norm_bwd(lora_stream* stream, const lora_norm_bwd_args& args) {
  const int width = static_cast<int>(args.w.shape[0]);
  const std::int64_t rows = numel(args.dy) / width;
  if (rows == 0) return;
  with_store(args.dy.dtype, "norm_bwd", [&](auto zero) {
    using T = decltype(zero);
    const bool packed = launch_rows<T>(width, [&](auto packs, int threads) {
      norm_bwd_row_kernel<T, packs.value><<<static_cast<unsigned>(rows), threads, 0, stream->handle>>>(
          ptr<T>(args.dy), ptr<T>(args.sum), ptr<T>(args.w), ptr<float>(args.rstd), ptr<T>(args.dsum), ptr<T>(args.dx), width);
      LORA_LAUNCHED("norm_bwd_row");
    });
    if (packed) return;
    norm_bwd_any_kernel<T><<<plain_blocks(rows), kPlainThreads, 0, stream->handle>>>(
        ptr<T>(args.dy), ptr<T>(args.sum), ptr<T>(args.w), ptr<float>(args.rstd), ptr<T>(args.dsum), ptr<T>(args.dx),
        static_cast<int>(rows), width);
    LORA_LAUNCHED("norm_bwd_any");
  });
}

}  // namespace lora::cuda
