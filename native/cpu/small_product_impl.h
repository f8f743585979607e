// Products of small f32 matrices that lie in a thread's scratch: what attention is made of. Register tiles of
// kTileRows x kTileVectors sums; each sum runs over k in order, one multiply-add at a time.
#ifndef LORA_CPU_SMALL_PRODUCT_IMPL_H
#define LORA_CPU_SMALL_PRODUCT_IMPL_H

#include "cpu/vec.h"

namespace lora::cpu::LORA_VEC_NS {

constexpr int kTileRows = 6, kTileVectors = 2;

// How the left factor lies: A[i, k] at a + i * step + k, or (turned) at a + k * step + i.
enum class Left { kRows, kTurned };

template <int kRows, int kVectors, Left kLeft>
inline void product_tile(std::int64_t depth, const float* a, std::int64_t a_step, const float* b,
                         std::int64_t b_step, float* c, std::int64_t c_step, bool add) {
  Vf sums[kRows][kVectors];
  for (int i = 0; i < kRows; ++i) {
    for (int v = 0; v < kVectors; ++v) sums[i][v] = add ? load(c + i * c_step + v * kLanes) : Vf{};
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    Vf right[kVectors];
    for (int v = 0; v < kVectors; ++v) right[v] = load(b + k * b_step + v * kLanes);
    for (int i = 0; i < kRows; ++i) {
      const Vf left = splat(kLeft == Left::kRows ? a[i * a_step + k] : a[k * a_step + i]);
      for (int v = 0; v < kVectors; ++v) sums[i][v] = fma(left, right[v], sums[i][v]);
    }
  }
  for (int i = 0; i < kRows; ++i) {
    for (int v = 0; v < kVectors; ++v) store(c + i * c_step + v * kLanes, sums[i][v]);
  }
}

template <int kVectors, Left kLeft>
inline void product_column(std::int64_t rows, std::int64_t depth, const float* a, std::int64_t a_step,
                           const float* b, std::int64_t b_step, float* c, std::int64_t c_step, bool add) {
  const std::int64_t a_next = kLeft == Left::kRows ? a_step : 1;
  std::int64_t i = 0;
  for (; i + kTileRows <= rows; i += kTileRows) {
    product_tile<kTileRows, kVectors, kLeft>(depth, a + i * a_next, a_step, b, b_step, c + i * c_step, c_step,
                                             add);
  }
  const float* rest_a = a + i * a_next;
  float* rest_c = c + i * c_step;
  switch (rows - i) {
    case 5: return product_tile<5, kVectors, kLeft>(depth, rest_a, a_step, b, b_step, rest_c, c_step, add);
    case 4: return product_tile<4, kVectors, kLeft>(depth, rest_a, a_step, b, b_step, rest_c, c_step, add);
    case 3: return product_tile<3, kVectors, kLeft>(depth, rest_a, a_step, b, b_step, rest_c, c_step, add);
    case 2: return product_tile<2, kVectors, kLeft>(depth, rest_a, a_step, b, b_step, rest_c, c_step, add);
    case 1: return product_tile<1, kVectors, kLeft>(depth, rest_a, a_step, b, b_step, rest_c, c_step, add);
    default: return;
  }
}

// C[rows, columns] (+)= A[rows, depth] B[depth, columns]; columns is a multiple of kLanes.
template <Left kLeft>
inline void small_product(std::int64_t rows, std::int64_t columns, std::int64_t depth, const float* a,
                          std::int64_t a_step, const float* b, std::int64_t b_step, float* c,
                          std::int64_t c_step, bool add) {
  std::int64_t j = 0;
  for (; j + kTileVectors * kLanes <= columns; j += kTileVectors * kLanes) {
    product_column<kTileVectors, kLeft>(rows, depth, a, a_step, b + j, b_step, c + j, c_step, add);
  }
  if (j < columns) product_column<1, kLeft>(rows, depth, a, a_step, b + j, b_step, c + j, c_step, add);
}

}  // namespace lora::cpu::LORA_VEC_NS

#endif
