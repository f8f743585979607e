// The random streams that both backends must draw alike: Philox4x32-10 (Salmon et al., "Parallel random numbers:
// as easy as 1, 2, 3", SC 2011), keyed by an adapter's seed, counted by (column / 4, row, site, tick); dropout has its own below.
// row is lora_route.row_dev[t]; lane column % 4 of the result belongs to `column`. Nothing is ever stored:
// backward draws the same numbers again.
#ifndef LORA_ABI_PHILOX_H
#define LORA_ABI_PHILOX_H

#include <stdint.h>

#ifdef __CUDACC__
#define LORA_PHILOX_FN static __host__ __device__ __forceinline__
#else
#define LORA_PHILOX_FN static inline
#endif

// Sites past every projection's number.
#define LORA_SITE_NEFTUNE 0xFFFFFFFFu
#define LORA_SITE_SAMPLE  0xFFFFFFFEu

typedef struct lora_philox4 { uint32_t v[4]; } lora_philox4;

LORA_PHILOX_FN lora_philox4 lora_philox_rounds(uint64_t seed, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, int rounds) {
  uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
  for (int i = 0; i < rounds; ++i) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
    uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1; c3 = (uint32_t)p0; c0 = n0; c2 = n2;
    k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;
  }
  lora_philox4 r;
  r.v[0] = c0; r.v[1] = c1; r.v[2] = c2; r.v[3] = c3;
  return r;
}

LORA_PHILOX_FN lora_philox4 lora_philox(uint64_t seed, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3) {
  return lora_philox_rounds(seed, c0, c1, c2, c3, 10);
}

// Dropout draws 16 bits an element, eight neighbouring columns from one counter (column / 8, row, site, tick), with the
// seven rounds that the paper finds to be enough for every test of BigCrush: drawing is what dropout costs on a GPU.
LORA_PHILOX_FN lora_philox4 lora_drop_draws(uint64_t seed, uint32_t eight, uint32_t row, uint32_t site, uint32_t tick) {
  return lora_philox_rounds(seed, eight, row, site, tick, 7);
}
LORA_PHILOX_FN uint32_t lora_drop_draw(const lora_philox4* draws, uint32_t column) {
  return draws->v[(column & 7) >> 1] >> (column & 1) * 16 & 0xFFFFu;
}

// An element is kept when its draw is at least this: p in steps of 1 / 65,536, never all.
LORA_PHILOX_FN uint32_t lora_drop_threshold(float p) {
  const uint32_t threshold = (uint32_t)((double)p * 65536.0 + 0.5);
  return threshold < 65535u ? threshold : 65535u;
}
// What is kept is scaled by this: 1 / (1 - p) for the p that the threshold stands for, so that the mean stays.
LORA_PHILOX_FN double lora_drop_keep(uint32_t threshold) { return 65536.0 / (65536.0 - (double)threshold); }

// [0, 1) with 24 bits, exact in f32.
LORA_PHILOX_FN float lora_uniform(uint32_t draw) { return (float)(draw >> 8) * (1.0f / 16777216.0f); }

#endif
