// The session's calls about batches: training, evaluation, generation.
#include "addon/convert.h"
#include "addon/session_wrap.h"

namespace lora {

namespace {

Napi::Object loss_object(Napi::Env env, const SlotLoss& loss) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("slot", loss.slot);
  out.Set("lossSum", loss.loss_sum);
  out.Set("weightSum", loss.weight_sum);
  out.Set("scored", double(loss.scored));
  return out;
}

Napi::Object report_object(Napi::Env env, const UpdateReport& report) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("slot", report.slot);
  out.Set("gradNorm", report.grad_norm);
  out.Set("clipFactor", report.clip_factor);
  out.Set("step", double(report.step));
  return out;
}

template <class Item, class ToObject>
Make list_of(std::vector<Item> items, ToObject to_object) {
  return [items = std::move(items), to_object](Napi::Env env, Kept&) -> Napi::Value {
    Napi::Array out = Napi::Array::New(env, items.size());
    for (std::uint32_t i = 0; i < items.size(); ++i) {
      out.Set(i, to_object(env, items[i]));
    }
    return out;
  };
}

void expect_length(const char* name, std::size_t length, std::size_t expected) {
  if (length != expected) {
    throw invalid_argument(name, text("an array of ", expected, " elements"), text(length));
  }
}

}  // namespace

// Packs on this thread, for an accumulate that will come: 0 when there is no room, or something is wrong with the batch,
// which accumulate will say.
Napi::Value SessionWrap::stage(const Napi::CallbackInfo& info) {
  staged_.reset();
  try {
    staged_ = parts_.packer ? parts_.packer->pack(to_batch(info[0])) : nullptr;
  } catch (const Failure&) {
  }
  return Napi::Number::New(info.Env(), staged_ ? ++staged_number_ : 0);
}

Napi::Value SessionWrap::accumulate(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&] {
    std::shared_ptr<PackedBatch> packed;
    const std::int32_t number = info.Length() > 2 && info[2].IsNumber() ? to_int32(info[2], "staged") : 0;
    if (number != 0 && number == staged_number_ && staged_) {
      packed = std::move(staged_);
    } else {
      auto batch = std::make_shared<BatchCommand>(to_batch(info[1]));
      packed = parts_.packer ? parts_.packer->pack(*batch) : nullptr;
      if (!packed) {
        return post(info, to_ticket(info[0]), {}, [batch](Session& session, const CancelToken& cancel) -> Make {
          return list_of(session.accumulate(*batch, cancel), loss_object);
        });
      }
    }
    return post(info, to_ticket(info[0]), {}, [packed](Session& session, const CancelToken& cancel) -> Make {
      return list_of(session.accumulate(*packed, cancel), loss_object);
    });
  });
}

Napi::Value SessionWrap::apply_gradients(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&] {
    return post(info, to_ticket(info[0]), {},
                [rules = to_rules(info[1])](Session& session, const CancelToken& cancel) -> Make {
                  return list_of(session.apply_gradients(rules, cancel), report_object);
                });
  });
}

Napi::Value SessionWrap::drop_gradients(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&] {
    return post(info, 0, {}, [](Session& session, const CancelToken&) -> Make {
      session.drop_gradients();
      return nothing();
    });
  });
}

Napi::Value SessionWrap::evaluate(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&] {
    auto batch = std::make_shared<BatchCommand>(to_batch(info[1]));
    Kept kept;
    expect_length("rowLoss", float_length(info[2], "rowLoss"), batch->tokens.size());
    kept.push_back(keep(info[2]));
    const bool top1 = info.Length() > 3 && !info[3].IsUndefined();
    if (top1) {
      expect_length("top1", int_length(info[3], "top1"), batch->tokens.size());
      kept.push_back(keep(info[3]));
    }
    return post(info, to_ticket(info[0]), std::move(kept),
                [batch, top1](Session& session, const CancelToken& cancel) -> Make {
                  auto result = std::make_shared<Evaluation>(session.evaluate(*batch, cancel));
                  return [result, top1](Napi::Env env, Kept& kept) -> Napi::Value {
                    write_floats(kept[0].Value(), result->row_loss, "rowLoss");
                    if (top1) {
                      write_ints(kept[1].Value(), result->top1, "top1");
                    }
                    return env.Undefined();
                  };
                });
  });
}

Napi::Value SessionWrap::logits(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&] {
    auto batch = std::make_shared<BatchCommand>(to_batch(info[1]));
    auto rows = to_ints(info[2], "rows");
    expect_length("out", float_length(info[3], "out"),
                  rows.size() * static_cast<std::size_t>(parts_.spec.vocabulary));
    Kept kept;
    kept.push_back(keep(info[3]));
    return post(info, to_ticket(info[0]), std::move(kept),
                [batch, rows](Session& session, const CancelToken& cancel) -> Make {
                  auto result = std::make_shared<Numbers>(session.logits(*batch, rows, cancel));
                  return [result](Napi::Env env, Kept& kept) -> Napi::Value {
                    write_floats(kept[0].Value(), *result, "out");
                    return env.Undefined();
                  };
                });
  });
}

Napi::Value SessionWrap::generate_begin(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&] {
    auto sequences = std::make_shared<std::vector<GenerateSequence>>(to_sequences(info[1]));
    return post(
        info, to_ticket(info[0]), {}, [sequences](Session& session, const CancelToken& cancel) -> Make {
          const std::int32_t handle = session.generate_begin(*sequences, cancel);
          return [handle](Napi::Env env, Kept&) -> Napi::Value { return Napi::Number::New(env, handle); };
        });
  });
}

Napi::Value SessionWrap::generate_next(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&] {
    const std::int32_t handle = to_int32(info[1], "handle");
    auto finished = to_ints(info[2], "finished");
    const bool masked = info.Length() > 3 && !info[3].IsUndefined();
    auto allow = std::make_shared<std::vector<std::int32_t>>(masked ? to_ints(info[3], "allow")
                                                                    : std::vector<std::int32_t>{});
    return post(info, to_ticket(info[0]), {},
                [handle, finished, masked, allow](Session& session, const CancelToken& cancel) -> Make {
                  auto out = std::make_shared<Generated>(
                      session.generate_next(handle, finished, masked ? allow.get() : nullptr, cancel));
                  return [out](Napi::Env env, Kept&) -> Napi::Value {
                    Napi::Int32Array tokens = Napi::Int32Array::New(env, out->tokens.size());
                    Napi::Float32Array logprobs = Napi::Float32Array::New(env, out->logprobs.size());
                    write_ints(tokens, out->tokens, "tokens");
                    write_floats(logprobs, Numbers(out->logprobs), "logprobs");
                    Napi::Object result = Napi::Object::New(env);
                    result.Set("tokens", tokens);
                    result.Set("logprobs", logprobs);
                    return result;
                  };
                });
  });
}

Napi::Value SessionWrap::generate_end(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&] {
    const std::int32_t handle = to_int32(info[0], "handle");
    return post(info, 0, {}, [handle](Session& session, const CancelToken&) -> Make {
      session.generate_end(handle);
      return nothing();
    });
  });
}

}  // namespace lora
