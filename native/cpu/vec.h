// Vectors of f32 for the operations that are compiled once per instruction set. An ops_<isa>.cc defines
// LORA_VEC_NS and LORA_VEC_LANES and sets the target before it includes this, so nothing here may be shared
// between those files: everything lives in LORA_VEC_NS, and no standard container is used past this point.
#ifndef LORA_CPU_VEC_H
#define LORA_CPU_VEC_H

#ifndef LORA_VEC_NS
#error "include vec.h from an ops_<isa>.cc only"
#endif

#include <cstdint>
#include <cstring>

#include "base/dtype.h"

#if LORA_VEC_LANES > 4
#include <immintrin.h>
#endif

namespace lora::cpu::LORA_VEC_NS {

constexpr int kLanes = LORA_VEC_LANES;

typedef float Vf __attribute__((vector_size(kLanes * 4)));
typedef std::int32_t Vi __attribute__((vector_size(kLanes * 4)));
typedef std::uint32_t Vu __attribute__((vector_size(kLanes * 4)));
typedef std::uint16_t Vh __attribute__((vector_size(kLanes * 2)));

inline Vf splat(float x) { return x - Vf{}; }  // subtracting 0 costs nothing; adding it would turn -0 into 0
inline Vi splat(std::int32_t x) { return x - Vi{}; }

inline Vf load(const float* p) {
  Vf v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, Vf v) { std::memcpy(p, &v, sizeof v); }

inline Vf load(const bf16* p) {
  Vh h;
  std::memcpy(&h, p, sizeof h);
  return (Vf)(__builtin_convertvector(h, Vu) << 16);
}

// Round to nearest even; a NaN keeps its upper bits and turns quiet, as to_bf16 does.
inline void store(bf16* p, Vf v) {
  const Vu bits = (Vu)v;
  const Vu rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const Vu cut = (bits >> 16) | 0x40u;
  const Vu chosen = (v == v) ? rounded : cut;
  const Vh h = __builtin_convertvector(chosen, Vh);
  std::memcpy(p, &h, sizeof h);
}

// The first n lanes; the rest is 0 on load and untouched on store. 0 < n <= kLanes.
template <class T>
inline Vf load_n(const T* p, int n) {
  if (n == kLanes) return load(p);
  T all[kLanes];
  std::memset(all, 0, sizeof all);
  std::memcpy(all, p, sizeof(T) * static_cast<std::size_t>(n));
  return load(all);
}
template <class T>
inline void store_n(T* p, Vf v, int n) {
  if (n == kLanes) return store(p, v);
  T all[kLanes];
  store(all, v);
  std::memcpy(p, all, sizeof(T) * static_cast<std::size_t>(n));
}

inline Vf fma(Vf a, Vf b, Vf c) {
#if LORA_VEC_LANES == 16
  return (Vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif LORA_VEC_LANES == 8
  return (Vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

inline Vf sqrt(Vf x) {
#if LORA_VEC_LANES == 16
  return (Vf)_mm512_mask_sqrt_ps((__m512)x, 0xffff, (__m512)x);
#elif LORA_VEC_LANES == 8
  return (Vf)_mm256_sqrt_ps((__m256)x);
#else
  for (int i = 0; i < kLanes; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

inline Vf max(Vf a, Vf b) { return a > b ? a : b; }  // b where a is NaN

// Folds halves onto each other: the same tree for every call.
inline float sum(Vf v) {
#if LORA_VEC_LANES == 16
  v += __builtin_shuffle(v, Vi{8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7});
  v += __builtin_shuffle(v, Vi{4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11});
  v += __builtin_shuffle(v, Vi{2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13});
#elif LORA_VEC_LANES == 8
  v += __builtin_shuffle(v, Vi{4, 5, 6, 7, 0, 1, 2, 3});
  v += __builtin_shuffle(v, Vi{2, 3, 0, 1, 6, 7, 4, 5});
#else
  v += __builtin_shuffle(v, Vi{2, 3, 0, 1});
#endif
  return v[0] + v[1];
}
inline float largest(Vf v) {
  float t[kLanes];
  store(t, v);
  float m = t[0];
  for (int i = 1; i < kLanes; ++i) m = t[i] > m ? t[i] : m;
  return m;
}

// e^x to about 2 units in the last place: x = n ln 2 + r with |r| <= ln 2 / 2, a polynomial for e^r, n added
// to the exponent. 0 below -87.3 (no subnormals), infinity above 88.3; NaN stays NaN.
inline Vf exp(Vf x) {
  const Vf low = splat(-87.33654f), high = splat(88.37626f);
  Vf y = x < low ? low : x;
  y = y > high ? high : y;
  const Vf magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  const Vf n = fma(y, splat(1.44269504088896341f), magic) - magic;
  Vf r = fma(n, splat(-0.693359375f), y);
  r = fma(n, splat(2.12194440e-4f), r);
  Vf p = splat(1.9875691500e-4f);
  p = fma(p, r, splat(1.3981999507e-3f));
  p = fma(p, r, splat(8.3334519073e-3f));
  p = fma(p, r, splat(4.1665795894e-2f));
  p = fma(p, r, splat(1.6666665459e-1f));
  p = fma(p, r, splat(5.0000001201e-1f));
  p = fma(p, r * r, r) + 1.0f;
  const Vf scale = (Vf)((__builtin_convertvector(n, Vi) + 127) << 23);
  p = p * scale;
  p = x < low ? Vf{} : p;
  return x > high ? splat(__builtin_inff()) : p;
}

// 1 / (1 + e^-x)
inline Vf sigmoid(Vf x) { return 1.0f / (1.0f + exp(-x)); }

// Calls body(column, lanes) for columns 0, kLanes, ... of a row of n elements; lanes < kLanes at its end
// only.
template <class Body>
inline void columns(std::int64_t n, Body&& body) {
  std::int64_t c = 0;
  for (; c + kLanes <= n; c += kLanes) body(c, kLanes);
  if (c < n) body(c, static_cast<int>(n - c));
}

}  // namespace lora::cpu::LORA_VEC_NS

#endif
