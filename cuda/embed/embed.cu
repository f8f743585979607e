// Launchers of embed, rows, split and join.
#include "embed/embed.cuh"

#include "common/launch.h"
#include "entries.h"

namespace lora::cuda {

void embed(lora_stream* stream, const lora_embed_args& args) {
  const int tokens = static_cast<int>(args.ids.shape[0]), width = static_cast<int>(args.table.shape[1]);
  if (tokens == 0) return;
  with_store(args.table.dtype, "embed", [&](auto zero) {
    using T = decltype(zero);
    embed_kernel<T><<<tokens, width >= 1024 ? 256 : 64, 0, stream->handle>>>(
        ptr<int>(args.ids), ptr<T>(args.table), ptr<T>(args.out), width, ptr<float>(args.noise),
        reinterpret_cast<const unsigned long long*>(args.streams.seed), args.streams.tick, args.route.row_dev, args.route.begin_dev,
        args.route.slot_dev, args.route.segments);
  });
  LORA_LAUNCHED("embed");
}

void rows(lora_stream* stream, const lora_rows_args& args) {
  const int count = static_cast<int>(args.index.shape[0]);
  const int width = static_cast<int>(numel(args.src) / std::max<std::int64_t>(1, args.src.shape[0]));
  if (count == 0) return;
  with_store(args.src.dtype, "rows", [&](auto zero) {
    using T = decltype(zero);
    rows_kernel<T><<<count, width >= 1024 ? 256 : 64, 0, stream->handle>>>(ptr<T>(args.src), ptr<T>(args.dst), ptr<int>(args.index), width,
                                                                           args.scatter != 0, args.write == LORA_ADD);
  });
  LORA_LAUNCHED("rows");
}

namespace {

void columns(lora_stream* stream, const lora_columns_args& args, bool join) {
  const std::int64_t tokens = args.whole.shape[0], wide = args.whole.shape[1];
  if (args.whole.dtype != LORA_F32 && args.whole.dtype != LORA_BF16) unsupported("split and join: the CUDA backend stores f32 or bf16");
  if (tokens == 0) return;
  const int bytes = args.whole.dtype == LORA_F32 ? 4 : 2;
  std::int64_t at = 0;
  for (int i = 0; i < args.count; ++i) {
    const std::int64_t narrow = args.part[i].shape[1];
    const auto launch = [&](auto unit) {
      using Unit = decltype(unit);
      const std::int64_t per = static_cast<std::int64_t>(sizeof(Unit)) / bytes;
      columns_kernel<Unit><<<stride_blocks(tokens * narrow / per, 256, stream->device, 16), 256, 0, stream->handle>>>(
          static_cast<Unit*>(args.whole.data), static_cast<Unit*>(args.part[i].data), tokens, static_cast<int>(wide / per),
          static_cast<int>(narrow / per), static_cast<int>(at / per), join);
      LORA_LAUNCHED("columns");
    };
    if ((wide * bytes) % 16 == 0 && (narrow * bytes) % 16 == 0 && (at * bytes) % 16 == 0) launch(uint4{});
    else if (bytes == 4) launch(std::uint32_t{});
    else launch(std::uint16_t{});
    at += narrow;
  }
}

}  // namespace

void split(lora_stream* stream, const lora_columns_args& args) { columns(stream, args, false); }
void join(lora_stream* stream, const lora_columns_args& args) { columns(stream, args, true); }

}  // namespace lora::cuda
