// Plans and decides: "auto" takes the cheapest mixture of recompute policies that fits.
#include "engine/plan.h"

#include <algorithm>

#include "abi/gpu_needs.h"
#include "engine/batch.h"
#include "engine/generator.h"
#include "model/activations.h"

namespace lora {

namespace {

constexpr std::int64_t kRankStep = 16;

// Time that a layer costs more than one that keeps everything, in units of a cheap one. Measured on an H100 at the 8B
// shape: 0.36 ms of norms and SwiGLU against 5 ms of products and attention.
constexpr std::int64_t kCheapCost = 1, kLayerCost = 14;

void check_limits(const SessionOptions& o) {
  const Limits& l = o.limits;
  const auto range = [](const char* name, std::int64_t value, std::int64_t least, std::int64_t most) {
    if (value < least || value > most) {
      throw invalid_argument(name, text("an integer from ", least, " to ", most), text(value));
    }
  };
  range("maxTokens", l.tokens, 1, 1 << 24);
  range("maxSequences", l.sequences, 1, 1 << 24);
  range("slots", l.slots, 0, 4096);
  range("rank", l.rank, l.slots ? 1 : 0, 4096);
  range("cacheTokens", l.cache_tokens, 0, 1 << 30);
  range("cacheSequences", l.cache_sequences, l.cache_tokens ? 1 : 0, 1 << 20);
  range("threads", o.threads, 0, 1024);
  if (l.training && l.slots == 0) {
    throw invalid_argument("slots", "at least 1 in a session that trains", "0");
  }
  if (l.slots && o.targets.empty()) {
    throw invalid_argument("targets", "the projections that adapters attach to", "none");
  }
  for (const Projection p : o.targets) {
    if (o.spec.has(p)) {
      continue;
    }
    throw invalid_argument("targets", text("projections that a ", o.spec.family, " model has"), name_of(p));
  }
}

// The largest of the passes that a session may run: they share one arena.
Arena largest_pass(const ModelSpec& spec, Types types, const Limits& limits) {
  Arena largest;
  for (const Pass pass : {Pass::kTrain, Pass::kScore, Pass::kGenerate}) {
    if (pass == Pass::kTrain && !limits.training) {
      continue;
    }
    Arena dry;
    const std::int64_t rows =
        pass == Pass::kGenerate ? std::max(limits.tokens, limits.cache_sequences) : limits.tokens;
    take_activations(dry, spec, types, limits, limits.slots > 0, pass, rows, rows);
    if (pass == Pass::kGenerate) {
      Generator::take_scratch(dry, spec, types, limits, Generator::logit_rows(limits));
    }
    if (dry.peak() > largest.peak()) {
      largest = std::move(dry);
    }
  }
  return largest;
}

// Of all mixtures whose activations fit `room`, the one that costs least; the smallest one when none fits. For each
// number of layers that are run again, as many as possible keep everything.
void decide(const ModelSpec& spec, Types types, Limits& limits, std::size_t room) {
  const auto fits = [&](std::int64_t keep, std::int64_t cheap) {
    limits.keep_layers = keep;
    limits.cheap_layers = cheap;
    return largest_pass(spec, types, limits).peak() <= room;
  };
  limits.recompute = Recompute::kMixed;
  std::int64_t best = -1, best_keep = 0, best_cheap = 0;
  for (std::int64_t again = 0; again <= spec.layers; ++again) {
    const std::int64_t rest = spec.layers - again;
    if (best >= 0 && again * kLayerCost >= best) {
      break;
    }
    if (!fits(0, rest)) {
      continue;
    }
    std::int64_t low = 0, high = rest;  // `low` kept layers fit
    if (fits(rest, 0)) {
      low = rest;
    }
    while (low < high) {
      const std::int64_t middle = (low + high + 1) / 2;
      if (fits(middle, rest - middle)) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    const std::int64_t cost = (rest - low) * kCheapCost + again * kLayerCost;
    if (best < 0 || cost < best) {
      best = cost;
      best_keep = low;
      best_cheap = rest - low;
    }
  }
  limits.keep_layers = best_keep;
  limits.cheap_layers = best_cheap;
}

}  // namespace

std::size_t MemoryPlan::total() const {
  std::size_t sum = 0;
  for (const Line& line : lines) {
    sum += line.bytes;
  }
  return sum;
}

Limits checked_limits(const SessionOptions& options) {
  options.spec.check();
  check_limits(options);
  Limits limits = options.limits;
  limits.rank = (limits.rank + kRankStep - 1) / kRankStep * kRankStep;
  if (limits.cache_tokens == 0) {
    limits.cache_sequences = 0;
  }
  if (limits.recompute == Recompute::kAuto && !limits.training) {
    limits.recompute = Recompute::kNone;
  }
  return limits;
}

Types types_of(const SessionOptions& options) {
  if (options.dtype != "f32" && options.dtype != "bf16") {
    throw invalid_argument("dtype", "\"f32\" or \"bf16\"", options.dtype);
  }
  if (options.device == "oracle") {
    return {LORA_F64, LORA_F64};
  }
  return {LORA_F32, options.dtype == "bf16" ? LORA_BF16 : LORA_F32};
}

lora_limits sizes_of(const SessionOptions& options, const Limits& limits) {
  const ModelSpec& spec = options.spec;
  lora_limits sizes{};
  sizes.threads = options.threads;
  sizes.tokens = std::max(limits.tokens, limits.cache_sequences);
  for (int i = 0; i < kLayerProjections; ++i) {
    const Projection p = static_cast<Projection>(i);
    if (spec.has(p)) {
      sizes.widest = std::max({sizes.widest, spec.rows(p), spec.columns(p)});
    }
  }
  sizes.vocabulary = spec.vocabulary;
  sizes.rank = limits.rank;
  sizes.slots = limits.slots;
  return sizes;
}

MemoryPlan plan_memory(const SessionOptions& options, const Limits& limits, const lora_needs& needs,
                       const PackedBytes& packed, std::size_t budget) {
  const ModelSpec& spec = options.spec;
  const Types types = types_of(options);
  Arena weights, slabs, cache;
  Weights::measure(weights, packed, spec, types, limits.training);
  Adapters::measure(slabs, spec, types, limits, options.targets);
  Generator::measure(cache, spec, types, limits);
  MemoryPlan out;
  out.needs = needs;
  out.limits = limits;
  out.weights = weights.peak();
  out.slabs = slabs.peak();
  out.cache = cache.peak();
  out.upload = Upload::rounded(upload_bytes(spec, limits, limits.tokens, limits.sequences, limits.slots), kUploadArrays);
  const auto blocks = static_cast<std::size_t>(upload_blocks(limits));
  const std::size_t fixed = out.weights + out.slabs + out.cache + blocks * out.upload +
                            static_cast<std::size_t>(needs.workspace_bytes);
  if (limits.recompute == Recompute::kAuto) {
    decide(spec, types, out.limits, budget > fixed ? budget - fixed : 0);
  }
  const Arena largest = largest_pass(spec, types, out.limits);
  for (const Arena* arena : std::initializer_list<const Arena*>{&weights, &slabs, &cache, &largest}) {
    out.lines.insert(out.lines.end(), arena->plan().begin(), arena->plan().end());
  }
  // A matrix waits in the arena of activations while it is packed.
  out.scratch = std::max(largest.peak(), Weights::packing_bytes(packed, spec, types, limits.training));
  const auto line = [&](const char* name, std::size_t bytes) {
    if (bytes) {
      out.lines.push_back({name, bytes});
    }
  };
  line("loading: a matrix before it is packed", out.scratch - largest.peak());
  line("batches on their way", blocks * out.upload);
  line("device: workspace", static_cast<std::size_t>(needs.workspace_bytes));
  line("device: context", static_cast<std::size_t>(needs.context_bytes));
  return out;
}

std::size_t reserve_of(const std::string& device, std::size_t free) {
  return device == "cuda" ? std::size_t{256} << 20 : free / 10;
}

PlanAnswer answer_plan(const SessionOptions& options, Backend::Fill extra) {
  const Limits limits = checked_limits(options);
  const lora_limits sizes = sizes_of(options, limits);
  const bool elsewhere = options.device == "cuda" && options.plugin.empty();
  PlanAnswer out;
  if (elsewhere) {
    if (options.memory_bytes == 0) {
      throw invalid_argument("memoryBytes", "the memory of a GPU that is not in this machine", "nothing");
    }
    const lora_needs needs = lora_gpu_needs(&sizes);
    out.available = options.memory_bytes;
    const std::size_t apart = static_cast<std::size_t>(needs.context_bytes) + reserve_of(options.device, 0);
    out.plan = plan_memory(options, limits, needs, keep_plain, out.available > apart ? out.available - apart : 0);
  } else {
    const std::shared_ptr<const Backend> backend = backend_of(options, extra);
    const lora_needs needs = backend->needs(sizes);
    const auto context = static_cast<std::size_t>(needs.context_bytes);
    const std::size_t free = options.memory_bytes
                                 ? options.memory_bytes - std::min(options.memory_bytes, context)
                                 : static_cast<std::size_t>(backend->info(options.ordinal).free_bytes);
    const std::size_t apart = reserve_of(options.device, free);
    out.available = free + context;
    out.plan = plan_memory(options, limits, needs, packed_by(*backend), free > apart ? free - apart : 0);
  }
  out.fits = out.plan.total() <= out.available;
  return out;
}

std::shared_ptr<const Backend> backend_of(const SessionOptions& options, Backend::Fill extra) {
  if (options.device == "cpu") {
    return Backend::cpu();
  }
  if (options.device == "cuda") {
    return Backend::load(options.plugin);
  }
  if (extra) {
    return Backend::of(extra);
  }
  throw invalid_argument("device", "\"cpu\" or \"cuda\"", options.device);
}

}  // namespace lora
