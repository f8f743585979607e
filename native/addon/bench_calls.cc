// bench(): operations of one device at a model's shapes, on a thread of their own.
#include "addon/convert.h"
#include "addon/session_wrap.h"
#include "addon/state.h"
#include "engine/bench.h"

namespace lora {

namespace {

Napi::Object result_object(Napi::Env env, const BenchResult& result) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("op", result.op);
  out.Set("shape", result.shape);
  out.Set("error", result.error);
  out.Set("budget", result.budget);
  out.Set("flops", result.flops);
  out.Set("bytes", result.bytes);
  Napi::Array times = Napi::Array::New(env, result.milliseconds.size());
  for (std::uint32_t i = 0; i < result.milliseconds.size(); ++i) {
    times.Set(i, result.milliseconds[i]);
  }
  out.Set("milliseconds", times);
  return out;
}

Make report_of(const BenchOptions& options) {
  const BenchReport report = run_bench(options, testing_fill(options.session.device), CancelToken(),
                                       [](std::size_t, std::size_t) {});
  return [report](Napi::Env env, Kept&) -> Napi::Value {
    Napi::Object out = Napi::Object::New(env);
    out.Set("device", report.device);
    out.Set("detail", report.detail);
    Napi::Array results = Napi::Array::New(env, report.results.size());
    for (std::uint32_t i = 0; i < report.results.size(); ++i) {
      results.Set(i, result_object(env, report.results[i]));
    }
    out.Set("results", results);
    return out;
  };
}

}  // namespace

// bench(session options, { sequence, ops, warmup, runs })
Napi::Value bench_of(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    BenchOptions options;
    options.session = to_session_options(info[0]);
    const Fields more(info[1], "bench");
    options.sequence = more.integer("sequence");
    options.warmup = more.int32("warmup");
    options.runs = more.int32("runs");
    for (const Napi::Value& op : to_list(more.value("ops"), "ops")) {
      options.ops.push_back(to_word(op, "ops"));
    }
    return asked(info, [options] { return report_of(options); });
  });
}

}  // namespace lora
