// Element types: bf16 and f16 to and from f32 (round to nearest even, NaN stays NaN), the size of each lora_dtype,
// and products of extents that refuse to overflow.
#ifndef LORA_BASE_DTYPE_H
#define LORA_BASE_DTYPE_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <string>

#include "abi/types.h"
#include "base/error.h"

namespace lora {

struct bf16 {
  std::uint16_t bits;
};

struct f16 {
  std::uint16_t bits;
};

inline std::uint32_t bits_of(float x) {
  std::uint32_t b;
  std::memcpy(&b, &x, sizeof b);
  return b;
}

inline float float_of(std::uint32_t b) {
  float x;
  std::memcpy(&x, &b, sizeof x);
  return x;
}

inline float to_f32(float x) { return x; }
inline float to_f32(double x) { return static_cast<float>(x); }
inline float to_f32(bf16 x) { return float_of(static_cast<std::uint32_t>(x.bits) << 16); }

// Adding 0x7fff plus the lowest kept bit rounds to nearest even. It would carry a NaN into infinity, so a NaN is
// cut off instead, with its quiet bit set.
inline bf16 to_bf16(float x) {
  std::uint32_t b = bits_of(x);
  if ((b & 0x7fffffffu) > 0x7f800000u) return {static_cast<std::uint16_t>((b >> 16) | 0x40u)};
  return {static_cast<std::uint16_t>((b + 0x7fffu + ((b >> 16) & 1u)) >> 16)};
}

inline float to_f32(f16 x) {
  const std::uint32_t sign = static_cast<std::uint32_t>(x.bits & 0x8000u) << 16;
  const std::uint32_t rest = x.bits & 0x7fffu;
  if (rest >= 0x7c00u) return float_of(sign | 0x7f800000u | ((rest & 0x3ffu) << 13));  // infinity, NaN
  if (rest >= 0x400u) return float_of(sign | ((rest << 13) + 0x38000000u));            // normal
  const float tiny = static_cast<float>(rest) * (1.0f / 16777216.0f);                  // subnormal: exact in f32
  return float_of(sign | bits_of(tiny));
}

inline f16 to_f16(float x) {
  const std::uint32_t b = bits_of(x);
  const std::uint16_t sign = static_cast<std::uint16_t>((b >> 16) & 0x8000u);
  const std::uint32_t rest = b & 0x7fffffffu;
  if (rest > 0x7f800000u) return {static_cast<std::uint16_t>(sign | 0x7e00u | ((rest >> 13) & 0x3ffu))};
  if (rest >= 0x477ff000u) return {static_cast<std::uint16_t>(sign | 0x7c00u)};  // rounds past 65504
  if (rest < 0x38800000u) {  // subnormal or zero: adding 0.5 aligns the last kept bit with f32's last bit
    const float aligned = float_of(rest) + 0.5f;
    return {static_cast<std::uint16_t>(sign | (bits_of(aligned) - 0x3f000000u))};
  }
  const std::uint32_t rounded = rest + 0xfffu + ((rest >> 13) & 1u) - 0x38000000u;
  return {static_cast<std::uint16_t>(sign | (rounded >> 13))};
}

// to<Store>(x): the value as an activation of that type.
template <class Store>
inline Store to(float x);
template <>
inline float to<float>(float x) { return x; }
template <>
inline bf16 to<bf16>(float x) { return to_bf16(x); }

template <class T>
struct DtypeOf;
template <>
struct DtypeOf<float> { static constexpr lora_dtype value = LORA_F32; };
template <>
struct DtypeOf<double> { static constexpr lora_dtype value = LORA_F64; };
template <>
struct DtypeOf<bf16> { static constexpr lora_dtype value = LORA_BF16; };
template <>
struct DtypeOf<std::int32_t> { static constexpr lora_dtype value = LORA_I32; };
template <>
struct DtypeOf<std::uint8_t> { static constexpr lora_dtype value = LORA_U8; };

inline const char* name_of(lora_dtype t) {
  switch (t) {
    case LORA_F32: return "f32";
    case LORA_BF16: return "bf16";
    case LORA_F64: return "f64";
    case LORA_I32: return "i32";
    case LORA_U8: return "u8";
  }
  return "unknown dtype";
}

inline std::size_t size_of(lora_dtype t) {
  switch (t) {
    case LORA_F32: return 4;
    case LORA_BF16: return 2;
    case LORA_F64: return 8;
    case LORA_I32: return 4;
    case LORA_U8: return 1;
  }
  throw Error(Code::kInvalidArgument, "size_of",
              "expected a lora_dtype from 0 to 4, got " + std::to_string(static_cast<int>(t)));
}

// The product of extents; throws when one is negative or the product does not fit.
inline std::int64_t checked_product(std::initializer_list<std::int64_t> extents) {
  std::int64_t product = 1;
  for (std::int64_t e : extents) {
    if (e < 0 || __builtin_mul_overflow(product, e, &product)) {
      std::string all;
      for (std::int64_t each : extents) all += (all.empty() ? "" : " x ") + std::to_string(each);
      throw Error(Code::kShape, "checked_product",
                  "expected extents of at least 0 whose product fits 63 bits, got " + all);
    }
  }
  return product;
}

inline std::int64_t elements_of(const lora_tensor& t) {
  return checked_product({t.shape[0], t.shape[1], t.shape[2], t.shape[3]});
}

inline std::size_t bytes_of(const lora_tensor& t) {
  return static_cast<std::size_t>(
      checked_product({elements_of(t), static_cast<std::int64_t>(size_of(t.dtype))}));
}

}  // namespace lora
#endif
