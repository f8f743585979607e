// Frozen weights as panels: the layout, packing from plain codes, and weight_pack of the backend.
#include <algorithm>
#include <cstring>
#include <string>

#include "cpu/gemm.h"
#include "cpu/linear.h"

namespace lora::cpu {
namespace {

constexpr std::uint32_t kMagic = 0x4c4f5250;  // "PROL"
constexpr std::size_t kHeaderBytes = 64;

// At the start of every packed weight: what is in it, so that a wrong use is an error and not wrong numbers.
struct Header {
  std::uint32_t magic, uses;
  Layout        layout;
  std::int32_t  tile_columns;
  std::int64_t  rows, columns;      // N, K
  std::int64_t  forward_at, dx_at;  // offsets in bytes
};
static_assert(sizeof(Header) <= kHeaderBytes, "the header has 64 bytes");

std::size_t whole_bytes(const Kernels& kernels, const Right& right) {
  return static_cast<std::size_t>(panels_of(kernels, right.columns)) * panel_bytes(kernels, right.layout, right.depth);
}

// Panel columns are rows of W: a transpose.
template <class T, class Pack>
void pack_forward(const T* codes, std::int64_t n, std::int64_t k, std::int64_t first_row, int width, Pack&& pack) {
  const T* rows[kMostTileColumns];
  const int valid = static_cast<int>(std::min<std::int64_t>(width, n - first_row));
  for (int j = 0; j < valid; ++j) rows[j] = codes + (first_row + j) * k;
  pack(rows, valid);
}

template <class T>
void transpose(const T* const* rows, int valid, std::int64_t depth, int width, T* out) {
  for (std::int64_t k = 0; k < depth; ++k) {
    for (int j = 0; j < valid; ++j) out[k * width + j] = rows[j][k];
    for (int j = valid; j < width; ++j) out[k * width + j] = T{};
  }
}

template <class T>
void copy_slices(const T* codes, std::int64_t n, std::int64_t k, std::int64_t first, int width, T* out) {
  const int valid = static_cast<int>(std::min<std::int64_t>(width, k - first));
  for (std::int64_t i = 0; i < n; ++i) {
    std::memcpy(out + i * width, codes + i * k + first, sizeof(T) * valid);
    for (int j = valid; j < width; ++j) out[i * width + j] = T{};
  }
}

std::uint32_t paired(bf16 low, bf16 high) { return low.bits | (static_cast<std::uint32_t>(high.bits) << 16); }

void pack_one(const Kernels& kernels, const Right& right, std::int64_t panel, char* out) {
  const std::int64_t n = right.weight->codes.shape[0], k = right.weight->codes.shape[1];
  const int width = kernels.tile_columns;
  const std::int64_t first = panel * width;
  const void* codes = right.weight->codes.data;
  const bool forward = right.use == LORA_USE_FORWARD;

  if (right.layout == Layout::kF32) {
    const float* w = static_cast<const float*>(codes);
    float* to = reinterpret_cast<float*>(out);
    if (!forward) return copy_slices(w, n, k, first, width, to);
    pack_forward(w, n, k, first, width, [&](const float* const* rows, int valid) {
      kernels.pack_f32(rows, valid, k, to, width);
    });
  } else if (right.layout == Layout::kBf16) {
    const bf16* w = static_cast<const bf16*>(codes);
    bf16* to = reinterpret_cast<bf16*>(out);
    if (!forward) return copy_slices(w, n, k, first, width, to);
    pack_forward(w, n, k, first, width, [&](const bf16* const* rows, int valid) {
      transpose(rows, valid, k, width, to);
    });
  } else {
    const bf16* w = static_cast<const bf16*>(codes);
    std::uint32_t* to = reinterpret_cast<std::uint32_t*>(out);
    const bf16 none{0};
    for (std::int64_t d = 0; d < right.depth; d += 2) {
      const bool odd_end = d + 1 == right.depth;
      for (int j = 0; j < width; ++j) {
        const std::int64_t c = first + j;
        bf16 low = none, high = none;
        if (c < right.columns) {
          low = forward ? w[c * k + d] : w[d * k + c];
          if (!odd_end) high = forward ? w[c * k + d + 1] : w[(d + 1) * k + c];
        }
        to[d / 2 * width + j] = paired(low, high);
      }
    }
  }
}

}  // namespace

Layout layout_of(const Kernels& kernels, lora_dtype weight) {
  if (weight == LORA_F32) return Layout::kF32;
  if (weight == LORA_BF16) return kernels.has_pairs ? Layout::kPairs : Layout::kBf16;
  throw Error(Code::kUnsupported, "linear",
              std::string("expected a weight of f32 or bf16, got ") + name_of(weight) +
                  "; the CPU backend keeps weights plain");
}

std::size_t panel_bytes(const Kernels& kernels, Layout layout, std::int64_t depth) {
  const std::int64_t steps = layout == Layout::kPairs ? (depth + 1) / 2 : depth;
  return static_cast<std::size_t>(steps * kernels.tile_columns) * (layout == Layout::kBf16 ? 2 : 4);
}

std::int64_t panels_of(const Kernels& kernels, std::int64_t columns) {
  return (columns + kernels.tile_columns - 1) / kernels.tile_columns;
}

Right plain_right(const Kernels& kernels, const lora_weight& weight, std::uint32_t use) {
  const std::int64_t n = weight.codes.shape[0], k = weight.codes.shape[1];
  const bool forward = use == LORA_USE_FORWARD;
  return {&weight, use, layout_of(kernels, weight.codes.dtype), forward ? k : n, forward ? n : k, nullptr};
}

Right right_of(const Kernels& kernels, const lora_weight& weight, std::uint32_t use, const char* where) {
  if (weight.block != 0 || weight.scales.data != nullptr) {
    throw Error(Code::kUnsupported, where, "expected a plain weight, got a block-quantised one; load it as f32 or bf16");
  }
  Right right = plain_right(kernels, weight, use);
  const Header* header = static_cast<const Header*>(weight.packed);
  if (header != nullptr && header->magic == kMagic && (header->uses & use) != 0 && header->layout == right.layout &&
      header->tile_columns == kernels.tile_columns && header->rows == weight.codes.shape[0] &&
      header->columns == weight.codes.shape[1]) {
    right.panels = static_cast<const char*>(weight.packed) +
                   (use == LORA_USE_FORWARD ? header->forward_at : header->dx_at);
  } else if (weight.codes.data == nullptr) {
    throw Error(Code::kInvalidArgument, where,
                std::string("expected a weight packed for ") + (use == LORA_USE_FORWARD ? "forward" : "dx") +
                    " by this device or plain codes, got neither; pack it for this use or keep its codes");
  }
  return right;
}

void pack_panels(const Kernels& kernels, const Right& right, std::int64_t first, std::int64_t last, char* out) {
  const std::size_t bytes = panel_bytes(kernels, right.layout, right.depth);
  for (std::int64_t p = first; p < last; ++p) pack_one(kernels, right, p, out + (p - first) * bytes);
}

void weight_pack(CpuContext* context, const lora_weight& weight, std::uint32_t uses, void* packed,
                 std::size_t* bytes) {
  const Kernels& kernels = context != nullptr ? context->kernels : kernels_of(pick_isa());
  if (bytes == nullptr || (uses & ~(LORA_USE_FORWARD | LORA_USE_DX)) != 0) {
    throw Error(Code::kInvalidArgument, "weight_pack", "expected a place for the size and known uses; got uses " +
                                                           std::to_string(uses));
  }
  if (weight.block != 0) {
    throw Error(Code::kUnsupported, "weight_pack", "expected a plain weight, got a block-quantised one");
  }
  const Right forward = plain_right(kernels, weight, LORA_USE_FORWARD), dx = plain_right(kernels, weight, LORA_USE_DX);
  const std::size_t forward_bytes = (uses & LORA_USE_FORWARD) != 0 ? whole_bytes(kernels, forward) : 0;
  const std::size_t dx_bytes = (uses & LORA_USE_DX) != 0 ? whole_bytes(kernels, dx) : 0;
  *bytes = uses == 0 ? 0 : kHeaderBytes + forward_bytes + dx_bytes;
  if (packed == nullptr || uses == 0) return;
  if (context == nullptr || weight.codes.data == nullptr) {
    throw Error(Code::kInvalidArgument, "weight_pack", "expected a stream and plain codes to pack from, got none");
  }

  Header header{kMagic, uses, forward.layout, kernels.tile_columns, weight.codes.shape[0], weight.codes.shape[1],
                kHeaderBytes, static_cast<std::int64_t>(kHeaderBytes + forward_bytes)};
  std::memset(packed, 0, kHeaderBytes);
  std::memcpy(packed, &header, sizeof header);
  for (const Right& right : {forward, dx}) {
    if ((uses & right.use) == 0) continue;
    char* to = static_cast<char*>(packed) + (right.use == LORA_USE_FORWARD ? header.forward_at : header.dx_at);
    const std::size_t each = panel_bytes(kernels, right.layout, right.depth);
    context->pool.parallel_for_dynamic(panels_of(kernels, right.columns), 8,
                                      [&](std::int64_t begin, std::int64_t end, int) {
                                        pack_panels(kernels, right, begin, end, to + begin * each);
                                      });
  }
}

}  // namespace lora::cpu
