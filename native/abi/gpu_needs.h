// What the CUDA plugin takes for itself, from limits alone. In the contract, because the planner also answers for a
// GPU that is not in this machine, where no plugin may be built. device_open allocates exactly workspace_bytes.
#ifndef LORA_ABI_GPU_NEEDS_H
#define LORA_ABI_GPU_NEEDS_H

#include "backend.h"

static inline int64_t lora_least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t lora_most(int64_t a, int64_t b) { return a > b ? a : b; }

// The largest operation's cut of the workspace: a layer's linears (u and g of three siblings, the partial sums of dA and
// dB and, up to rank 32, of g) or the head (the logits of a chunk of rows, 1 GiB of them at most, and the same for an
// adapter on it); attention's delta.
// The context is what an H100 showed as used beyond the plan, the same at three shapes: driver, runtime, code and
// stacks of the kernels.
static inline lora_needs lora_gpu_needs(const lora_limits* l) {
  const int64_t logits = lora_least(lora_most(l->tokens, 128) * l->vocabulary * 4, (int64_t)1 << 30);
  const int64_t chunks = l->tokens / 1024 + 1 + lora_least(64, lora_most(1, l->slots));
  const int64_t thin = 3 * l->tokens * l->rank * 4, partial = 2 * chunks * l->widest * l->rank * 4;
  const int64_t head_partial = l->vocabulary * l->rank * 4 * chunks;
  lora_needs needs;
  const int64_t back_rank = l->rank <= 32 ? l->rank : 0;
  const int64_t layer = partial + 3 * (l->widest / 256 + 1) * l->tokens * back_rank * 4;
  const int64_t head = logits + head_partial + (l->vocabulary / 256 + 1) * (logits / l->vocabulary / 2) * back_rank * 4;
  needs.workspace_bytes = 2 * thin + lora_most(layer, head) + l->tokens * (l->widest / 16 + 64) * 4 + ((int64_t)16 << 20);
  needs.context_bytes = (int64_t)538 << 20;
  return needs;
}

#endif
