// The loss head: chunk by chunk, logits into workspace, loss and their gradient in place, then the gradient's product.
// The head's adapter takes the same road as any other linear's.
#include "head_loss/head_loss.cuh"

#include <vector>

#include "common/launch.h"
#include "entries.h"

namespace lora::cuda {
namespace {

// Rows of logits at once at most: beyond that nothing gets faster.
constexpr std::int64_t kHeadRows = 4096;

lora_tensor rows_of(const lora_tensor& tensor, std::int64_t from, std::int64_t count) {
  if (tensor.data == nullptr) return tensor;
  lora_tensor view = tensor;
  const std::int64_t size = tensor.dtype == LORA_BF16 ? 2 : tensor.dtype == LORA_F64 ? 8 : 4;
  view.data = static_cast<char*>(tensor.data) + from * (numel(tensor) / tensor.shape[0]) * size;
  view.shape[0] = count;
  return view;
}

// The part of a route that covers rows [from, from + count), counted from `from`. Only the host's copies are cut: the
// linear reads no other.
struct CutRoute {
  std::vector<std::int32_t> begin, slot;
  lora_route route{};
  CutRoute(const lora_route& whole, std::int64_t from, std::int64_t count) {
    begin.push_back(0);
    for (int i = 0; i < whole.segments; ++i) {
      const std::int64_t first = std::max<std::int64_t>(whole.begin[i], from), last = std::min<std::int64_t>(whole.begin[i + 1], from + count);
      if (first >= last) continue;
      begin.push_back(static_cast<std::int32_t>(last - from));
      slot.push_back(whole.slot[i]);
    }
    route.begin = begin.data(), route.slot = slot.data(), route.segments = static_cast<std::int32_t>(slot.size());
    route.row_dev = whole.row_dev != nullptr ? whole.row_dev + from : nullptr;
  }
};

}  // namespace

void head_loss(lora_stream* stream, const lora_head_loss_args& args) {
  const std::int64_t tokens = args.x.shape[0], vocabulary = args.w.codes.shape[0];
  if (tokens == 0) return;
  const bool gradient = args.dx.data != nullptr;
  with_store(args.x.dtype, "head_loss", [&](auto zero) {
    using T = decltype(zero);
    Workspace workspace(stream->device);
    const std::size_t rank = args.pair.a != nullptr ? static_cast<std::size_t>(args.pair.rank) : 0;
    float* kept = workspace.take<float>(tokens);
    T* u = rank > 0 ? workspace.take<T>(tokens * rank) : nullptr;
    // As many rows at once as fit beside what the linear takes for an adapter on the head, a multiple of 128.
    const std::int64_t pieces = tokens / 1024 + 1 + std::min(64, std::max(1, args.route.segments));
    const std::int64_t kept_back = static_cast<std::int64_t>(rank) * (pieces * vocabulary * 4 + tokens * 16) + (std::int64_t{1} << 20);
    const std::int64_t row_bytes = vocabulary * sizeof(T) + (rank <= 32 ? static_cast<std::int64_t>(rank) * (vocabulary / 256 + 1) * 4 : 0);
    const std::int64_t room = std::max<std::int64_t>(0, (static_cast<std::int64_t>(workspace.left()) - kept_back) / row_bytes);
    const std::int64_t chunk = std::min({tokens, std::max<std::int64_t>(room / 128 * 128, std::min<std::int64_t>(room, 128)), kHeadRows});
    if (chunk < 1) invalid("head_loss: the workspace holds not even one row of logits; open the device with the true vocabulary");
    T* z = workspace.take<T>(chunk * vocabulary);
    for (std::int64_t from = 0; from < tokens; from += chunk) {
      const std::int64_t count = std::min(chunk, tokens - from);
      const CutRoute cut(args.route, from, count);
      const lora_tensor x = rows_of(args.x, from, count);
      const lora_tensor logits{z, {count, vocabulary, 1, 1}, 2, args.x.dtype};
      lora_tensor down{};
      if (rank > 0) down = lora_tensor{u, {count, static_cast<std::int64_t>(rank), 1, 1}, 2, args.x.dtype};
      lora_linear_args forward{};
      forward.x = x, forward.y = logits, forward.u = down, forward.w = args.w, forward.pair = args.pair, forward.route = cut.route;
      linear(stream, &forward, 1);
      const int* label = ptr<int>(args.labels) + from;
      const float* weight = args.weight.data != nullptr ? ptr<float>(args.weight) + from : nullptr;
      const auto launch = [&](auto wide) {
        head_loss_row_kernel<T, wide.value><<<static_cast<unsigned>(count), kLossThreads, 0, stream->handle>>>(
            z, label, weight, args.row_loss.data != nullptr ? ptr<float>(args.row_loss) + from : nullptr,
            args.row_top1.data != nullptr ? ptr<int>(args.row_top1) + from : nullptr, kept, static_cast<int>(vocabulary),
            static_cast<float>(args.smoothing), gradient);
      };
      if (vocabulary % Pack<T>::kSize == 0) launch(std::integral_constant<int, Pack<T>::kSize>{});
      else launch(std::integral_constant<int, 1>{});
      LORA_LAUNCHED("head_loss_row");
      head_loss_sum_kernel<<<1, 512, 0, stream->handle>>>(
          kept, label, weight, args.route.begin_dev, args.route.slot_dev, std::max(1, args.route.segments), static_cast<int>(from),
          static_cast<int>(count), static_cast<int>(args.loss_sum.shape[0]) - 1, ptr<double>(args.loss_sum), ptr<double>(args.weight_sum),
          ptr<int>(args.scored));
      LORA_LAUNCHED("head_loss_sum");
      if (!gradient) continue;
      lora_linear_bwd_args backward{};
      backward.dy = logits, backward.x = x, backward.u = down, backward.dx = rows_of(args.dx, from, count), backward.w = args.w;
      backward.pair = args.pair, backward.route = cut.route, backward.dx_write = LORA_OVERWRITE;
      linear_bwd(stream, &backward, 1);
    }
  });
}

}  // namespace lora::cuda
