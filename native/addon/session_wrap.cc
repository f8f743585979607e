// The class itself: definition, type tag, posting, and the calls about adapters. Batches are in
// session_calls.cc.
#include "addon/session_wrap.h"

#include "addon/convert.h"

namespace lora {

namespace {

constexpr napi_type_tag kTag = {0x7768657473746f6eULL, 0x53657373696f6e31ULL};

SessionWrap* unwrap(const Napi::Value& value) {
  const Napi::Env env = value.Env();
  bool tagged = false;
  void* at = nullptr;
  if (value.IsObject()) {
    napi_check_object_type_tag(env, value, &kTag, &tagged);
  }
  if (!tagged || napi_unwrap(env, value, &at) != napi_ok) {
    throw Napi::TypeError::New(env, "this method belongs to a native session");
  }
  return static_cast<SessionWrap*>(at);
}

template <Napi::Value (SessionWrap::*method)(const Napi::CallbackInfo&)>
napi_value call(napi_env env, napi_callback_info raw) {
  return Napi::details::WrapCallback(env, [&]() -> napi_value {
    const Napi::CallbackInfo info(env, raw);
    return (unwrap(info.This())->*method)(info);
  });
}

template <Napi::Value (SessionWrap::*method)(const Napi::CallbackInfo&)>
napi_property_descriptor entry(const char* name) {
  return {name, nullptr, call<method>, nullptr, nullptr, nullptr, napi_default_method, nullptr};
}

// Only create() below may make one: it passes an External.
napi_value construct(napi_env env, napi_callback_info raw) {
  return Napi::details::WrapCallback(env, [&]() -> napi_value {
    const Napi::CallbackInfo info(env, raw);
    if (info.Length() != 1 || !info[0].IsExternal()) {
      throw Napi::TypeError::New(env, "sessions are made by openSession");
    }
    auto* wrap = info[0].As<Napi::External<SessionWrap>>().Data();
    const auto release = [](napi_env, void* at, void*) { delete static_cast<SessionWrap*>(at); };
    if (napi_type_tag_object(env, info.This(), &kTag) != napi_ok ||
        napi_wrap(env, info.This(), wrap, release, nullptr, nullptr) != napi_ok) {
      throw Napi::Error::New(env, "cannot wrap the session");
    }
    return info.This();
  });
}

}  // namespace

Napi::Function SessionWrap::define(Napi::Env env) {
  using W = SessionWrap;
  const napi_property_descriptor methods[] = {entry<&W::memory>("memory"),
                                              entry<&W::recompute>("recompute"),
                                              entry<&W::add_adapter>("addAdapter"),
                                              entry<&W::remove_adapter>("removeAdapter"),
                                              entry<&W::stage>("stage"),
                                              entry<&W::accumulate>("accumulate"),
                                              entry<&W::apply_gradients>("applyGradients"),
                                              entry<&W::drop_gradients>("dropGradients"),
                                              entry<&W::evaluate>("evaluate"),
                                              entry<&W::logits>("logits"),
                                              entry<&W::adapter_tensors>("adapterTensors"),
                                              entry<&W::read_adapter>("readAdapter"),
                                              entry<&W::write_adapter>("writeAdapter"),
                                              entry<&W::adapter_state>("adapterState"),
                                              entry<&W::set_adapter_state>("setAdapterState"),
                                              entry<&W::generate_begin>("generateBegin"),
                                              entry<&W::generate_next>("generateNext"),
                                              entry<&W::generate_end>("generateEnd"),
                                              entry<&W::cancel>("cancel"),
                                              entry<&W::close>("close")};
  napi_value made = nullptr;
  if (napi_define_class(env, "NativeSession", NAPI_AUTO_LENGTH, construct, nullptr, std::size(methods),
                        methods, &made) != napi_ok) {
    throw Napi::Error::New(env, "cannot define NativeSession");
  }
  return Napi::Function(env, made);
}

Napi::Object SessionWrap::create(Napi::Env env, SessionParts parts) {
  auto wrap = std::make_unique<SessionWrap>();
  wrap->parts_ = std::move(parts);
  wrap->adapters_ = std::make_shared<std::map<std::int32_t, AdapterConfig>>();
  const Napi::Object out =
      State::of(env).session_class.New({Napi::External<SessionWrap>::New(env, wrap.get())});
  wrap.release();  // the object owns it now
  return out;
}

SessionWrap::~SessionWrap() {
  if (parts_.thread) {
    parts_.thread->stop();  // does not wait: the thread frees the session and is joined later
  }
}

Napi::Value SessionWrap::post(const Napi::CallbackInfo& info, std::uint32_t ticket, Kept kept, Run run) {
  const std::shared_ptr<Settler> settler = State::of(info.Env()).settler;
  kept.push_back(keep(info.This()));
  const Settler::Opened opened = settler->open(info.Env(), std::move(kept));
  const SessionHolder session = parts_.session;
  EngineThread::Command command;
  command.ticket = ticket;
  command.run = [settler, session, id = opened.id, run = std::move(run)](const CancelToken& cancel) {
    Make make;
    try {
      make = run(**session, cancel);
    } catch (const std::bad_alloc&) {
      throw (*session)->explained(out_of_memory_in("host", "no memory is left"));
    } catch (const Failure& failure) {
      throw (*session)->explained(failure);
    }
    settler->resolve(id, std::move(make));
  };
  command.fail = [settler, id = opened.id](const Failure& failure) { settler->reject(id, failure); };
  parts_.thread->post(std::move(command));
  return opened.promise;
}

const AdapterConfig& SessionWrap::config_of(std::int32_t slot) const {
  const auto found = adapters_->find(slot);
  if (found != adapters_->end()) {
    return found->second;
  }
  throw invalid_argument(
      "slot", "the number of an adapter that addAdapter returned and removeAdapter did not take", text(slot));
}

Napi::Array lines_of(Napi::Env env, const std::vector<Line>& plan) {
  Napi::Array out = Napi::Array::New(env, plan.size());
  for (std::uint32_t i = 0; i < plan.size(); ++i) {
    Napi::Object line = Napi::Object::New(env);
    line.Set("name", plan[i].name);
    line.Set("bytes", double(plan[i].bytes));
    out.Set(i, line);
  }
  return out;
}

Napi::Object layers_of(Napi::Env env, const Limits& limits, std::int64_t layers) {
  double count[3] = {0, 0, 0};
  for (std::int64_t l = 0; l < layers; ++l) {
    const Recompute policy = limits.recompute_of(l);
    count[policy == Recompute::kNone ? 0 : policy == Recompute::kCheap ? 1 : 2] += 1;
  }
  Napi::Object out = Napi::Object::New(env);
  out.Set("keep", count[0]);
  out.Set("cheap", count[1]);
  out.Set("again", count[2]);
  return out;
}

Napi::Value SessionWrap::memory(const Napi::CallbackInfo& info) { return lines_of(info.Env(), parts_.plan); }

Napi::Value SessionWrap::recompute(const Napi::CallbackInfo& info) {
  return layers_of(info.Env(), parts_.limits, parts_.spec.layers);
}

Napi::Value SessionWrap::add_adapter(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&] {
    AdapterConfig config = to_adapter_config(info[0]);
    auto known = adapters_;
    return post(info, 0, {}, [config, known](Session& session, const CancelToken&) -> Make {
      const std::int32_t slot = session.add_adapter(config);
      return [slot, config, known](Napi::Env env, Kept&) -> Napi::Value {
        (*known)[slot] = config;
        return Napi::Number::New(env, slot);
      };
    });
  });
}

Napi::Value SessionWrap::remove_adapter(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&] {
    const std::int32_t slot = to_int32(info[0], "slot");
    auto known = adapters_;
    return post(info, 0, {}, [slot, known](Session& session, const CancelToken&) -> Make {
      session.remove_adapter(slot);
      return [slot, known](Napi::Env env, Kept&) -> Napi::Value {
        known->erase(slot);
        return env.Undefined();
      };
    });
  });
}

Napi::Value SessionWrap::adapter_tensors(const Napi::CallbackInfo& info) {
  try {
    const AdapterPart part = to_part(info[1], true);
    const auto tensors =
        lora::adapter_tensors(parts_.spec, parts_.targets, config_of(to_int32(info[0], "slot")), part);
    Napi::Array out = Napi::Array::New(info.Env(), tensors.size());
    for (std::uint32_t i = 0; i < tensors.size(); ++i) {
      Napi::Object item = Napi::Object::New(info.Env());
      Napi::Array shape = Napi::Array::New(info.Env(), 2);
      for (std::uint32_t d = 0; d < 2; ++d) {
        shape.Set(d, double(tensors[i].shape[d]));
      }
      item.Set("name", tensors[i].name);
      item.Set("shape", shape);
      out.Set(i, item);
    }
    return out;
  } catch (const Failure& failure) {
    napi_throw(info.Env(), failure_object(info.Env(), failure));
    return info.Env().Undefined();
  }
}

Napi::Value SessionWrap::read_adapter(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&] {
    const std::int32_t slot = to_int32(info[0], "slot");
    const AdapterPart part = to_part(info[1], true);
    const auto tensors = lora::adapter_tensors(parts_.spec, parts_.targets, config_of(slot), part);
    const std::vector<Napi::Value> out = to_list(info[2], "out");
    if (out.size() != tensors.size()) {
      throw invalid_argument("out", text(tensors.size(), " arrays"), text(out.size()));
    }
    Kept kept;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const auto expected = static_cast<std::size_t>(tensors[i].shape[0] * tensors[i].shape[1]);
      const std::size_t length = float_length(out[i], text("out[", i, "]"));
      if (length != expected) {
        throw invalid_argument(text("out[", i, "]"), text(expected, " elements"), text(length));
      }
      kept.push_back(keep(out[i]));
    }
    return post(info, 0, std::move(kept), [slot, part](Session& session, const CancelToken&) -> Make {
      auto data = std::make_shared<std::vector<Numbers>>(session.read_adapter(slot, part));
      return [data](Napi::Env env, Kept& kept) -> Napi::Value {
        for (std::size_t i = 0; i < data->size(); ++i) {
          write_floats(kept[i].Value(), (*data)[i], text("out[", i, "]"));
        }
        return env.Undefined();
      };
    });
  });
}

Napi::Value SessionWrap::write_adapter(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&] {
    const std::int32_t slot = to_int32(info[0], "slot");
    const AdapterPart part = to_part(info[1], false);
    const std::vector<Napi::Value> names = to_list(info[2], "names"), data = to_list(info[3], "data");
    if (names.size() != data.size()) {
      throw invalid_argument("data", text("as many arrays as names (", names.size(), ")"), text(data.size()));
    }
    auto tensors = std::make_shared<std::vector<NamedNumbers>>();
    for (std::size_t i = 0; i < names.size(); ++i) {
      tensors->push_back(
          {to_word(names[i], text("names[", i, "]")), to_numbers(data[i], text("data[", i, "]"))});
    }
    return post(info, 0, {}, [slot, part, tensors](Session& session, const CancelToken&) -> Make {
      session.write_adapter(slot, part, *tensors);
      return nothing();
    });
  });
}

Napi::Value SessionWrap::adapter_state(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&] {
    const std::int32_t slot = to_int32(info[0], "slot");
    return post(info, 0, {}, [slot](Session& session, const CancelToken&) -> Make {
      const AdapterState state = session.adapter_state(slot);
      return [state](Napi::Env env, Kept&) -> Napi::Value {
        Napi::Object out = Napi::Object::New(env);
        out.Set("step", double(state.step));
        out.Set("tick", double(state.tick));
        out.Set("seed", Napi::BigInt::New(env, state.seed));
        return out;
      };
    });
  });
}

Napi::Value SessionWrap::set_adapter_state(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&] {
    const std::int32_t slot = to_int32(info[0], "slot");
    const AdapterState state = to_state(info[1]);
    return post(info, 0, {}, [slot, state](Session& session, const CancelToken&) -> Make {
      session.set_adapter_state(slot, state);
      return nothing();
    });
  });
}

Napi::Value SessionWrap::cancel(const Napi::CallbackInfo& info) {
  try {
    parts_.thread->cancel(to_ticket(info[0]));
  } catch (const Failure&) {  // no ticket of ours: unknown tickets are ignored
  }
  return info.Env().Undefined();
}

Napi::Value SessionWrap::close(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    const std::shared_ptr<Settler> settler = State::of(info.Env()).settler;
    Kept kept;
    kept.push_back(keep(info.This()));
    const Settler::Opened opened = settler->open(info.Env(), std::move(kept));
    parts_.thread->stop([settler, id = opened.id] {
      settler->resolve(id, [](Napi::Env env, Kept&) -> Napi::Value {
        State::of(env).reap();
        return env.Undefined();
      });
    });
    return opened.promise;
  });
}

}  // namespace lora
