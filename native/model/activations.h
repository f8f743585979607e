// What a forward pass keeps for the backward pass, and the scratch both share. While training every layer
// keeps its own tensors; otherwise all layers share one set.
#ifndef LORA_MODEL_ACTIVATIONS_H
#define LORA_MODEL_ACTIVATIONS_H

#include <vector>

#include "model/spec.h"
#include "runtime/memory.h"

namespace lora {

struct LayerSaved {
  Recompute recompute = Recompute::kNone;
  Tensor sum1, h1, rstd1;  // [T,D], [T,D], [T]: the residual stream, normalised, before attention
  Tensor q_raw, k_raw, rstd_q, rstd_k;  // before the norms on heads; absent without them
  Tensor q, k, v, o, lse;               // after RoPE; [T,H,E], [T,G,E] twice, [T,H,E], [H,T]
  Tensor sum2, h2, rstd2;               // the same before the feed-forward part
  Tensor gate, up, h;                   // [T,F]
  // Cheap layers share one scratch for h1, h2 and h. Layers that are run again share everything but sum1 and the
  // u of down, whose product is not repeated.
  Tensor u[9];  // x A^T of each projection, by its number; absent where no adapter may sit
};

struct Activations {
  Tensor x0;                       // [T,D]: the embedded tokens
  Tensor out;                      // [T,D]: what a half layer adds to the residual stream
  Tensor cos, sin;                 // [T,I]
  Tensor qkv, gate_up;             // scratch for files that keep them as one; absent otherwise
  std::vector<LayerSaved> layers;  // one each while training, else a single one
  const LayerSaved& layer(std::int64_t l) const {
    return layers[layers.size() == 1 ? 0 : static_cast<std::size_t>(l)];
  }

  // The head, over the picked rows.
  Tensor head_r, head_delta, head_sum, head_h, head_rstd, head_u;  // [n,D] four times, [n], [n,R]
  Tensor row_loss, row_top1;                                       // [n] Real, [n] i32
  Tensor loss_sum, weight_sum, scored;                             // [slots + 1] f64, f64, i32

  // Backward.
  Tensor dres, dx, head_dx;      // [T,D], [T,D], [n,D]
  Tensor dwide, dqkv, dgate_up;  // [T,F] or wider; scratch for joined gradients
  Tensor dout, dq, dk, dv;       // [T,H,E], [T,H,E], [T,G,E] twice
};

enum class Pass {
  kTrain,    // keep everything, room for gradients
  kScore,    // losses only
  kGenerate  // hidden states for logits; no losses
};

// Takes the tensors of one pass over `tokens` rows of which `picked` reach the head.
Activations take_activations(Arena& arena, const ModelSpec& spec, Types types, const Limits& limits,
                             bool adapters, Pass pass, std::int64_t tokens, std::int64_t picked);

}  // namespace lora

#endif
