// One decoder layer, forward and backward, as calls. No tape: backward is the same list upside down.
#ifndef LORA_MODEL_LAYER_H
#define LORA_MODEL_LAYER_H

#include "model/activations.h"
#include "model/adapters.h"
#include "model/batch.h"
#include "model/weights.h"
#include "runtime/ops.h"

namespace lora {

class Layer {
 public:
  Layer(const ModelSpec& spec, const LayerWeights& weights, const Adapters& adapters, std::int32_t index);

  // r + delta is the residual stream that enters (delta absent: r alone); s.sum2 + a.out is what leaves.
  void forward(Ops& ops, const BatchView& b, bool training, Tensor r, Tensor delta, const Activations& a,
               const LayerSaved& s) const;

  // a.dres: the gradient of what leaves, in; of what entered, out. Nothing below stage `lowest` is computed.
  void backward(Ops& ops, const BatchView& b, std::int32_t lowest, const Activations& a,
                const LayerSaved& s) const;

 private:
  lora_linear_args forward_of(Projection p, const BatchView& b, bool training, Tensor x, Tensor y,
                              const LayerSaved& s) const;
  lora_linear_bwd_args backward_of(Projection p, const BatchView& b, Tensor dy, Tensor x, Tensor dx,
                                   lora_write write, const LayerSaved& s) const;
  // Everything but the last product.
  void forward_inner(Ops& ops, const BatchView& b, bool training, Tensor r, Tensor delta,
                     const Activations& a, const LayerSaved& s) const;
  void attention_forward(Ops& ops, const BatchView& b, bool training, const Activations& a,
                         const LayerSaved& s) const;
  void attention_backward(Ops& ops, const BatchView& b, const Activations& a, const LayerSaved& s) const;

  const ModelSpec& spec_;
  const LayerWeights& weights_;
  const Adapters& adapters_;
  std::int32_t index_;
  int site_[kLayerProjections];  // in adapters.sites(), -1 where no adapter may sit
};

}  // namespace lora

#endif
