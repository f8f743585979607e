// Slabs: layout, slots, the pair that an operation sees.
#include "model/adapters.h"

#include <algorithm>

namespace lora {

namespace {

constexpr std::int64_t kSlabStep = 64;  // elements: every slot's slab starts on a cache line in any type

std::int32_t stage_of(std::int32_t layer, Projection p) {
  const int in_layer = p == Projection::kDown                                                       ? 3
                       : p == Projection::kGate || p == Projection::kUp || p == Projection::kGateUp ? 2
                       : p == Projection::kO                                                        ? 1
                                                                                                    : 0;
  return layer * Adapters::kStagesPerLayer + in_layer;
}

}  // namespace

void Adapters::layout(Arena& arena, const ModelSpec& spec, Types types, const Limits& limits,
                      const std::vector<Projection>& targets) {
  types_ = types;
  training_ = limits.training;
  rank_ = limits.rank;
  stages_ = static_cast<std::int32_t>(spec.layers) * kStagesPerLayer;
  const auto wanted = [&](Projection p) {
    return std::find(targets.begin(), targets.end(), p) != targets.end();
  };
  std::int64_t at = 0;
  const auto add = [&](std::int32_t layer, Projection p, std::uint32_t number, std::int32_t stage) {
    Site site;
    site.layer = layer;
    site.projection = p;
    site.n = spec.rows(p);
    site.k = spec.columns(p);
    site.a_at = at;
    site.b_at = at + rank_ * site.k;
    at = site.b_at + rank_ * site.n;
    site.number = number;
    site.stage = stage;
    sites_.push_back(site);
  };
  for (std::int32_t layer = 0; layer < spec.layers; ++layer) {
    for (int i = 0; i < kLayerProjections; ++i) {
      const Projection p = static_cast<Projection>(i);
      if (wanted(p) && spec.has(p)) {
        add(layer, p, static_cast<std::uint32_t>(layer * kLayerProjections + i), stage_of(layer, p));
      }
    }
  }
  if (wanted(Projection::kHead)) {
    add(-1, Projection::kHead, static_cast<std::uint32_t>(spec.layers * kLayerProjections), stages_);
  }
  length_ = (at + kSlabStep - 1) / kSlabStep * kSlabStep;
  if (limits.slots == 0) {
    return;
  }

  master = arena.take("adapters: weights", types.real, {limits.slots, length_});
  work = types.store == types.real
             ? master
             : arena.take("adapters: weights in store type", types.store, {limits.slots, length_});
  if (limits.training) {
    grad = arena.take("adapters: gradients", types.real, {limits.slots, length_});
    first_moment = arena.take("adapters: optimizer state", types.real, {limits.slots, length_});
    second_moment = arena.take("adapters: optimizer state", types.real, {limits.slots, length_});
  }
  const auto sites = static_cast<std::int64_t>(sites_.size());
  scale_dev_ = arena.take("adapters: tables", LORA_F64, {sites, limits.slots});
  drop_dev_ = arena.take("adapters: tables", LORA_F32, {limits.slots});
  slots_.resize(static_cast<std::size_t>(limits.slots));
  scale_.assign(sites_.size() * slots_.size(), 0);
  drop_.assign(slots_.size(), 0);
}

void Adapters::measure(Arena& dry, const ModelSpec& spec, Types types, const Limits& limits,
                       const std::vector<Projection>& targets) {
  Adapters none(Arena{}, spec, types, Limits{}, {});
  none.layout(dry, spec, types, limits, targets);
}

Adapters::Adapters(Arena arena, const ModelSpec& spec, Types types, const Limits& limits,
                   const std::vector<Projection>& targets)
    : arena_(std::move(arena)) {
  layout(arena_, spec, types, limits, targets);
}

const Adapters::Slot& Adapters::at(std::int32_t slot) const {
  if (slot < 0 || slot >= slots() || !slots_[static_cast<std::size_t>(slot)].used) {
    throw invalid_argument("slot",
                           "the number of an adapter that addAdapter returned and removeAdapter did not take",
                           text(slot));
  }
  return slots_[static_cast<std::size_t>(slot)];
}

Adapters::Slot& Adapters::at(std::int32_t slot) { return const_cast<Slot&>(std::as_const(*this).at(slot)); }

int Adapters::find(std::int32_t layer, Projection projection) const {
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    if (sites_[i].layer == layer && sites_[i].projection == projection) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

std::int32_t Adapters::add(Stream& stream, const AdapterConfig& config) {
  std::size_t free = 0;
  while (free < slots_.size() && slots_[free].used) {
    ++free;
  }
  if (free == slots_.size()) {
    throw invalid_argument("slots", "a free adapter slot",
                           text("all ", slots_.size(), " of the session in use; open it with more"));
  }
  if (!(config.dropout >= 0 && config.dropout < 1)) {
    throw invalid_argument("dropout", "a probability in [0, 1)", text(config.dropout));
  }
  Slot slot;
  slot.used = true;
  slot.config = config;
  slot.state.seed = config.seed;
  slot.rank.assign(sites_.size(), 0);
  std::vector<double> scale(sites_.size(), 0);
  for (const AdapterModule& module : config.modules) {
    const int site = find(module.layer, module.projection);
    const std::string where =
        module.layer < 0 ? "the head" : text("layer ", module.layer, "'s ", name_of(module.projection));
    if (site < 0) {
      throw invalid_argument("modules", "projections among the session's targets", where);
    }
    if (module.rank < 1 || module.rank > rank_) {
      throw invalid_argument("modules", text("ranks from 1 to the session's ", rank_),
                             text(module.rank, " for ", where));
    }
    if (slot.rank[static_cast<std::size_t>(site)]) {
      throw invalid_argument("modules", "each projection once", text(where, " twice"));
    }
    slot.rank[static_cast<std::size_t>(site)] = module.rank;
    scale[static_cast<std::size_t>(site)] = module.scale;
  }
  slots_[free] = std::move(slot);
  for (std::size_t site = 0; site < sites_.size(); ++site) {
    scale_[site * slots_.size() + free] = scale[site];
  }
  drop_[free] = static_cast<float>(config.dropout);
  const auto index = static_cast<std::int32_t>(free);
  if (training_) {
    for (const Tensor& t : {grad, first_moment, second_moment}) {
      const Tensor row = t.rows(index, 1);
      stream.fill(row.data, 0, row.bytes());
    }
  }
  types_.real == LORA_F64 ? initialise<double>(stream, index) : initialise<float>(stream, index);
  send_tables(stream);
  return index;
}

void Adapters::remove(Stream& stream, std::int32_t slot) {
  at(slot) = Slot{};
  for (std::size_t site = 0; site < sites_.size(); ++site) {
    scale_[site * slots_.size() + static_cast<std::size_t>(slot)] = 0;
  }
  drop_[static_cast<std::size_t>(slot)] = 0;
  send_tables(stream);
}

void Adapters::send_tables(Stream& stream) {
  stream.copy(scale_dev_.data, scale_.data(), scale_.size() * sizeof(double), LORA_HOST_TO_DEVICE);
  stream.copy(drop_dev_.data, drop_.data(), drop_.size() * sizeof(float), LORA_HOST_TO_DEVICE);
  stream.wait();
}

std::int32_t Adapters::lowest_stage(const std::vector<std::int32_t>& slots) const {
  std::int32_t lowest = stages_ + 1;
  for (std::size_t site = 0; site < sites_.size(); ++site) {
    for (const std::int32_t slot : slots) {
      if (slots_[static_cast<std::size_t>(slot)].rank[site]) {
        lowest = std::min(lowest, sites_[site].stage);
      }
    }
  }
  return lowest;
}

lora_pair Adapters::pair(int index, const std::vector<std::int32_t>& slots, const lora_streams& streams,
                         bool training) const {
  lora_pair out{};
  if (index < 0) {
    return out;
  }
  const auto i = static_cast<std::size_t>(index);
  bool any = false, drops = false;
  for (const std::int32_t slot : slots) {
    any = any || slots_[static_cast<std::size_t>(slot)].rank[i] > 0;
    drops = drops || drop_[static_cast<std::size_t>(slot)] > 0;
  }
  if (!any) {
    return out;
  }
  const Site& site = sites_[i];
  const std::size_t store = size_of(types_.store), real = size_of(types_.real);
  out.a = static_cast<char*>(work.data) + static_cast<std::size_t>(site.a_at) * store;
  out.b = static_cast<char*>(work.data) + static_cast<std::size_t>(site.b_at) * store;
  if (training) {
    out.da = static_cast<char*>(grad.data) + static_cast<std::size_t>(site.a_at) * real;
    out.db = static_cast<char*>(grad.data) + static_cast<std::size_t>(site.b_at) * real;
  }
  out.slot_stride = length_;
  out.rank = static_cast<std::int32_t>(rank_);
  out.dtype = types_.store;
  out.scale = static_cast<const double*>(scale_dev_.data) + i * slots_.size();
  out.drop = training && drops ? static_cast<const float*>(drop_dev_.data) : nullptr;
  out.streams = streams;
  out.site = static_cast<std::uint32_t>(site.stage);
  return out;
}

void Adapters::clear_gradients(Stream& stream, std::int32_t slot) {
  Slot& s = slots_[static_cast<std::size_t>(slot)];
  s.window_weight = 0;
  s.pending_ticks = 0;
  if (!grad) {
    return;
  }
  const Tensor row = grad.rows(slot, 1);
  stream.fill(row.data, 0, row.bytes());
}

}  // namespace lora
