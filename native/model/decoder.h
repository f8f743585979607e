// The whole model: embed, layers, final norm, head; the order of everything, over the operations of a
// backend.
#ifndef LORA_MODEL_DECODER_H
#define LORA_MODEL_DECODER_H

#include <memory>
#include <vector>

#include "model/layer.h"
#include "runtime/cancel.h"

namespace lora {

class Decoder {
 public:
  // Keeps references: spec, weights and adapters live as long as the decoder.
  Decoder(const ModelSpec& spec, const Weights& weights, const Adapters& adapters);

  // Embeds and runs all layers, then the final norm over the picked rows into a.head_h.
  void forward(Ops& ops, const BatchView& b, Pass pass, const Activations& a,
               const CancelToken& cancel) const;

  // Losses of the picked rows; while training also a.head_dx and the gradients of an adapter on the head.
  void loss(Ops& ops, const BatchView& b, Pass pass, const Activations& a) const;

  // From a.head_dx down to the lowest layer that trains; adds to the gradient slabs.
  void backward(Ops& ops, const BatchView& b, const Activations& a, const CancelToken& cancel) const;

  // z = head_h W^T (+ adapter) of picked rows [from, from + count) into `out` [count, V] Real. `route` covers
  // these rows.
  void logits(Ops& ops, const BatchView& b, const Activations& a, std::int64_t from, std::int64_t count,
              const lora_route& route, Tensor out) const;

 private:
  void final_norm(Ops& ops, const BatchView& b, const Activations& a, Tensor r, Tensor delta) const;

  const ModelSpec& spec_;
  const Weights& weights_;
  const Adapters& adapters_;
  std::vector<Layer> layers_;
  int head_site_;
};

}  // namespace lora

#endif
