// Moving rows and columns: embedding, gather and scatter, split and join, and the table of rotary angles.
// Bound by memory or done once a batch, so compiled once, without wide vectors.
#include <cmath>
#include <cstring>

#include "base/dtype.h"
#include "cpu/embed_oracle.h"
#include "cpu/ops.h"

namespace lora::cpu {
namespace {

constexpr std::int64_t kShareBytes = 65536;  // a thread takes at least this much

std::int64_t rows_in_share(std::int64_t row_bytes) {
  return 1 + kShareBytes / (row_bytes < 1 ? 1 : row_bytes);
}

template <class Store>
void add_noise(const lora_embed_args& a, std::int64_t t, std::int32_t slot) {
  const std::int64_t D = a.out.shape[1];
  const float noise = data<float>(a.noise)[t];
  Store* out = data<Store>(a.out) + t * D;
  for (std::int64_t d = 0; d < D; d += 4) {
    const lora_philox4 draws =
        lora_philox(a.streams.seed[slot], static_cast<std::uint32_t>(d / 4),
                    static_cast<std::uint32_t>(a.route.row_dev[t]), LORA_SITE_NEFTUNE, a.streams.tick[slot]);
    for (std::int64_t i = d; i < D && i < d + 4; ++i) {
      out[i] = to<Store>(to_f32(out[i]) + noise * (2.0f * lora_uniform(draws.v[i - d]) - 1.0f));
    }
  }
}

template <class Store>
void add_row(Store* dst, const Store* src, std::int64_t n) {
  for (std::int64_t d = 0; d < n; ++d) dst[d] = to<Store>(to_f32(dst[d]) + to_f32(src[d]));
}

// One row of the whole to or from its parts.
void columns(CpuContext& context, const lora_columns_args& a, bool split) {
  const std::int64_t T = a.whole.shape[0];
  if (T == 0) return;
  const std::size_t row = bytes_of(a.whole) / static_cast<std::size_t>(T);
  context.pool.parallel_for(
      T, rows_in_share(static_cast<std::int64_t>(row)), [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t t = begin; t < end; ++t) {
          char* whole = static_cast<char*>(a.whole.data) + static_cast<std::size_t>(t) * row;
          for (std::int32_t i = 0; i < a.count; ++i) {
            const std::size_t bytes = bytes_of(a.part[i]) / static_cast<std::size_t>(T);
            char* part = static_cast<char*>(a.part[i].data) + static_cast<std::size_t>(t) * bytes;
            if (bytes > 0) std::memcpy(split ? part : whole, split ? whole : part, bytes);
            whole += bytes;
          }
        }
      });
}

}  // namespace

void embed(CpuContext& context, const lora_embed_args& a) {
  const std::int64_t T = a.out.shape[0], D = a.out.shape[1];
  const std::size_t row = static_cast<std::size_t>(D) * size_of(a.out.dtype);
  const std::int32_t* ids = data<std::int32_t>(a.ids);
  const float* noise = data<float>(a.noise);
  const std::int64_t share =
      noise == nullptr ? rows_in_share(static_cast<std::int64_t>(row)) : 1 + 1024 / (D < 1 ? 1 : D);
  context.pool.parallel_for(T, share, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t t = begin; t < end; ++t) {
      if (row == 0) continue;
      std::memcpy(static_cast<char*>(a.out.data) + static_cast<std::size_t>(t) * row,
                  static_cast<const char*>(a.table.data) + static_cast<std::size_t>(ids[t]) * row, row);
      if (noise == nullptr || noise[t] == 0.0f) continue;
      const std::int32_t slot = slot_at(a.route, t);
      if (slot < 0) continue;
      if (a.out.dtype == LORA_F32) add_noise<float>(a, t, slot);
      if (a.out.dtype == LORA_BF16) add_noise<bf16>(a, t, slot);
    }
  });
}

void rope_table(CpuContext& context, const lora_rope_table_args& a) {
  const std::int64_t T = a.cos.shape[0], I = a.cos.shape[1];
  const std::int32_t *position = data<std::int32_t>(a.position), *variant = data<std::int32_t>(a.variant);
  context.pool.parallel_for(T, 1 + 512 / (I < 1 ? 1 : I), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t t = begin; t < end; ++t) {
      const double* inv_freq = data<double>(a.inv_freq) + (variant == nullptr ? 0 : variant[t]) * I;
      for (std::int64_t i = 0; i < I; ++i) {
        const double angle = position[t] * inv_freq[i];
        data<float>(a.cos)[t * I + i] = static_cast<float>(a.amplitude * std::cos(angle));
        data<float>(a.sin)[t * I + i] = static_cast<float>(a.amplitude * std::sin(angle));
      }
    }
  });
}

void split(CpuContext& context, const lora_columns_args& a) { columns(context, a, true); }

void join(CpuContext& context, const lora_columns_args& a) { columns(context, a, false); }

void rows(CpuContext& context, const lora_rows_args& a) {
  const std::int64_t n = a.index.shape[0], D = a.src.shape[1];
  const std::size_t row = static_cast<std::size_t>(D) * size_of(a.src.dtype);
  if (row == 0) return;
  const std::int32_t* index = data<std::int32_t>(a.index);
  context.pool.parallel_for(
      n, rows_in_share(static_cast<std::int64_t>(row)), [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t i = begin; i < end; ++i) {
          const std::size_t from = static_cast<std::size_t>(a.scatter ? i : index[i]),
                            to = static_cast<std::size_t>(a.scatter ? index[i] : i);
          char* dst = static_cast<char*>(a.dst.data) + to * row;
          const char* src = static_cast<const char*>(a.src.data) + from * row;
          if (a.write != LORA_ADD) {
            std::memcpy(dst, src, row);
          } else if (a.src.dtype == LORA_F32) {
            add_row(reinterpret_cast<float*>(dst), reinterpret_cast<const float*>(src), D);
          } else {
            add_row(reinterpret_cast<bf16*>(dst), reinterpret_cast<const bf16*>(src), D);
          }
        }
      });
}

}  // namespace lora::cpu
