// Opening a session: the plan first, then memory, then weights; and the calls that only read.
#include "engine/session.h"

#include <algorithm>
#include <new>
#include <unordered_set>

#include "engine/tensor_io.h"

namespace lora {

namespace {

constexpr std::int64_t kRankStep = 16;

void append(std::vector<Line>& plan, const Arena& dry) {
  plan.insert(plan.end(), dry.plan().begin(), dry.plan().end());
}

std::size_t total(const std::vector<Line>& plan) {
  std::size_t sum = 0;
  for (const Line& line : plan) {
    sum += line.bytes;
  }
  return sum;
}

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

}  // namespace

Session::Session(const SessionOptions& options, Backend::Fill oracle, const CancelToken& cancel,
                 const std::function<void(std::size_t, std::size_t)>& progress)
    : spec_(options.spec), limits_(options.limits) {
  spec_.check();
  check_limits(options);
  limits_.rank = (limits_.rank + kRankStep - 1) / kRankStep * kRankStep;
  if (limits_.cache_tokens == 0) {
    limits_.cache_sequences = 0;
  }
  ShardReader reader(options.weights);
  Weights::check(spec_, reader);
  cancel.check();
  open_device(options, oracle);
  allocate(options, reader, cancel, progress);
}

void Session::open_device(const SessionOptions& options, Backend::Fill oracle) {
  std::shared_ptr<const Backend> backend;
  if (options.device == "cpu") {
    backend = Backend::cpu();
  } else if (options.device == "cuda") {
    backend = Backend::load(options.plugin);
  } else if (oracle) {
    backend = Backend::of(oracle);
  } else {
    throw invalid_argument("device", "\"cpu\" or \"cuda\"", options.device);
  }
  if (options.dtype != "f32" && options.dtype != "bf16") {
    throw invalid_argument("dtype", "\"f32\" or \"bf16\"", options.dtype);
  }
  if (options.device == "oracle") {
    types_ = {LORA_F64, LORA_F64};
  } else {
    types_ = {LORA_F32, options.dtype == "bf16" ? LORA_BF16 : LORA_F32};
  }
  lora_limits sizes{};
  sizes.threads = options.threads;
  sizes.tokens = std::max(limits_.tokens, limits_.cache_sequences);
  sizes.widest = 0;
  for (int i = 0; i < kLayerProjections; ++i) {
    const Projection p = static_cast<Projection>(i);
    if (spec_.has(p)) {
      sizes.widest = std::max({sizes.widest, spec_.rows(p), spec_.columns(p)});
    }
  }
  sizes.vocabulary = spec_.vocabulary;
  sizes.rank = limits_.rank;
  sizes.slots = limits_.slots;
  device_ = Device::open(backend, options.ordinal, sizes);
  stream_ = std::make_unique<Stream>(device_);
  ops_ = std::make_unique<Ops>(*stream_);
}

void Session::allocate(const SessionOptions& options, TensorReader& reader, const CancelToken& cancel,
                       const std::function<void(std::size_t, std::size_t)>& progress) {
  const bool adapters = limits_.slots > 0;
  Arena weights, slabs, cache, largest;
  Weights::measure(weights, *stream_, spec_, types_, limits_.training);
  Adapters::measure(slabs, spec_, types_, limits_, options.targets);
  Generator::measure(cache, spec_, types_, limits_);
  for (const Pass pass : {Pass::kTrain, Pass::kScore, Pass::kGenerate}) {
    if (pass == Pass::kTrain && !limits_.training) {
      continue;
    }
    Arena dry;
    const std::int64_t rows =
        pass == Pass::kGenerate ? std::max(limits_.tokens, limits_.cache_sequences) : limits_.tokens;
    take_activations(dry, spec_, types_, limits_, adapters, pass, rows, rows);
    if (pass == Pass::kGenerate) {
      Generator::take_scratch(dry, spec_, types_, limits_, Generator::logit_rows(limits_));
    }
    if (dry.peak() > largest.peak()) {
      largest = std::move(dry);
    }
  }
  for (const Arena* arena : {&weights, &slabs, &cache, &largest}) {
    append(plan_, *arena);
  }

  const std::size_t needed = total(plan_);
  const std::int64_t free = device_->info().free_bytes;
  if (free > 0 && needed > static_cast<std::size_t>(free)) {
    throw out_of_memory(needed, static_cast<std::size_t>(free), plan_);
  }
  try {
    const auto real = [&](const Arena& dry) { return Arena(device_, LORA_DEVICE_MEMORY, dry.peak()); };
    adapters_ = std::make_unique<Adapters>(real(slabs), spec_, types_, limits_, options.targets);
    Arena cache_arena = real(cache);
    scratch_ = real(largest);
    upload_ = Upload(device_, upload_bytes(context(), limits_.tokens, limits_.sequences, limits_.slots));
    const std::size_t all = Weights::total_bytes(spec_, types_);
    std::size_t done = 0;
    weights_ = std::make_unique<Weights>(real(weights), *stream_, spec_, types_, limits_.training, reader,
                                         [&](std::size_t bytes) {
                                           cancel.check();
                                           done += bytes;
                                           progress(done, all);
                                         });
    decoder_ = std::make_unique<Decoder>(spec_, *weights_, *adapters_);
    generator_ = std::make_unique<Generator>(std::move(cache_arena), spec_, types_, limits_, *adapters_,
                                             *decoder_, *ops_, scratch_, upload_);
  } catch (const std::bad_alloc&) {
    throw out_of_memory(needed, free > 0 ? static_cast<std::size_t>(free) : 0, plan_);
  } catch (const Failure& failure) {
    if (failure.code() != "ERR_OUT_OF_MEMORY") {
      throw;
    }
    throw out_of_memory(needed, free > 0 ? static_cast<std::size_t>(free) : 0, plan_);
  }
}

Activations Session::take(Pass pass, const BatchView& view) {
  return take_activations(scratch_, spec_, types_, limits_, limits_.slots > 0, pass, view.tokens,
                          view.picked);
}

Evaluation Session::evaluate(const BatchCommand& command, const CancelToken& cancel) {
  check_batch(command, context());
  scratch_.rewind(0);
  std::vector<std::int32_t> picked;
  const BatchView view = make_batch(command, context(), false, nullptr, picked, upload_);
  Evaluation out;
  out.top1.assign(command.tokens.size(), -1);
  const auto run = [&](auto zero) {
    using Real = decltype(zero);
    std::vector<Real> rows(command.tokens.size(), Real(0)), losses(picked.size());
    std::vector<std::int32_t> best(picked.size());
    if (!picked.empty()) {
      const Activations a = take(Pass::kScore, view);
      upload_.send(*stream_);
      decoder_->forward(*ops_, view, Pass::kScore, a, cancel);
      decoder_->loss(*ops_, view, Pass::kScore, a);
      stream_->copy(losses.data(), a.row_loss.data, a.row_loss.bytes(), LORA_DEVICE_TO_HOST);
      stream_->copy(best.data(), a.row_top1.data, a.row_top1.bytes(), LORA_DEVICE_TO_HOST);
      stream_->wait();
    }
    for (std::size_t i = 0; i < picked.size(); ++i) {
      rows[static_cast<std::size_t>(picked[i])] = losses[i];
      out.top1[static_cast<std::size_t>(picked[i])] = best[i];
    }
    out.row_loss = std::move(rows);
  };
  types_.real == LORA_F64 ? run(double()) : run(float());
  return out;
}

Numbers Session::logits(const BatchCommand& command, const std::vector<std::int32_t>& rows,
                        const CancelToken& cancel) {
  check_batch(command, context());
  if (rows.empty() || static_cast<std::int64_t>(rows.size()) > limits_.tokens) {
    throw invalid_argument("rows", text("1 to maxTokens (", limits_.tokens, ") rows"), text(rows.size()));
  }
  for (const std::int32_t row : rows) {
    if (row >= 0 && row < static_cast<std::int32_t>(command.tokens.size())) {
      continue;
    }
    throw invalid_argument("rows", text("row numbers from 0 to ", command.tokens.size() - 1), text(row));
  }
  scratch_.rewind(0);
  std::vector<std::int32_t> picked;
  const BatchView view = make_batch(command, context(), false, &rows, picked, upload_);
  const Activations a = take(Pass::kGenerate, view);
  const std::int64_t step = Generator::logit_rows(limits_);
  const Generator::Scratch s =
      Generator::take_scratch(scratch_, spec_, types_, limits_, std::min(step, view.picked));
  upload_.send(*stream_);
  decoder_->forward(*ops_, view, Pass::kGenerate, a, cancel);
  const auto run = [&](auto zero) {
    std::vector<decltype(zero)> out(rows.size() * static_cast<std::size_t>(spec_.vocabulary));
    Upload routes(device_, 4096);
    for (std::int64_t from = 0; from < view.picked; from += step) {
      cancel.check();
      const std::int64_t count = std::min(step, view.picked - from);
      Route route;  // the segments of these rows alone
      for (std::size_t i = 0; i < view.pick_route.slot.size(); ++i) {
        const std::int64_t end = std::min<std::int64_t>(view.pick_route.begin[i + 1], from + count);
        if (end > from) {
          route.add(static_cast<std::int32_t>(end - from), view.pick_route.slot[i]);
        }
        if (end == from + count) {
          break;
        }
      }
      route.finish(count, limits_.slots);
      routes.begin(route.bytes(), Route::kArrays);
      route.put(routes);
      routes.send(*stream_);
      const Tensor z = s.logits.rows(0, count);
      decoder_->logits(*ops_, view, a, from, count, route.view, z);
      stream_->copy(out.data() + static_cast<std::size_t>(from * spec_.vocabulary), z.data, z.bytes(),
                    LORA_DEVICE_TO_HOST);
      stream_->wait();
    }
    return Numbers(std::move(out));
  };
  return types_.real == LORA_F64 ? run(double()) : run(float());
}

std::int32_t Session::generate_begin(const std::vector<GenerateSequence>& sequences,
                                     const CancelToken& cancel) {
  scratch_.rewind(0);
  return generator_->begin(sequences, cancel);
}

Generated Session::generate_next(std::int32_t handle, const std::vector<std::int32_t>& finished,
                                 const std::vector<std::int32_t>* allow, const CancelToken& cancel) {
  scratch_.rewind(0);
  return generator_->next(handle, finished, allow, cancel);
}

void Session::generate_end(std::int32_t handle) { generator_->end(handle); }

}  // namespace lora
