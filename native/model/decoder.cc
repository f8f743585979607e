// A cancel token is read between layers, never inside one.
#include "model/decoder.h"

#include "model/rope.h"

namespace lora {

namespace {

void gather(Ops& ops, Tensor from, Tensor index, Tensor to) {
  lora_rows_args args{};
  args.src = from;
  args.dst = to;
  args.index = index;
  ops.rows(args);
}

}  // namespace

Decoder::Decoder(const ModelSpec& spec, const Weights& weights, const Adapters& adapters)
    : spec_(spec), weights_(weights), adapters_(adapters), head_site_(adapters.find(-1, Projection::kHead)) {
  for (std::int64_t l = 0; l < spec.layers; ++l) {
    layers_.emplace_back(spec, weights.layers[static_cast<std::size_t>(l)], adapters,
                         static_cast<std::int32_t>(l));
  }
}

void Decoder::forward(Ops& ops, const BatchView& b, Pass pass, const Activations& a,
                      const CancelToken& cancel) const {
  cancel.check();
  lora_embed_args embed{};
  embed.ids = b.ids;
  embed.table = weights_.embed;
  embed.out = a.x0;
  embed.noise = b.noise;
  embed.streams = b.streams;
  embed.route = b.route.view;
  ops.embed(embed);

  lora_rope_table_args table{};
  table.position = b.position;
  table.variant = b.variant;
  table.inv_freq = b.inv_freq;
  table.cos = a.cos;
  table.sin = a.sin;
  table.amplitude = rope_amplitude(spec_.rope);
  ops.rope_table(table);

  Tensor r = a.x0, delta;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    cancel.check();
    const LayerSaved& saved = a.layer(static_cast<std::int64_t>(l));
    layers_[l].forward(ops, b, pass == Pass::kTrain, r, delta, a, saved);
    r = saved.sum2;
    delta = a.out;
  }
  cancel.check();
  if (b.picked) {
    final_norm(ops, b, a, r, delta);
  }
}

void Decoder::final_norm(Ops& ops, const BatchView& b, const Activations& a, Tensor r, Tensor delta) const {
  if (!b.pick_all) {
    gather(ops, r, b.pick, a.head_r);
    gather(ops, delta, b.pick, a.head_delta);
    r = a.head_r;
    delta = a.head_delta;
  }
  lora_norm_args norm{};
  norm.r = r;
  norm.delta = delta;
  norm.sum = a.head_sum;
  norm.w = weights_.norm;
  norm.y = a.head_h;
  norm.rstd = a.head_rstd;
  norm.eps = spec_.norm_eps;
  ops.norm(norm);
}

void Decoder::loss(Ops& ops, const BatchView& b, Pass pass, const Activations& a) const {
  for (const Tensor& t : {a.loss_sum, a.weight_sum, a.scored}) {
    ops.stream().fill(t.data, 0, t.bytes());
  }
  if (!b.picked) {
    return;
  }
  const bool training = pass == Pass::kTrain;
  lora_head_loss_args head{};
  head.x = a.head_h;
  head.labels = b.labels;
  head.weight = b.weight;
  head.dx = training ? a.head_dx : Tensor();
  head.w = weights_.head.w;
  head.pair = adapters_.pair(head_site_, b.slots, b.streams, training);
  head.route = b.pick_route.view;
  head.smoothing = b.smoothing;
  head.row_loss = training ? Tensor() : a.row_loss;
  head.row_top1 = training ? Tensor() : a.row_top1;
  head.loss_sum = a.loss_sum;
  head.weight_sum = a.weight_sum;
  head.scored = a.scored;
  ops.head_loss(head);
}

void Decoder::backward(Ops& ops, const BatchView& b, const Activations& a, const CancelToken& cancel) const {
  const std::int32_t lowest = adapters_.lowest_stage(b.slots);
  const auto stages = static_cast<std::int32_t>(spec_.layers) * Adapters::kStagesPerLayer;
  if (!b.picked || lowest >= stages) {
    return;  // at most the head trains, and head_loss has done that
  }

  lora_norm_bwd_args norm{};
  norm.dy = a.head_dx;
  norm.sum = a.head_sum;
  norm.w = weights_.norm;
  norm.rstd = a.head_rstd;
  norm.dx = b.pick_all ? a.dres : a.head_dx;
  ops.norm_bwd(norm);
  if (!b.pick_all) {
    ops.stream().fill(a.dres.data, 0, a.dres.bytes());
    lora_rows_args scatter{};
    scatter.src = a.head_dx;
    scatter.dst = a.dres;
    scatter.index = b.pick;
    scatter.scatter = 1;
    ops.rows(scatter);
  }
  for (std::int32_t l = static_cast<std::int32_t>(spec_.layers) - 1; l >= lowest / Adapters::kStagesPerLayer;
       --l) {
    cancel.check();
    layers_[static_cast<std::size_t>(l)].backward(ops, b, lowest, a, a.layer(l));
  }
  cancel.check();
}

void Decoder::logits(Ops& ops, const BatchView& b, const Activations& a, std::int64_t from,
                     std::int64_t count, const lora_route& route, Tensor out) const {
  lora_linear_args head{};
  head.x = a.head_h.rows(from, count);
  head.y = out;
  head.w = weights_.head.w;
  head.pair = adapters_.pair(head_site_, b.slots, b.streams, false);
  head.u = head.pair.a ? a.head_u.rows(from, count) : Tensor();
  head.route = route;
  ops.linear(&head, 1);
}

}  // namespace lora
