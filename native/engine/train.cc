// The calls that train: accumulate, update, drop; and adapters in and out.
#include <algorithm>
#include <cmath>

#include "engine/session.h"

namespace lora {

void Session::require_training(const char* call) const {
  if (!limits_.training) {
    throw invalid_argument(call, "a session opened with training: true", "one opened without");
  }
}

std::int32_t Session::add_adapter(const AdapterConfig& config) {
  if (limits_.slots == 0) {
    throw invalid_argument("slots", "a session opened with slots for adapters", "0 slots");
  }
  return adapters_->add(*stream_, config);
}

void Session::remove_adapter(std::int32_t slot) { adapters_->remove(*stream_, slot); }

std::vector<SlotLoss> Session::accumulate(const BatchCommand& command, const CancelToken& cancel) {
  require_training("accumulate");
  if (dirty_) {
    throw dirty_window();
  }
  check_batch(command, context());
  std::vector<std::int32_t> picked;
  const BatchView view = make_batch(command, context(), true, nullptr, picked, upload_);
  return accumulate(view, upload_, cancel);
}

std::vector<SlotLoss> Session::accumulate(PackedBatch& batch, const CancelToken& cancel) {
  require_training("accumulate");
  if (dirty_) {
    throw dirty_window();
  }
  return accumulate(batch.view, *batch.upload, cancel);
}

std::vector<SlotLoss> Session::accumulate(const BatchView& view, Upload& upload, const CancelToken& cancel) {
  fill_streams(view, *adapters_, upload);
  scratch_.rewind(0);
  const Activations a = take(Pass::kTrain, view);
  const auto slots = static_cast<std::size_t>(limits_.slots);
  double *loss = static_cast<double*>(results_.data()), *weight = loss + slots + 1;
  auto* scored = reinterpret_cast<std::int32_t*>(weight + slots + 1);
  dirty_ = true;  // until all of it is done
  drained([&] {
    upload.send(*stream_);
    decoder_->forward(*ops_, view, Pass::kTrain, a, cancel);
    decoder_->loss(*ops_, view, Pass::kTrain, a);
    decoder_->backward(*ops_, view, a, cancel);
    stream_->copy(loss, a.loss_sum.data, a.loss_sum.bytes(), LORA_DEVICE_TO_HOST);
    stream_->copy(weight, a.weight_sum.data, a.weight_sum.bytes(), LORA_DEVICE_TO_HOST);
    stream_->copy(scored, a.scored.data, a.scored.bytes(), LORA_DEVICE_TO_HOST);
    stream_->wait();
  });

  std::vector<std::int32_t> present = view.slots;
  std::sort(present.begin(), present.end());
  if (std::find(view.route.slot.begin(), view.route.slot.end(), -1) != view.route.slot.end()) {
    present.push_back(-1);
  }
  std::vector<SlotLoss> out;
  for (const std::int32_t slot : present) {
    const std::size_t i = slot < 0 ? slots : static_cast<std::size_t>(slot);
    if (!std::isfinite(loss[i])) {
      throw not_finite("loss", slot);
    }
    out.push_back({slot, loss[i], weight[i], scored[i]});
  }
  for (const SlotLoss& l : out) {
    if (l.slot < 0) {
      continue;
    }
    Adapters::Slot& s = adapters_->at(l.slot);
    s.window_weight += l.weight_sum;
    s.pending_ticks += 1;
  }
  dirty_ = false;
  return out;
}

std::vector<UpdateReport> Session::apply_gradients(const std::vector<UpdateRule>& rules,
                                                   const CancelToken& cancel) {
  require_training("applyGradients");
  if (dirty_) {
    throw dirty_window();
  }
  if (rules.empty()) {
    throw invalid_argument("rules", "at least one", "none");
  }
  const auto count = static_cast<std::int64_t>(rules.size());
  std::vector<std::int32_t> slots;
  std::vector<lora_adamw_rule> native;
  std::vector<double> weight(static_cast<std::size_t>(limits_.slots) + 1, 0);
  for (const UpdateRule& rule : rules) {
    const Adapters::Slot& s = adapters_->at(rule.slot);
    if (std::find(slots.begin(), slots.end(), rule.slot) != slots.end()) {
      throw invalid_argument("rules", "each adapter once", text("adapter ", rule.slot, " twice"));
    }
    if (!(s.window_weight > 0)) {
      throw invalid_argument("rules", text("adapters with scored tokens in this window"),
                             text("adapter ", rule.slot, ", which has none; accumulate a batch of it first"));
    }
    for (const auto& [name, value, least, below] :
         {std::tuple("lr", rule.lr, 0.0, HUGE_VAL), std::tuple("beta1", rule.beta1, 0.0, 1.0),
          std::tuple("beta2", rule.beta2, 0.0, 1.0), std::tuple("eps", rule.eps, 0.0, HUGE_VAL),
          std::tuple("weightDecay", rule.weight_decay, 0.0, HUGE_VAL),
          std::tuple("clip", rule.clip, 0.0, HUGE_VAL)}) {
      if (value >= least && value < below) {
        continue;
      }
      throw invalid_argument(name, below == 1.0 ? "a number in [0, 1)" : "a finite number of 0 or more",
                             text(value, " for adapter ", rule.slot));
    }
    slots.push_back(rule.slot);
    weight[static_cast<std::size_t>(rule.slot)] = s.window_weight;
    lora_adamw_rule r{};
    r.lr = rule.lr;
    r.beta1 = rule.beta1;
    r.beta2 = rule.beta2;
    r.eps = rule.eps;
    r.weight_decay = rule.weight_decay;
    r.clip = rule.clip;
    r.step = s.state.step + 1;
    r.slot = rule.slot;
    native.push_back(r);
  }
  cancel.check();

  scratch_.rewind(0);
  upload_.begin((slots.size() + weight.size()) * sizeof(double), 2);
  lora_sqnorm_args norm{};
  norm.x = adapters_->grad;
  norm.slot = upload_.put(slots.data(), LORA_I32, {count});
  norm.out = scratch_.take("update", LORA_F64, {count});
  lora_adamw_args adam{};
  adam.master = adapters_->master;
  adam.work = adapters_->work;
  adam.grad = adapters_->grad;
  adam.m = adapters_->first_moment;
  adam.v = adapters_->second_moment;
  adam.sqnorm = norm.out;
  adam.weight_sum = upload_.put(weight.data(), LORA_F64, {limits_.slots + 1});
  adam.report = scratch_.take("update", LORA_F64, {count, 3});
  adam.rules = native.data();
  adam.count = static_cast<std::int32_t>(count);
  double *report = static_cast<double*>(results_.data()), *squares = report + 3 * slots.size();
  drained([&] {
    upload_.send(*stream_);
    ops_->sqnorm(norm);
    ops_->adamw(adam);
    stream_->copy(report, adam.report.data, 3 * slots.size() * sizeof(double), LORA_DEVICE_TO_HOST);
    stream_->copy(squares, norm.out.data, slots.size() * sizeof(double), LORA_DEVICE_TO_HOST);
    stream_->wait();
  });

  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (std::isfinite(squares[i])) {
      continue;
    }
    for (const std::int32_t slot : slots) {
      adapters_->clear_gradients(*stream_, slot);
    }
    stream_->wait();
    throw not_finite("gradient", slots[i]);
  }
  std::vector<UpdateReport> out;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (report[3 * i + 2] != 1) {
      throw internal_error(text("adamw did not apply the update of adapter ", slots[i]));
    }
    Adapters::Slot& s = adapters_->at(slots[i]);
    s.state.step += 1;
    s.state.tick += s.pending_ticks;
    s.pending_ticks = 0;
    s.window_weight = 0;
    out.push_back({slots[i], report[3 * i], report[3 * i + 1], s.state.step});
  }
  return out;
}

void Session::drop_gradients() {
  require_training("dropGradients");
  for (std::int32_t slot = 0; slot < adapters_->slots(); ++slot) {
    adapters_->clear_gradients(*stream_, slot);
  }
  stream_->wait();
  dirty_ = false;
}

AdapterState Session::adapter_state(std::int32_t slot) const {
  const Adapters::Slot& s = std::as_const(*adapters_).at(slot);
  AdapterState state = s.state;
  state.tick += s.pending_ticks;
  return state;
}

void Session::set_adapter_state(std::int32_t slot, const AdapterState& state) {
  if (state.step < 0) {
    throw invalid_argument("step", "0 or more", text(state.step));
  }
  Adapters::Slot& s = adapters_->at(slot);
  s.state = state;
  s.pending_ticks = 0;
}

std::string tensor_name(std::int32_t layer, Projection projection, bool b) {
  return text(layer < 0 ? "" : text("layers.", layer, "."), name_of(projection), b ? ".b" : ".a");
}

std::vector<TensorInfo> adapter_tensors(const ModelSpec& spec, const std::vector<Projection>& targets,
                                        const AdapterConfig& config, AdapterPart part) {
  Limits limits;
  limits.rank = 16;
  const Adapters sites(Arena{}, spec, Types{}, limits, targets);
  const std::vector<Slab> slabs = part == AdapterPart::kWeights ? std::vector<Slab>{Slab::kWeights}
                                  : part == AdapterPart::kGradients
                                      ? std::vector<Slab>{Slab::kGradients}
                                      : std::vector<Slab>{Slab::kFirstMoment, Slab::kSecondMoment};
  std::vector<TensorInfo> out;
  for (const Slab slab : slabs) {
    const char* suffix = slab == Slab::kFirstMoment ? ".m" : slab == Slab::kSecondMoment ? ".v" : "";
    for (std::size_t i = 0; i < sites.sites().size(); ++i) {
      const Site& site = sites.sites()[i];
      for (const AdapterModule& module : config.modules) {
        if (module.layer != site.layer || module.projection != site.projection) {
          continue;
        }
        for (const bool b : {false, true}) {
          TensorInfo info;
          info.name = tensor_name(site.layer, site.projection, b) + suffix;
          info.shape = b ? std::vector<std::int64_t>{site.n, module.rank}
                         : std::vector<std::int64_t>{module.rank, site.k};
          info.site = static_cast<int>(i);
          info.b = b;
          info.slab = slab;
          out.push_back(info);
        }
      }
    }
  }
  return out;
}

std::vector<Numbers> Session::read_adapter(std::int32_t slot, AdapterPart part) {
  if (part == AdapterPart::kWeights) {
    return adapters_->read_all(*stream_, slot, Slab::kWeights);
  }
  if (part == AdapterPart::kGradients) {
    return adapters_->read_all(*stream_, slot, Slab::kGradients);
  }
  std::vector<Numbers> out = adapters_->read_all(*stream_, slot, Slab::kFirstMoment);
  for (Numbers& v : adapters_->read_all(*stream_, slot, Slab::kSecondMoment)) {
    out.push_back(std::move(v));
  }
  return out;
}

void Session::write_adapter(std::int32_t slot, AdapterPart part, const std::vector<NamedNumbers>& tensors) {
  std::vector<Projection> all;
  for (const Site& site : adapters_->sites()) {
    all.push_back(site.projection);
  }
  const std::vector<TensorInfo> known = adapter_tensors(spec_, all, adapters_->at(slot).config, part);
  std::vector<std::vector<Adapters::Piece>> pieces(4);
  for (const NamedNumbers& tensor : tensors) {
    const auto info =
        std::find_if(known.begin(), known.end(), [&](const TensorInfo& i) { return i.name == tensor.name; });
    if (info == known.end()) {
      throw invalid_argument(
          "tensors",
          text("names of adapter ", slot, "'s tensors, such as ", known.empty() ? "none" : known[0].name),
          tensor.name);
    }
    const auto expected = static_cast<std::size_t>(info->shape[0] * info->shape[1]);
    if (count_of(tensor.data) != expected) {
      throw invalid_argument("tensors", text(expected, " numbers for ", tensor.name),
                             text(count_of(tensor.data)));
    }
    const bool finite = std::visit(
        [](const auto& v) {
          return std::all_of(v.begin(), v.end(), [](auto x) { return std::isfinite(x); });
        },
        tensor.data);
    if (!finite) {
      throw invalid_argument("tensors", text("finite numbers in ", tensor.name), "NaN or infinity");
    }
    pieces[static_cast<std::size_t>(info->slab)].push_back({info->site, info->b, &tensor.data});
  }
  for (std::size_t slab = 0; slab < pieces.size(); ++slab) {
    if (!pieces[slab].empty()) {
      adapters_->write(*stream_, slot, static_cast<Slab>(slab), pieces[slab]);
    }
  }
}

}  // namespace lora
