// Opening a session: the plan first, then memory, then weights; and the calls that only read.
#include "engine/session.h"

#include <algorithm>
#include <new>

#include "engine/tensor_io.h"

namespace lora {

Session::Session(const SessionOptions& options, Backend::Fill extra, const CancelToken& cancel,
                 const std::function<void(std::size_t, std::size_t)>& progress)
    : spec_(options.spec), limits_(checked_limits(options)), types_(types_of(options)) {
  const ShardReader reader(options.weights);
  Weights::check(spec_, reader);
  cancel.check();
  const std::shared_ptr<const Backend> backend = backend_of(options, extra);
  const MemoryPlan plan = make_plan(options, *backend);
  try {
    allocate(options, backend, plan, reader, cancel, progress);
  } catch (const std::bad_alloc&) {
    throw out_of_memory(plan.total(), free_, plan_);
  } catch (const Failure& failure) {
    if (failure.code() != "ERR_OUT_OF_MEMORY") {
      throw;
    }
    throw out_of_memory(plan.total(), free_, plan_);
  }
}

Session::~Session() {
  if (packer_) {
    packer_->close();  // others may hold it still, but nothing of the device
  }
}

// Decides and checks before the device is opened: a run that does not fit takes nothing.
MemoryPlan Session::make_plan(const SessionOptions& options, const Backend& backend) {
  const lora_needs needs = backend.needs(sizes_of(options, limits_));
  const auto context = static_cast<std::size_t>(needs.context_bytes);
  const std::size_t free = static_cast<std::size_t>(std::max<std::int64_t>(0, backend.info(options.ordinal).free_bytes));
  const std::size_t apart = reserve_of(options.device, free);
  std::size_t budget = free > apart ? free - apart : 0;
  if (options.memory_bytes) {
    budget = std::min(budget, options.memory_bytes - std::min(options.memory_bytes, context));
  }
  const MemoryPlan plan = plan_memory(options, limits_, needs, packed_by(backend), budget);
  limits_ = plan.limits;
  plan_ = plan.lines;
  free_ = free + context;
  if (options.memory_bytes) {
    free_ = std::min(free_, options.memory_bytes);
  }
  if (free > 0 && plan.total() > free_) {
    throw out_of_memory(plan.total(), free_, plan_);
  }
  return plan;
}

void Session::allocate(const SessionOptions& options, const std::shared_ptr<const Backend>& backend,
                       const MemoryPlan& plan, const TensorReader& reader, const CancelToken& cancel,
                       const std::function<void(std::size_t, std::size_t)>& progress) {
  device_ = Device::open(backend, options.ordinal, sizes_of(options, limits_));
  stream_ = std::make_unique<Stream>(device_);
  ops_ = std::make_unique<Ops>(*stream_);
  const auto arena = [&](std::size_t bytes) {
    return bytes ? Arena(device_, LORA_DEVICE_MEMORY, bytes) : Arena();
  };
  adapters_ = std::make_unique<Adapters>(arena(plan.slabs), spec_, types_, limits_, options.targets);
  Arena cache = arena(plan.cache);
  scratch_ = arena(plan.scratch);
  upload_ = Upload(device_, plan.upload);
  results_ = Buffer(device_, LORA_PINNED_MEMORY, (static_cast<std::size_t>(limits_.slots) + 1) * 4 * sizeof(double));
  const std::size_t all = Weights::total_bytes(spec_, types_);
  std::size_t done = 0;
  weights_ = std::make_unique<Weights>(arena(plan.weights), scratch_.base(), *stream_, spec_, types_,
                                       limits_.training, reader, [&](std::size_t bytes) {
                                         cancel.check();
                                         done += bytes;
                                         progress(done, all);
                                       });
  decoder_ = std::make_unique<Decoder>(spec_, *weights_, *adapters_);
  if (limits_.training) {
    packer_ = std::make_shared<Packer>(device_, spec_, types_, limits_, plan.upload);
  }
  generator_ = std::make_unique<Generator>(std::move(cache), spec_, types_, limits_, *adapters_, *decoder_,
                                           *ops_, scratch_, upload_);
}

Failure Session::explained(const Failure& failure) const {
  if (failure.code() != "ERR_OUT_OF_MEMORY") {
    return failure;
  }
  std::size_t needed = 0;
  for (const Line& line : plan_) {
    needed += line.bytes;
  }
  std::int64_t free = 0;
  try {
    free = device_->info().free_bytes;
  } catch (const Failure&) {  // a device that says nothing any more has nothing
  }
  return out_of_memory_during(failure, needed, static_cast<std::size_t>(std::max<std::int64_t>(0, free)), plan_);
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
  fill_streams(view, *adapters_, upload_);
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
  drained([&] { types_.real == LORA_F64 ? run(double()) : run(float()); });
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
  fill_streams(view, *adapters_, upload_);
  const Activations a = take(Pass::kGenerate, view);
  const std::int64_t step = Generator::logit_rows(limits_);
  const Generator::Scratch s =
      Generator::take_scratch(scratch_, spec_, types_, limits_, std::min(step, view.picked));
  const auto run = [&](auto zero) {
    upload_.send(*stream_);
    decoder_->forward(*ops_, view, Pass::kGenerate, a, cancel);
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
  return drained([&] { return types_.real == LORA_F64 ? run(double()) : run(float()); });
}

std::int32_t Session::generate_begin(const std::vector<GenerateSequence>& sequences,
                                     const CancelToken& cancel) {
  scratch_.rewind(0);
  return drained([&] { return generator_->begin(sequences, cancel); });
}

Generated Session::generate_next(std::int32_t handle, const std::vector<std::int32_t>& finished,
                                 const std::vector<std::int32_t>* allow, const CancelToken& cancel) {
  scratch_.rewind(0);
  return drained([&] { return generator_->next(handle, finished, allow, cancel); });
}

void Session::generate_end(std::int32_t handle) { generator_->end(handle); }

}  // namespace lora
