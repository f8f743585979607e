// The argument checks of each operation that this folder's rows, attention and update files implement.
// Letters as in abi/backend.h. The product operations check themselves.
#include "base/dtype.h"
#include "cpu/check.h"

namespace lora::cpu {
namespace {

std::int64_t last_extent(const lora_tensor& t) {
  return t.dims >= 1 && t.dims <= LORA_MAX_DIMS ? t.shape[t.dims - 1] : 1;
}

std::string number(std::int64_t n) { return std::to_string(n); }

// [begin[0] = 0 .. begin[count] = rows], rising.
bool check_starts(Check& c, const char* name, const std::int32_t* begin, std::int64_t count,
                  std::int64_t rows) {
  if (c.planning()) return true;
  if (begin == nullptr) {
    c.invalid(std::string("expected ") + name + "_host in host memory, got none");
    return false;
  }
  bool rises = begin[0] == 0 && begin[count] == rows;
  for (std::int64_t i = 0; i < count; ++i) rises = rises && begin[i] <= begin[i + 1];
  if (!rises)
    c.invalid(std::string("expected ") + name + " to rise from 0 to " + number(rows) + ", the rows of q");
  return rises;
}

}  // namespace

void check(Check& c, const lora_embed_args& a) {
  const std::int64_t T = a.out.shape[0], D = a.out.shape[1], V = a.table.shape[0];
  const lora_dtype store = c.store("out", a.out);
  c.tensor("out", a.out, store, {T, D});
  c.tensor("table", a.table, store, {V, D});
  if (c.tensor("ids", a.ids, LORA_I32, {T})) c.range("id", a.ids, 0, V);
  if (a.noise.data == nullptr) return;
  c.tensor("noise", a.noise, LORA_F32, {T});
  if (!c.route(a.route, T) || c.planning()) return;
  if (a.route.row_dev == nullptr || a.streams.seed == nullptr || a.streams.tick == nullptr) {
    c.invalid("expected row_dev and the streams' seed and tick, because noise is given; got none");
  }
}

void check(Check& c, const lora_norm_args& a) {
  const std::int64_t D = a.w.shape[0], n = elements_of(a.y), T = D > 0 ? n / D : 0;
  const lora_dtype store = c.store("y", a.y);
  c.tensor("w", a.w, store, {D});
  c.like("y", a.y, store, n, D);
  c.like("r", a.r, store, n, D);
  c.like("rstd", a.rstd, real_of(store), T, last_extent(a.rstd));
  if (a.delta.data != nullptr) {
    c.like("delta", a.delta, store, n, D);
    c.like("sum", a.sum, store, n, D);
  }
  if (D < 1) c.invalid("expected a width of at least 1, got " + number(D));
}

void check(Check& c, const lora_norm_bwd_args& a) {
  const std::int64_t D = a.w.shape[0], n = elements_of(a.dx), T = D > 0 ? n / D : 0;
  const lora_dtype store = c.store("dx", a.dx);
  c.tensor("w", a.w, store, {D});
  c.like("dx", a.dx, store, n, D);
  c.like("dy", a.dy, store, n, D);
  c.like("sum", a.sum, store, n, D);
  c.like("rstd", a.rstd, real_of(store), T, last_extent(a.rstd));
  if (a.dsum.data != nullptr) c.like("dsum", a.dsum, store, n, D);
  if (D < 1) c.invalid("expected a width of at least 1, got " + number(D));
}

void check(Check& c, const lora_rope_table_args& a) {
  const std::int64_t T = a.cos.shape[0], I = a.cos.shape[1], variants = a.inv_freq.shape[0];
  const lora_dtype real = c.store("cos", a.cos);
  if (real == LORA_BF16) c.unsupported("expected cos as f32, got bf16");
  c.tensor("position", a.position, LORA_I32, {T});
  c.tensor("inv_freq", a.inv_freq, LORA_F64, {variants, I});
  c.tensor("cos", a.cos, real, {T, I});
  c.tensor("sin", a.sin, real, {T, I});
  if (a.variant.data != nullptr && c.tensor("variant", a.variant, LORA_I32, {T})) {
    c.range("variant", a.variant, 0, variants);
  }
  if (variants < 1) c.invalid("expected at least one variant in inv_freq, got none");
}

void check(Check& c, const lora_rope_args& a) {
  const lora_tensor& lead = a.q.data != nullptr || a.k.dims == 0 ? a.q : a.k;
  const std::int64_t T = lead.shape[0], E = lead.shape[2], I = a.cos.shape[1];
  const lora_dtype store = c.store("q", lead), real = real_of(store);
  if (a.q.data != nullptr || c.planning()) c.tensor("q", a.q, store, {T, a.q.shape[1], E});
  if (a.k.data != nullptr) c.tensor("k", a.k, store, {T, a.k.shape[1], E});
  c.tensor("cos", a.cos, real, {T, I});
  c.tensor("sin", a.sin, real, {T, I});
  if (2 * I > E)
    c.invalid("expected at most " + number(E / 2) + " rotated pairs in a head of " + number(E) + ", got " +
              number(I));
  if (a.sign != 1.0f && a.sign != -1.0f) c.invalid("expected sign 1 or -1, got " + std::to_string(a.sign));
}

void check(Check& c, const lora_attention_args& a) {
  const std::int64_t T = a.q.shape[0], H = a.q.shape[1], E = a.q.shape[2], S = a.k.shape[0], G = a.k.shape[1];
  const std::int64_t Q = a.k_count.shape[0];
  const lora_dtype store = c.store("q", a.q);
  c.tensor("q", a.q, store, {T, H, E});
  c.tensor("k", a.k, store, {S, G, E});
  c.tensor("v", a.v, store, {S, G, E});
  c.tensor("o", a.o, store, {T, H, E});
  if (a.lse.data != nullptr) c.tensor("lse", a.lse, real_of(store), {H, T});
  c.tensor("q_begin", a.q_begin, LORA_I32, {Q + 1});
  c.tensor("k_begin", a.k_begin, LORA_I32, {Q});
  c.tensor("k_count", a.k_count, LORA_I32, {Q});
  if (G < 1 || H % (G < 1 ? 1 : G) != 0) {
    c.invalid("expected query heads to be a multiple of key heads, got " + number(H) + " and " + number(G));
  }
  if (a.window < 0) c.invalid("expected a window of at least 0, got " + number(a.window));
  if (!c.ok() || !check_starts(c, "q_begin", a.q_begin_host, Q, T) || c.planning()) return;
  if (a.k_begin_host == nullptr || a.k_count_host == nullptr) {
    return c.invalid("expected k_begin_host and k_count_host in host memory, got none");
  }
  for (std::int64_t s = 0; s < Q; ++s) {
    const std::int64_t queries = a.q_begin_host[s + 1] - a.q_begin_host[s];
    const std::int64_t first = a.k_begin_host[s], count = a.k_count_host[s];
    if (first >= 0 && count >= queries && first + count <= S && count <= a.longest) continue;
    c.invalid("expected sequence " + number(s) + " to have at least as many keys as queries (" +
              number(queries) + "), at most longest (" + number(a.longest) + "), within the " + number(S) +
              " rows of k; got " + number(count) + " from row " + number(first));
  }
}

void check(Check& c, const lora_attention_bwd_args& a) {
  const std::int64_t T = a.q.shape[0], H = a.q.shape[1], E = a.q.shape[2], G = a.k.shape[1];
  const std::int64_t Q = a.q_begin.shape[0] - 1;
  const lora_dtype store = c.store("q", a.q);
  for (const auto& [name, t] : {std::pair{"q", &a.q}, {"o", &a.o}, {"dout", &a.dout}, {"dq", &a.dq}}) {
    c.tensor(name, *t, store, {T, H, E});
  }
  for (const auto& [name, t] : {std::pair{"k", &a.k}, {"v", &a.v}, {"dk", &a.dk}, {"dv", &a.dv}}) {
    c.tensor(name, *t, store, {T, G, E});
  }
  c.tensor("lse", a.lse, real_of(store), {H, T});
  if (Q < 0) return c.invalid("expected q_begin with at least one entry, got none");
  c.tensor("q_begin", a.q_begin, LORA_I32, {Q + 1});
  if (G < 1 || H % (G < 1 ? 1 : G) != 0) {
    c.invalid("expected query heads to be a multiple of key heads, got " + number(H) + " and " + number(G));
  }
  if (a.window < 0) c.invalid("expected a window of at least 0, got " + number(a.window));
  if (!c.ok() || !check_starts(c, "q_begin", a.q_begin_host, Q, T) || c.planning()) return;
  for (std::int64_t s = 0; s < Q; ++s) {
    if (a.q_begin_host[s + 1] - a.q_begin_host[s] <= a.longest) continue;
    c.invalid("expected no sequence longer than longest (" + number(a.longest) + "), sequence " + number(s) +
              " has " + number(a.q_begin_host[s + 1] - a.q_begin_host[s]) + " rows");
  }
}

void check(Check& c, const lora_swiglu_args& a) {
  const std::int64_t n = elements_of(a.h), last = last_extent(a.h);
  const lora_dtype store = c.store("h", a.h);
  for (const auto& [name, t] : {std::pair{"gate", &a.gate}, {"up", &a.up}, {"h", &a.h}})
    c.like(name, *t, store, n, last);
}

void check(Check& c, const lora_swiglu_bwd_args& a) {
  const std::int64_t n = elements_of(a.dh), last = last_extent(a.dh);
  const lora_dtype store = c.store("dh", a.dh);
  for (const auto& [name, t] :
       {std::pair{"gate", &a.gate}, {"up", &a.up}, {"dh", &a.dh}, {"dgate", &a.dgate}, {"dup", &a.dup}}) {
    c.like(name, *t, store, n, last);
  }
}

void check(Check& c, const lora_columns_args& a) {
  if (a.count < 1 || a.count > 3) return c.invalid("expected 1 to 3 parts, got " + number(a.count));
  const lora_dtype store = c.store("whole", a.whole);
  const std::int64_t T = a.whole.shape[0];
  std::int64_t wide = 0;
  for (std::int32_t i = 0; i < a.count; ++i) {
    const std::int64_t N = T > 0 ? elements_of(a.part[i]) / T : last_extent(a.part[i]);
    c.like(("part " + number(i)).c_str(), a.part[i], store, T * N, last_extent(a.part[i]));
    wide += N;
  }
  c.tensor("whole", a.whole, store, {T, wide});
}

void check(Check& c, const lora_rows_args& a) {
  const lora_dtype store = c.store("src", a.src);
  const std::int64_t n = elements_of(a.index), D = a.src.shape[1];
  c.tensor("index", a.index, LORA_I32, {n});
  c.tensor("src", a.src, store, {a.scatter ? n : a.src.shape[0], D});
  c.tensor("dst", a.dst, store, {a.scatter ? a.dst.shape[0] : n, D});
  if (c.ok()) c.range("index", a.index, 0, a.scatter ? a.dst.shape[0] : a.src.shape[0]);
}

void check(Check& c, const lora_sqnorm_args& a) {
  const lora_dtype real = c.store("x", a.x);
  if (real == LORA_BF16) c.unsupported("expected x as f32, got bf16");
  const std::int64_t n = a.slot.shape[0];
  c.tensor("x", a.x, real, {a.x.shape[0], a.x.shape[1]});
  if (c.tensor("slot", a.slot, LORA_I32, {n})) c.range("slot", a.slot, 0, a.x.shape[0]);
  c.tensor("out", a.out, LORA_F64, {n});
}

void check(Check& c, const lora_adamw_args& a) {
  const std::int64_t slots = a.master.shape[0], P = a.master.shape[1];
  const lora_dtype real = c.store("master", a.master), store = c.store("work", a.work);
  if (real == LORA_BF16) c.unsupported("expected master as f32, got bf16");
  if ((real == LORA_F64) != (store == LORA_F64))
    c.unsupported("expected work as f64 where master is, and only there");
  c.tensor("work", a.work, store, {slots, P});
  for (const auto& [name, t] :
       {std::pair{"master", &a.master}, {"grad", &a.grad}, {"m", &a.m}, {"v", &a.v}}) {
    c.tensor(name, *t, real, {slots, P});
  }
  c.tensor("sqnorm", a.sqnorm, LORA_F64, {a.count});
  c.tensor("weight_sum", a.weight_sum, LORA_F64, {slots + 1});
  c.tensor("report", a.report, LORA_F64, {a.count, 3});
  if (c.planning()) return;
  if (a.count > 0 && a.rules == nullptr) return c.invalid("expected rules in host memory, got none");
  for (std::int32_t i = 0; i < a.count; ++i) {
    if (a.rules[i].slot >= 0 && a.rules[i].slot < slots && a.rules[i].step >= 1) continue;
    c.invalid("expected rule " + number(i) + " with a slot from 0 to " + number(slots - 1) +
              " and a step of at least 1, got slot " + number(a.rules[i].slot) + " and step " +
              number(a.rules[i].step));
  }
  for (std::int32_t i = 0; i < a.count; ++i) {
    for (std::int32_t j = 0; j < i; ++j) {
      if (a.rules[i].slot == a.rules[j].slot)
        c.invalid("expected one rule a slot, slot " + number(a.rules[i].slot) + " has two");
    }
  }
}

void check(Check& c, const lora_sample_args& a) {
  const std::int64_t Q = a.logits.shape[0], V = a.logits.shape[1], L = a.history.shape[1];
  const lora_dtype real = c.store("logits", a.logits);
  if (real == LORA_BF16) c.unsupported("expected logits as f32, got bf16");
  c.tensor("logits", a.logits, real, {Q, V});
  for (const auto& [name, t] : {std::pair{"temperature", &a.temperature},
                                {"top_p", &a.top_p},
                                {"penalty", &a.penalty},
                                {"logprob", &a.logprob}}) {
    c.tensor(name, *t, LORA_F32, {Q});
  }
  for (const auto& [name, t] : {std::pair{"top_k", &a.top_k},
                                {"counter", &a.counter},
                                {"history_count", &a.history_count},
                                {"token", &a.token}}) {
    c.tensor(name, *t, LORA_I32, {Q});
  }
  c.tensor("seed", a.seed, LORA_I32, {Q, 2});
  c.tensor("history", a.history, LORA_I32, {Q, L});
  if (a.allow.data != nullptr) c.tensor("allow", a.allow, LORA_I32, {Q, (V + 31) / 32});
  if (V < 1) c.invalid("expected a vocabulary of at least 1, got " + number(V));
  if (!c.ok() || c.planning()) return;
  c.range("history_count", a.history_count, 0, L + 1);
  for (std::int64_t q = 0; q < Q; ++q) {
    const std::int32_t count = static_cast<const std::int32_t*>(a.history_count.data)[q];
    const std::int32_t* history = static_cast<const std::int32_t*>(a.history.data) + q * L;
    for (std::int32_t i = 0; i < count && c.ok(); ++i) {
      if (history[i] >= 0 && history[i] < V) continue;
      c.invalid("expected history ids from 0 to " + number(V - 1) + ", got " + number(history[i]) +
                " in row " + number(q));
    }
  }
}

}  // namespace lora::cpu
