// The only wrapped class: one session as JavaScript holds it. Every call checks the object's type tag, copies
// its arguments into plain structs, posts them to the engine thread, and returns a promise.
#ifndef LORA_ADDON_SESSION_WRAP_H
#define LORA_ADDON_SESSION_WRAP_H

#include <napi.h>

#include <map>
#include <memory>
#include <vector>

#include "addon/settle.h"
#include "addon/state.h"
#include "engine/session.h"

namespace lora {

// Made and destroyed on the engine thread.
using SessionHolder = std::shared_ptr<std::unique_ptr<Session>>;

struct SessionParts {
  std::shared_ptr<EngineThread> thread;
  SessionHolder session;
  std::shared_ptr<Packer> packer;  // null when the session does not train
  std::vector<Line> plan;
  Limits limits;
  ModelSpec spec;
  std::vector<Projection> targets;
};

class SessionWrap {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Object create(Napi::Env env, SessionParts parts);
  ~SessionWrap();

  Napi::Value memory(const Napi::CallbackInfo& info);
  Napi::Value recompute(const Napi::CallbackInfo& info);
  Napi::Value add_adapter(const Napi::CallbackInfo& info);
  Napi::Value remove_adapter(const Napi::CallbackInfo& info);
  Napi::Value stage(const Napi::CallbackInfo& info);
  Napi::Value accumulate(const Napi::CallbackInfo& info);
  Napi::Value apply_gradients(const Napi::CallbackInfo& info);
  Napi::Value drop_gradients(const Napi::CallbackInfo& info);
  Napi::Value evaluate(const Napi::CallbackInfo& info);
  Napi::Value logits(const Napi::CallbackInfo& info);
  Napi::Value adapter_tensors(const Napi::CallbackInfo& info);
  Napi::Value read_adapter(const Napi::CallbackInfo& info);
  Napi::Value write_adapter(const Napi::CallbackInfo& info);
  Napi::Value adapter_state(const Napi::CallbackInfo& info);
  Napi::Value set_adapter_state(const Napi::CallbackInfo& info);
  Napi::Value generate_begin(const Napi::CallbackInfo& info);
  Napi::Value generate_next(const Napi::CallbackInfo& info);
  Napi::Value generate_end(const Napi::CallbackInfo& info);
  Napi::Value cancel(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

 private:
  // Runs on the engine thread; what it returns makes the promise's value on the JavaScript thread.
  using Run = std::function<Make(Session&, const CancelToken&)>;
  Napi::Value post(const Napi::CallbackInfo& info, std::uint32_t ticket, Kept kept, Run run);
  const AdapterConfig& config_of(std::int32_t slot) const;

  SessionParts parts_;
  std::shared_ptr<std::map<std::int32_t, AdapterConfig>> adapters_;  // JavaScript thread only
  std::shared_ptr<PackedBatch> staged_;                              // the newest batch that stage() packed
  std::int32_t staged_number_ = 0;
};

// Names and bytes.
Napi::Array lines_of(Napi::Env env, const std::vector<Line>& plan);
// How many layers keep all, are cheap, are run again.
Napi::Object layers_of(Napi::Env env, const Limits& limits, std::int64_t layers);

inline Napi::ObjectReference keep(const Napi::Value& value) {
  return Napi::Persistent(value.As<Napi::Object>());
}

// The value of a promise that has none.
inline Make nothing() {
  return [](Napi::Env env, Kept&) -> Napi::Value { return env.Undefined(); };
}

// Runs `body`, which returns a promise; what it throws becomes a rejected promise. Methods never throw.
template <class Body>
Napi::Value promised(Napi::Env env, const Body& body) {
  const auto reject = [&](const Failure& failure) -> Napi::Value {
    auto deferred = Napi::Promise::Deferred::New(env);
    deferred.Reject(failure_object(env, failure));
    return deferred.Promise();
  };
  try {
    return body();
  } catch (const Failure& failure) {
    return reject(failure);
  } catch (const Napi::Error& error) {  // a getter of the caller's threw
    return reject(invalid_argument("argument", "plain data", error.Message()));
  } catch (const std::exception& error) {
    return reject(internal_error(error.what()));
  }
}

// Asks on a thread of its own for as long as that takes: loading a plugin may take seconds.
template <class Ask>
Napi::Value asked(const Napi::CallbackInfo& info, const Ask& ask) {
  State& state = State::of(info.Env());
  const Settler::Opened opened = state.settler->open(info.Env(), {});
  const std::shared_ptr<EngineThread> thread = state.start(nullptr);
  EngineThread* end = thread.get();  // the state keeps it until it has ended
  EngineThread::Command command;
  command.run = [settler = state.settler, id = opened.id, ask, end](const CancelToken&) {
    Make make = ask();
    end->stop();
    settler->resolve(id, std::move(make));
  };
  command.fail = [settler = state.settler, id = opened.id, end](const Failure& failure) {
    end->stop();
    settler->reject(id, failure);
  };
  thread->post(std::move(command));
  return opened.promise;
}

// bench_calls.cc
Napi::Value bench_of(const Napi::CallbackInfo& info);

}  // namespace lora

#endif
