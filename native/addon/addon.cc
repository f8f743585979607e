// What the addon exports: version, cpuInfo, devices, planMemory, bench, openSession, cancelOpen, and the text calls of
// text_calls.cc. lib/engine/binding.ts is its type.
#include <napi.h>

#include "addon/convert.h"
#include "addon/session_wrap.h"
#include "addon/state.h"
#include "addon/text_calls.h"
#include "engine/devices.h"

// binding.gyp passes package.json's version as it stands there.
#define LORA_WORDS_OF(x) #x
#define LORA_WORDS(x) LORA_WORDS_OF(x)

namespace lora {

namespace {

Napi::Value cpu_info(const Napi::CallbackInfo& info) {
  const CpuDescription cpu = describe_cpu();
  Napi::Array available = Napi::Array::New(info.Env(), cpu.available.size());
  for (std::uint32_t i = 0; i < cpu.available.size(); ++i) {
    available.Set(i, cpu.available[i]);
  }
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("isa", cpu.isa);
  out.Set("available", available);
  out.Set("threads", cpu.threads);
  return out;
}

Make devices_of(const std::string& plugin) {
  return [list = list_devices(plugin), plugin](Napi::Env env, Kept&) -> Napi::Value {
    Napi::Array out = Napi::Array::New(env, list.size());
    for (std::uint32_t i = 0; i < list.size(); ++i) {
      Napi::Object device = Napi::Object::New(env);
      device.Set("kind", plugin.empty() ? "cpu" : "cuda");
      device.Set("ordinal", double(i));
      device.Set("name", list[i].name);
      device.Set("detail", list[i].detail);
      device.Set("memoryBytes", double(list[i].memory_bytes));
      device.Set("freeBytes", double(list[i].free_bytes));
      out.Set(i, device);
    }
    return out;
  };
}

Napi::Value devices(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    const std::string plugin = info.Length() > 0 && !info[0].IsUndefined() ? to_word(info[0], "plugin") : "";
    return asked(info, [plugin] { return devices_of(plugin); });
  });
}

Napi::Value plan_memory_of(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    const auto options = std::make_shared<SessionOptions>(to_session_options(info[0]));
    return asked(info, [options]() -> Make {
      const PlanAnswer answer = answer_plan(*options, testing_fill(options->device));
      return [answer, layers = options->spec.layers](Napi::Env env, Kept&) -> Napi::Value {
        Napi::Object out = Napi::Object::New(env);
        out.Set("lines", lines_of(env, answer.plan.lines));
        out.Set("available", double(answer.available));
        out.Set("fits", Napi::Boolean::New(env, answer.fits));
        out.Set("recompute", layers_of(env, answer.plan.limits, layers));
        return out;
      };
    });
  });
}

Napi::Value open_session(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    const std::uint32_t ticket = to_ticket(info[0]);
    auto options = std::make_shared<SessionOptions>(to_session_options(info[1]));
    Napi::FunctionReference progress;
    if (info.Length() > 2 && info[2].IsFunction()) {
      progress = Napi::Persistent(info[2].As<Napi::Function>());
    }
    State& state = State::of(info.Env());
    const Settler::Opened opened = state.settler->open(info.Env(), {}, std::move(progress));
    SessionHolder holder = std::make_shared<std::unique_ptr<Session>>();
    const std::shared_ptr<EngineThread> thread = state.start([holder] { holder->reset(); });
    if (ticket) {
      state.opening[ticket] = thread;
    }
    EngineThread* end = thread.get();
    const std::weak_ptr<EngineThread> weak = thread;
    EngineThread::Command command;
    command.ticket = ticket;
    command.run = [settler = state.settler, id = opened.id, options, holder,
                   weak](const CancelToken& cancel) {
      *holder = std::make_unique<Session>(
          *options, testing_fill(options->device), cancel,
          [&](std::size_t done, std::size_t total) { settler->progress(id, double(done), double(total)); });
      settler->resolve(
          id,
          [options, holder, weak, plan = (*holder)->plan(), limits = (*holder)->limits(),
           packer = (*holder)->packer()](Napi::Env env,
                                                                                          Kept&) -> Napi::Value {
            SessionParts parts;
            parts.thread = weak.lock();
            if (!parts.thread) {
              throw closed();
            }
            parts.session = holder;
            parts.plan = plan;
            parts.limits = limits;
            parts.packer = packer;
            parts.spec = options->spec;
            parts.targets = options->targets;
            return SessionWrap::create(env, std::move(parts));
          });
    };
    command.fail = [settler = state.settler, id = opened.id, end](const Failure& failure) {
      end->stop();
      settler->reject(id, failure);
    };
    thread->post(std::move(command));
    return opened.promise;
  });
}

Napi::Value cancel_open(const Napi::CallbackInfo& info) {
  State& state = State::of(info.Env());
  const double ticket = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : 0;
  const auto found = state.opening.find(static_cast<std::uint32_t>(ticket));
  if (found != state.opening.end()) {
    if (const std::shared_ptr<EngineThread> thread = found->second.lock()) {
      thread->cancel(found->first);
    }
  }
  return info.Env().Undefined();
}

}  // namespace

void export_engine(Napi::Env env, Napi::Object exports) {
  State& state = State::create(env);
  state.session_class = Napi::Persistent(SessionWrap::define(env));
  exports.Set("version", LORA_WORDS(WHETSTONE_VERSION));
  exports.Set("cpuInfo", Napi::Function::New(env, cpu_info, "cpuInfo"));
  exports.Set("devices", Napi::Function::New(env, devices, "devices"));
  exports.Set("planMemory", Napi::Function::New(env, plan_memory_of, "planMemory"));
  exports.Set("bench", Napi::Function::New(env, bench_of, "bench"));
  exports.Set("openSession", Napi::Function::New(env, open_session, "openSession"));
  exports.Set("cancelOpen", Napi::Function::New(env, cancel_open, "cancelOpen"));
  export_text(env, exports);
}

#ifndef WHETSTONE_TESTING
TestingFill testing_fill(const std::string&) { return nullptr; }

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  export_engine(env, exports);
  return exports;
}

}  // namespace
#endif

}  // namespace lora

#ifndef WHETSTONE_TESTING
static Napi::Object init_engine(Napi::Env env, Napi::Object exports) { return lora::init(env, exports); }
NODE_API_MODULE(engine, init_engine)
#endif
