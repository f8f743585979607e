// The narrow waist: one struct of arguments per operation and the one table of functions that the CPU backend and
// the CUDA plugin fill. Nothing else joins them.
//
// Shape letters: T rows of the batch, S rows of keys and values, Q sequences, D width, H query heads, G key heads,
// E head width, F feed-forward width, V vocabulary, N x K a weight, R padded rank, P slab length.
// "Real" is f32, or f64 in the oracle. "store" is the type of activations: f32 or bf16 (f64 in the oracle).
// Operations enqueue on a stream and return; none allocates for its caller; every output is fully written unless it
// says "added to". Gradients are unnormalised sums. Every call returns a status and leaves a sentence in last_error.
#ifndef LORA_ABI_BACKEND_H
#define LORA_ABI_BACKEND_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

// out[t,:] = table[ids[t],:] + noise[t] * U(-1, 1), the noise (NEFTune) only where `noise` is given.
typedef struct lora_embed_args {
  lora_tensor  ids, table, out;  // [T] i32, [V,D] store, [T,D] store
  lora_tensor  noise;            // [T] f32 or absent: alpha / sqrt(length of the document * D); 0 for none
  lora_streams streams;          // with site LORA_SITE_NEFTUNE, column = d
  lora_route   route;            // row_dev and slots, when noise is given
} lora_embed_args;

// sum = r + delta;  rstd = 1 / sqrt(mean(sum^2) + eps);  y = sum * rstd * w
typedef struct lora_norm_args {
  lora_tensor r, delta, sum;  // [T,D]; delta may be absent, then sum is not written and r is used; sum may be r
  lora_tensor w, y, rstd;     // [D], [T,D], [T] Real
  double      eps;
} lora_norm_args;

// dx = rstd * (dy * w - xhat * mean(dy * w * xhat)) + dsum,  xhat = sum * rstd
typedef struct lora_norm_bwd_args {
  lora_tensor dy, sum, w, rstd;  // as in forward (`sum` is what was normalised)
  lora_tensor dsum, dx;          // [T,D]: gradient that reaches sum past the norm, or absent; dx may be dsum or dy
} lora_norm_bwd_args;

// y = x W^T + bias + scale * drop(x) A^T B^T
typedef struct lora_linear_args {
  lora_tensor x, bias, y;  // [T,K], [N] or absent, [T,N] (store, or Real for logits)
  lora_tensor u;           // [T,R] store, out: drop(x) A^T, unscaled, kept for backward; absent without a pair
  lora_weight w;           // [N,K]
  lora_pair   pair;
  lora_route  route;
} lora_linear_args;

// g = scale * dy B;  dx (+)= dy W + drop'(g A);  dA += g^T drop(x);  dB += scale * dy^T u
typedef struct lora_linear_bwd_args {
  lora_tensor dy, x, u, dx;  // dx may be absent: only dA and dB are wanted
  lora_weight w;
  lora_pair   pair;          // da == NULL: gradients of A and B are not wanted
  lora_route  route;
  lora_write  dx_write;      // of siblings that share dx: the first may overwrite, the others add
} lora_linear_bwd_args;

// cos[t,i] = amplitude * cos(position[t] * inv_freq[variant[t], i]), sin alike. Angles in double.
typedef struct lora_rope_table_args {
  lora_tensor position, variant;  // [T] i32; variant [T] i32 or absent (0)
  lora_tensor inv_freq;           // [variants, I] f64; I = rotated width / 2
  lora_tensor cos, sin;           // [T,I] Real
  double      amplitude;
} lora_rope_table_args;

// Rotates, in place, elements i and i + I of each head (i < I, the "rotate half" layout); 2I <= E, the rest stays.
// sign -1 rotates back: the backward pass.
typedef struct lora_rope_args {
  lora_tensor q, k;      // [T,H,E], [T,G,E]; either may be absent
  lora_tensor cos, sin;  // [T,I]
  float       sign;
} lora_rope_args;

// o = softmax(scale * q k^T) v, causal within each sequence: its queries are its last rows. With a window, query i
// sees keys j with i - j < window. Head h of q reads head h / (H / G) of k and v.
typedef struct lora_attention_args {
  lora_tensor q, k, v, o, lse;   // [T,H,E], [S,G,E], [S,G,E], [T,H,E], [H,T] Real (log-sum-exp; may be absent)
  lora_tensor q_begin;           // [Q+1] i32, rows of q
  lora_tensor k_begin, k_count;  // [Q] i32, rows of k and v: a cache while generating
  const int32_t *q_begin_host, *k_begin_host, *k_count_host;  // the same numbers in host memory
  int32_t     longest;           // largest k_count
  int32_t     window;            // 0: none
  double      scale;
} lora_attention_args;

// Training only: S == T and each sequence's keys are its own rows.
typedef struct lora_attention_bwd_args {
  lora_tensor q, k, v, o, lse;       // as in forward
  lora_tensor dout, dq, dk, dv;      // [T,H,E], [T,H,E], [T,G,E], [T,G,E]
  lora_tensor q_begin;               // [Q+1] i32
  const int32_t* q_begin_host;
  int32_t     longest, window;
  double      scale;
} lora_attention_bwd_args;

// h = silu(gate) * up
typedef struct lora_swiglu_args { lora_tensor gate, up, h; } lora_swiglu_args;  // [T,F] each

// dgate may be gate, dup may be up.
typedef struct lora_swiglu_bwd_args { lora_tensor gate, up, dh, dgate, dup; } lora_swiglu_bwd_args;

// Columns of one matrix to or from `count` narrower ones, side by side: whole [T, sum N_i], part[i] [T, N_i].
// For files that keep q, k and v, or gate and up, as one projection.
typedef struct lora_columns_args {
  lora_tensor whole, part[3];
  int32_t     count;
} lora_columns_args;

// Gather: dst[i,:] = src[index[i],:]. Scatter: dst[index[i],:] = src[i,:]; indices differ. With `add`, dst += .
typedef struct lora_rows_args {
  lora_tensor src, dst, index;  // [*,D], [*,D], [n] i32
  int32_t     scatter;
  lora_write  write;
} lora_rows_args;

// Cross-entropy of z = x W^T (+ adapter) against labels, without keeping z, and its gradient:
//   nll[t] = logsumexp(z[t]) - (1 - s) z[t, label] - s * mean(z[t]);  s = smoothing
//   loss_sum[slot] += weight[t] * nll[t];  weight_sum[slot] += weight[t];  scored[slot] += 1    (label[t] >= 0)
//   dx = d(sum of weight * nll) / dx, and the pair's dA and dB are added to when dx is given
typedef struct lora_head_loss_args {
  lora_tensor x, labels, weight;     // [T,D], [T] i32 (-1: not scored), [T] Real or absent (1)
  lora_tensor dx;                    // [T,D] store, or absent: evaluation only
  lora_weight w;                     // [V,D]
  lora_pair   pair;                  // an adapter on the head
  lora_route  route;
  double      smoothing;
  lora_tensor row_loss;              // [T] Real or absent: nll without weight; 0 where not scored
  lora_tensor row_top1;              // [T] i32 or absent: the most likely token (lowest id on ties); -1 where not scored
  lora_tensor loss_sum, weight_sum;  // [slots + 1] f64, added to; the last entry is slot -1
  lora_tensor scored;                // [slots + 1] i32, added to
} lora_head_loss_args;

// out[i] = sum over x[slot[i], :]^2, in f64; NaN or infinity when any element is not finite.
typedef struct lora_sqnorm_args {
  lora_tensor x, slot, out;  // [slots,P] Real, [n] i32, [n] f64
} lora_sqnorm_args;

typedef struct lora_adamw_rule {
  double  lr, beta1, beta2, eps, weight_decay;
  double  clip;   // largest gradient norm; 0: no clipping
  int64_t step;   // 1 for the first update
  int32_t slot;
  int32_t reserved;
} lora_adamw_rule;

// One decoupled AdamW update (Loshchilov & Hutter 2019, as torch.optim.AdamW does it) of every slot named in rules:
//   g = grad / weight_sum[slot];  n = sqrt(sqnorm[i]) / weight_sum[slot];  g *= min(1, clip / (n + 1e-6))
//   p *= 1 - lr * weight_decay;  m, v as usual;  p -= lr / (1 - beta1^step) * m / (sqrt(v / (1 - beta2^step)) + eps)
//   work = p in its type;  grad = 0
// If any named slot has a sqnorm that is not finite, or no positive weight_sum, nothing is changed at all.
typedef struct lora_adamw_args {
  lora_tensor master, work, grad, m, v;  // [slots,P]: Real, store, Real, Real, Real; work may be master
  lora_tensor sqnorm, weight_sum;        // [n] f64 in rule order (lora_sqnorm), [slots + 1] f64
  lora_tensor report;                    // [n,3] f64, out: gradient norm n before clipping, factor, 1 when applied
  const lora_adamw_rule* rules;          // host, n of them
  int32_t     count;
} lora_adamw_args;

// Draws one token per row. z = logits with the repetition penalty (Keskar et al. 2019: z > 0 ? z / p : z * p for
// every id in history), tokens outside `allow` at -inf, divided by temperature, kept to top_k (0: all), then to the
// smallest set whose probability reaches top_p, renormalised, inverted at a uniform draw over ids in descending
// order of probability (lowest id first on ties). temperature 0 takes the most likely (lowest id on ties).
// The draw is lane 0 of lora_philox(seed, 0, 0, LORA_SITE_SAMPLE, counter). A NaN counts as -inf. Where `allow` admits
// no token at all, token is -1 and logprob -inf.
typedef struct lora_sample_args {
  lora_tensor logits;                    // [Q,V] f32 (overwritten as scratch)
  lora_tensor temperature, top_p, penalty;  // [Q] f32; penalty 1: none
  lora_tensor top_k;                     // [Q] i32
  lora_tensor seed, counter;             // [Q] two i32 each: [Q,2] low and high word of the seed; [Q] i32 draw number
  lora_tensor history, history_count;    // [Q,L] i32, [Q] i32
  lora_tensor allow;                     // [Q, (V + 31) / 32] i32 bits, or absent
  lora_tensor token, logprob;            // [Q] i32, [Q] f32: log-probability under the untouched logits
} lora_sample_args;

typedef enum lora_op {
  LORA_OP_EMBED = 0, LORA_OP_NORM, LORA_OP_NORM_BWD, LORA_OP_LINEAR, LORA_OP_LINEAR_BWD, LORA_OP_ROPE_TABLE,
  LORA_OP_ROPE, LORA_OP_ATTENTION, LORA_OP_ATTENTION_BWD, LORA_OP_SWIGLU, LORA_OP_SWIGLU_BWD, LORA_OP_SPLIT,
  LORA_OP_JOIN, LORA_OP_ROWS, LORA_OP_HEAD_LOSS, LORA_OP_SQNORM, LORA_OP_ADAMW, LORA_OP_SAMPLE, LORA_OP_COUNT
} lora_op;

typedef struct lora_device_info {
  char    name[128];
  char    detail[256];     // instruction set and threads, or compute capability and driver
  int64_t memory_bytes, free_bytes;
  int32_t units;           // cores or multiprocessors
  int32_t major, minor;    // compute capability; 0 on the CPU
} lora_device_info;

// What the backend may need to size its own workspace at device_open. 0: no such use.
typedef struct lora_limits {
  int32_t threads;     // CPU: 0 picks the number of cores
  int64_t tokens;      // largest T
  int64_t widest;      // largest N or K of any linear but the head
  int64_t vocabulary;  // V
  int64_t rank;        // R
  int64_t slots;
} lora_limits;

// What a device takes for itself beside what alloc hands out.
typedef struct lora_needs {
  int64_t workspace_bytes;  // scratch of operations: taken by device_open, or grown to on first use
  int64_t context_bytes;    // what driver and runtime keep for a process that uses the device; 0 on the CPU
} lora_needs;

typedef struct lora_backend {
  uint32_t    abi_version, struct_size;
  const char* name;  // "cpu", "oracle", "cuda"

  // devices and memory
  lora_status (*device_count)(int32_t* out);
  lora_status (*device_info)(int32_t ordinal, lora_device_info* out);
  // Answers for limits before anything is allocated, and without a device.
  lora_status (*device_needs)(const lora_limits* limits, lora_needs* out);
  lora_status (*device_open)(int32_t ordinal, const lora_limits* limits, lora_device** out);
  void        (*device_close)(lora_device*);
  lora_status (*alloc)(lora_device*, lora_space, size_t bytes, void** out);  // 64-byte aligned at least
  void        (*release)(lora_device*, lora_space, void*);

  // A frozen weight in the backend's own layout. With packed == NULL only *bytes is set (0: this backend keeps
  // weights plain for these uses), and the stream may be NULL; else `packed` is device memory of that many bytes, to be
  // filled from plain codes.
  lora_status (*weight_pack)(lora_stream*, const lora_weight*, uint32_t uses, void* packed, size_t* bytes);

  // streams and events
  lora_status (*stream_open)(lora_device*, lora_stream** out);
  void        (*stream_close)(lora_stream*);
  lora_status (*stream_wait)(lora_stream*);  // until all is done; reports what failed in between
  lora_status (*copy)(lora_stream*, void* to, const void* from, size_t bytes, lora_copy);
  lora_status (*fill)(lora_stream*, void* to, int byte, size_t bytes);
  lora_status (*event_open)(lora_device*, lora_event** out);
  void        (*event_close)(lora_event*);
  lora_status (*event_mark)(lora_stream*, lora_event*);
  lora_status (*event_between)(lora_event* from, lora_event* to, double* milliseconds);

  // operations; enqueue on the stream and return
  lora_status (*embed)(lora_stream*, const lora_embed_args*);
  lora_status (*norm)(lora_stream*, const lora_norm_args*);
  lora_status (*norm_bwd)(lora_stream*, const lora_norm_bwd_args*);
  lora_status (*linear)(lora_stream*, const lora_linear_args* same_x, int32_t count);
  lora_status (*linear_bwd)(lora_stream*, const lora_linear_bwd_args* same_x, int32_t count);
  lora_status (*rope_table)(lora_stream*, const lora_rope_table_args*);
  lora_status (*rope)(lora_stream*, const lora_rope_args*);
  lora_status (*attention)(lora_stream*, const lora_attention_args*);
  lora_status (*attention_bwd)(lora_stream*, const lora_attention_bwd_args*);
  lora_status (*swiglu)(lora_stream*, const lora_swiglu_args*);
  lora_status (*swiglu_bwd)(lora_stream*, const lora_swiglu_bwd_args*);
  lora_status (*split)(lora_stream*, const lora_columns_args*);  // whole -> parts
  lora_status (*join)(lora_stream*, const lora_columns_args*);   // parts -> whole
  lora_status (*rows)(lora_stream*, const lora_rows_args*);
  lora_status (*head_loss)(lora_stream*, const lora_head_loss_args*);
  lora_status (*sqnorm)(lora_stream*, const lora_sqnorm_args*);
  lora_status (*adamw)(lora_stream*, const lora_adamw_args*);
  lora_status (*sample)(lora_stream*, const lora_sample_args*);

  // honesty
  lora_status (*supports)(lora_device*, lora_op, const void* args, char* why, size_t why_size);  // all reasons, a line each
  const char* (*last_error)(void);  // this thread's, until its next call
} lora_backend;

// The plugin's one exported symbol has this type and is called lora_backend_entry.
typedef lora_status (*lora_backend_entry_fn)(uint32_t abi_version, lora_backend* out);

#ifdef __cplusplus
}
#endif
#endif
