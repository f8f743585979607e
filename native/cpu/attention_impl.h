// Attention forward in tiles, with a running maximum and sum (Milakov & Gimelshein 2018; Rabe & Staats 2021;
// Dao et al. 2022), and the single-query form that decoding uses. Included by ops_<isa>.cc;
// docs/math/attention.md.
//
// One item of work is a block of queries of one sequence with all query heads that share one key head: those
// rows read the same keys. Scores are kept turned, [keys, rows], so that maxima and sums of a row are taken
// lane by lane and the queries are the vectors of the first product. Items are independent, so results do not
// depend on threads.
#ifndef LORA_CPU_ATTENTION_IMPL_H
#define LORA_CPU_ATTENTION_IMPL_H

#include "cpu/small_product_impl.h"

namespace lora::cpu::LORA_VEC_NS {

constexpr std::int64_t kQueryRows = 64;  // rows of an item, about
constexpr std::int64_t kKeys = 96;       // keys of a tile: a multiple of kTileRows

inline std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

// Widens n elements; to[n .. round_up(n, kLanes)) becomes 0.
template <class Store>
inline void widen_row(const Store* from, std::int64_t n, float by, float* to) {
  columns(n, [&](std::int64_t e, int lanes) { store(to + e, load_n(from + e, lanes) * by); });
}

template <class Store>
inline void narrow_row(const float* from, std::int64_t n, float by, Store* to) {
  columns(n, [&](std::int64_t e, int lanes) { store_n(to + e, load(from + e) * by, lanes); });
}

// Keys [from, from + count) of one head, widened to rows of Ep.
template <class Store>
inline void widen_keys(const Store* k, std::int64_t step, std::int64_t count, std::int64_t E, std::int64_t Ep,
                       float* to) {
  for (std::int64_t j = 0; j < count; ++j) widen_row(k + j * step, E, 1.0f, to + j * Ep);
}

// The keys that each row of an item sees: [low, high], in rows of the sequence.
struct Sight {
  std::int32_t *low, *high;
  std::int64_t lowest, highest;   // over all rows: what must be visited
  std::int64_t all_from, all_to;  // keys in [all_from, all_to] are seen by every row

  // Row r belongs to query first + r / group, at position `offset` further on. Rows past `rows` see
  // everything: they are padding, and nobody reads them.
  void set(std::int64_t rows, std::int64_t padded, std::int64_t first, std::int64_t group,
           std::int64_t offset, std::int64_t window) {
    for (std::int64_t r = 0; r < padded; ++r) {
      const std::int64_t position = first + r / group + offset;
      const std::int64_t from = window > 0 && position - window + 1 > 0 ? position - window + 1 : 0;
      low[r] = r < rows ? static_cast<std::int32_t>(from) : 0;
      high[r] = r < rows ? static_cast<std::int32_t>(position) : INT32_MAX;
    }
    lowest = low[0];
    highest = high[rows - 1];
    all_from = low[rows - 1];
    all_to = high[0];
  }
  bool partial(std::int64_t key, std::int64_t count) const {
    return key < all_from || key + count - 1 > all_to;
  }
};

// -inf where row r does not see key k0 + j.
inline void hide(float* scores, std::int64_t padded, std::int64_t k0, std::int64_t count,
                 const Sight& sight) {
  for (std::int64_t r = 0; r < padded; r += kLanes) {
    Vi low, high;
    std::memcpy(&low, sight.low + r, sizeof low);
    std::memcpy(&high, sight.high + r, sizeof high);
    for (std::int64_t j = 0; j < count; ++j) {
      const Vi key = splat(static_cast<std::int32_t>(k0 + j));
      float* at = scores + j * padded + r;
      store(at, (key < low) | (key > high) ? splat(-__builtin_inff()) : load(at));
    }
  }
}

// Moves each row's running maximum and sum over `count` more keys; scores become e^(score - maximum), `fade`
// what earlier sums must be multiplied by.
inline void advance(float* scores, std::int64_t padded, std::int64_t count, float* top, float* sum,
                    float* fade) {
  for (std::int64_t r = 0; r < padded; r += kLanes) {
    const Vf before = load(top + r);
    Vf most = before;
    for (std::int64_t j = 0; j < count; ++j) most = max(load(scores + j * padded + r), most);
    const Vf from = most == -__builtin_inff() ? Vf{} : most;  // a row that has seen no key yet
    Vf total{};
    for (std::int64_t j = 0; j < count; ++j) {
      const Vf p = exp(load(scores + j * padded + r) - from);
      store(scores + j * padded + r, p);
      total += p;
    }
    const Vf faded = exp(before - from);
    store(top + r, most);
    store(fade + r, faded);
    store(sum + r, load(sum + r) * faded + total);
  }
}

struct ForwardScratch {
  float *turned, *keys, *values, *scores, *out, *top, *sum, *fade;
  Sight sight;

  static std::int64_t floats(std::int64_t padded, std::int64_t E, std::int64_t Ep) {
    return E * padded + 2 * kKeys * Ep + kKeys * padded + padded * Ep + 5 * padded;
  }
  ForwardScratch(float* at, std::int64_t padded, std::int64_t E, std::int64_t Ep) {
    const auto take = [&at](std::int64_t n) { return (at += n) - n; };
    turned = take(E * padded);
    keys = take(kKeys * Ep);
    values = take(kKeys * Ep);
    scores = take(kKeys * padded);
    out = take(padded * Ep);
    top = take(padded);
    sum = take(padded);
    fade = take(padded);
    sight.low = reinterpret_cast<std::int32_t*>(take(padded));
    sight.high = reinterpret_cast<std::int32_t*>(take(padded));
  }
};

// One item: queries [first, first + count) of sequence s with key head g.
template <class Store>
inline void attention_item(const lora_attention_args& a, std::int64_t s, std::int64_t first,
                           std::int64_t count, std::int64_t g, float* scratch, std::int64_t scratch_rows) {
  const std::int64_t T = a.q.shape[0], H = a.q.shape[1], E = a.q.shape[2], G = a.k.shape[1], group = H / G;
  const std::int64_t Ep = round_up(E, kLanes), rows = count * group, padded = round_up(rows, kLanes);
  const std::int64_t n = a.q_begin_host[s + 1] - a.q_begin_host[s], keys = a.k_count_host[s];
  const std::int64_t t0 = a.q_begin_host[s] + first;
  ForwardScratch w(scratch, scratch_rows, E, Ep);
  w.sight.set(rows, padded, first, group, keys - n, a.window);

  const Store* q = static_cast<const Store*>(a.q.data);
  const auto row_at = [&](std::int64_t r) { return ((t0 + r / group) * H + g * group + r % group) * E; };
  const float scale = static_cast<float>(a.scale);
  std::memset(w.turned, 0, sizeof(float) * static_cast<std::size_t>(E * padded));
  for (std::int64_t r = 0; r < rows; ++r) {
    const Store* from = q + row_at(r);
    for (std::int64_t e = 0; e < E; ++e) w.turned[e * padded + r] = to_f32(from[e]) * scale;
  }
  for (std::int64_t r = 0; r < padded; ++r) {
    w.top[r] = -__builtin_inff();
    w.sum[r] = 0;
  }
  std::memset(w.out, 0, sizeof(float) * static_cast<std::size_t>(padded * Ep));

  const std::int64_t step = G * E, base = (a.k_begin_host[s] * G + g) * E;
  for (std::int64_t k0 = w.sight.lowest; k0 <= w.sight.highest; k0 += kKeys) {
    const std::int64_t tile = w.sight.highest + 1 - k0 < kKeys ? w.sight.highest + 1 - k0 : kKeys;
    widen_keys(static_cast<const Store*>(a.k.data) + base + k0 * step, step, tile, E, Ep, w.keys);
    widen_keys(static_cast<const Store*>(a.v.data) + base + k0 * step, step, tile, E, Ep, w.values);
    small_product<Left::kRows>(tile, padded, E, w.keys, Ep, w.turned, padded, w.scores, padded, false);
    if (w.sight.partial(k0, tile)) hide(w.scores, padded, k0, tile, w.sight);
    advance(w.scores, padded, tile, w.top, w.sum, w.fade);
    if (k0 != w.sight.lowest) {
      for (std::int64_t r = 0; r < rows; ++r) {
        if (w.fade[r] == 1.0f) continue;
        for (std::int64_t e = 0; e < Ep; e += kLanes)
          store(w.out + r * Ep + e, load(w.out + r * Ep + e) * w.fade[r]);
      }
    }
    small_product<Left::kTurned>(rows, Ep, tile, w.scores, padded, w.values, Ep, w.out, Ep, true);
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    narrow_row(w.out + r * Ep, E, 1.0f / w.sum[r], static_cast<Store*>(a.o.data) + row_at(r));
    if (a.lse.data == nullptr) continue;
    const std::int64_t h = g * group + r % group;
    static_cast<float*>(a.lse.data)[h * T + t0 + r / group] = w.top[r] + ::logf(w.sum[r]);
  }
}

constexpr std::int64_t kDecodeKeys = 256;

inline std::int64_t decode_floats(std::int64_t group, std::int64_t Ep) {
  return group * (2 * Ep + kDecodeKeys + 2);
}

// One query with the heads that share key head g, straight from the cache: no tile is worth packing for one
// row.
template <class Store>
inline void attention_decode(const lora_attention_args& a, std::int64_t s, std::int64_t g, float* scratch) {
  const std::int64_t T = a.q.shape[0], H = a.q.shape[1], E = a.q.shape[2], G = a.k.shape[1], group = H / G;
  const std::int64_t Ep = round_up(E, kLanes), t = a.q_begin_host[s], last = a.k_count_host[s] - 1,
                     step = G * E;
  const std::int64_t low = a.window > 0 && last - a.window + 1 > 0 ? last - a.window + 1 : 0;
  float *q = scratch, *out = q + group * Ep, *scores = out + group * Ep, *top = scores + group * kDecodeKeys,
        *sums = top + group;
  for (std::int64_t h = 0; h < group; ++h) {
    widen_row(static_cast<const Store*>(a.q.data) + (t * H + g * group + h) * E, E,
              static_cast<float>(a.scale), q + h * Ep);
    top[h] = -__builtin_inff();
    sums[h] = 0;
  }
  std::memset(out, 0, sizeof(float) * static_cast<std::size_t>(group * Ep));

  const std::int64_t base = (a.k_begin_host[s] * G + g) * E;
  for (std::int64_t k0 = low; k0 <= last; k0 += kDecodeKeys) {
    const std::int64_t tile = last + 1 - k0 < kDecodeKeys ? last + 1 - k0 : kDecodeKeys;
    const Store* k = static_cast<const Store*>(a.k.data) + base + k0 * step;
    const Store* v = static_cast<const Store*>(a.v.data) + base + k0 * step;
    for (std::int64_t j = 0; j < tile; ++j) {
      for (std::int64_t h = 0; h < group; ++h) {
        Vf dots{};
        columns(E, [&](std::int64_t e, int lanes) {
          dots = fma(load_n(k + j * step + e, lanes), load(q + h * Ep + e), dots);
        });
        scores[h * kDecodeKeys + j] = sum(dots);
      }
    }
    for (std::int64_t h = 0; h < group; ++h) {
      float* row = scores + h * kDecodeKeys;
      for (std::int64_t j = tile; j < round_up(tile, kLanes); ++j) row[j] = -__builtin_inff();
      Vf most = splat(top[h]);
      for (std::int64_t j = 0; j < tile; j += kLanes) most = max(load(row + j), most);
      const float now = largest(most);
      Vf total{};
      for (std::int64_t j = 0; j < tile; j += kLanes) {
        const Vf p = exp(load(row + j) - now);
        store(row + j, p);
        total += p;
      }
      const float fade = exp(splat(top[h] - now))[0];
      top[h] = now;
      sums[h] = sums[h] * fade + sum(total);
      columns(E, [&](std::int64_t e, int lanes) {
        Vf even = load(out + h * Ep + e) * fade, odd{};
        std::int64_t j = 0;
        for (; j + 2 <= tile; j += 2) {
          even = fma(load_n(v + j * step + e, lanes), splat(row[j]), even);
          odd = fma(load_n(v + (j + 1) * step + e, lanes), splat(row[j + 1]), odd);
        }
        if (j < tile) even = fma(load_n(v + j * step + e, lanes), splat(row[j]), even);
        store(out + h * Ep + e, even + odd);
      });
    }
  }
  for (std::int64_t h = 0; h < group; ++h) {
    narrow_row(out + h * Ep, E, 1.0f / sums[h], static_cast<Store*>(a.o.data) + (t * H + g * group + h) * E);
    if (a.lse.data != nullptr)
      static_cast<float*>(a.lse.data)[(g * group + h) * T + t] = top[h] + ::logf(sums[h]);
  }
}

struct AttentionItem {
  std::int32_t sequence, first, count;
};

template <class Store>
void attention(CpuContext& context, const lora_attention_args& a) {
  const std::int64_t H = a.q.shape[1], E = a.q.shape[2], G = a.k.shape[1], group = H / G,
                     Q = a.k_count.shape[0];
  const std::int64_t Ep = round_up(E, kLanes), block = kQueryRows / group > 0 ? kQueryRows / group : 1;
  std::int64_t items = 0;
  for (std::int64_t s = 0; s < Q; ++s)
    items += (a.q_begin_host[s + 1] - a.q_begin_host[s] + block - 1) / block;
  if (items == 0 || E == 0) return;

  const Workspace::Scope scope(context.workspace);
  AttentionItem* list = context.workspace.take<AttentionItem>(items);
  std::int64_t made = 0;
  for (std::int64_t s = 0; s < Q; ++s) {  // the longest rows of keys first: they take longest
    const std::int64_t n = a.q_begin_host[s + 1] - a.q_begin_host[s];
    for (std::int64_t first = (n - 1) / block * block; n > 0 && first >= 0; first -= block) {
      const std::int64_t count = n - first < block ? n - first : block;
      list[made++] = {static_cast<std::int32_t>(s), static_cast<std::int32_t>(first),
                      static_cast<std::int32_t>(count)};
    }
  }
  const std::int64_t padded = round_up(block * group, kLanes);
  const std::int64_t tiled = ForwardScratch::floats(padded, E, Ep), single = decode_floats(group, Ep);
  const std::int64_t each = round_up(tiled > single ? tiled : single, 16);
  float* scratch = context.workspace.take<float>(each * context.pool.threads());
  context.pool.parallel_for_dynamic(items * G, 1, [&](std::int64_t begin, std::int64_t end, int worker) {
    for (std::int64_t i = begin; i < end; ++i) {
      const AttentionItem& item = list[i / G];
      const bool alone = a.q_begin_host[item.sequence + 1] - a.q_begin_host[item.sequence] == 1;
      if (alone) {
        attention_decode<Store>(a, item.sequence, i % G, scratch + worker * each);
      } else {
        attention_item<Store>(a, item.sequence, item.first, item.count, i % G, scratch + worker * each,
                              padded);
      }
    }
  });
}

}  // namespace lora::cpu::LORA_VEC_NS

#endif
