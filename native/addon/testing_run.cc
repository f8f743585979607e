// runOp: fills buffers, runs an operation some times, and says what came out, whether it repeated bit for
// bit, and whether anything was written that should not have been.
#include <cstring>

#include "addon/testing.h"
#include "addon/testing_faults.h"
#include "base/dtype.h"
#include "base/error.h"
#include "cpu/backend.h"

namespace lora::testing {
namespace {

const char* status_name(lora_status status) {
  switch (status) {
    case LORA_OK: return "ok";
    case LORA_INVALID: return "invalid";
    case LORA_UNSUPPORTED: return "unsupported";
    case LORA_OUT_OF_MEMORY: return "out-of-memory";
    case LORA_UNAVAILABLE: return "unavailable";
    case LORA_DEVICE_LOST: return "device-lost";
    case LORA_INTERNAL: return "internal";
  }
  return "unknown";
}

std::string text(const Napi::Object& from, const char* name) {
  const Napi::Value v = from.Get(name);
  return v.IsString() ? std::string(v.ToString()) : std::string();
}

// A named buffer as the test gave it: initial bytes, or poison.
struct Given {
  std::string name;
  Napi::TypedArray array;  // initial values in, results out
  bool out;                // poisoned before, read after
  bool changes;            // filled from the array before, read after
};

std::vector<Given> given_buffers(const Napi::Object& list) {
  std::vector<Given> all;
  const Napi::Array names = list.GetPropertyNames();
  for (std::uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).ToString();
    const Napi::Object from = list.Get(name).As<Napi::Object>();
    const std::string role = text(from, "role");
    all.push_back({name, from.Get("data").As<Napi::TypedArray>(), role == "out", role == "inout"});
  }
  return all;
}

std::uint8_t* bytes_of_array(const Napi::TypedArray& array) {
  return static_cast<std::uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset();
}

}  // namespace

// runOp({ backend, isa, threads, op, repeat, buffers: { name: { data, role } }, args: [{...}] })
//   -> { status, message, milliseconds, repeats, broken: [names of buffers written out of bounds or against
//   their role] }
// Results are written into the given arrays of role "out" and "inout".
Napi::Value run_op(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object options = info[0].As<Napi::Object>();
  Bench& on = bench(text(options, "backend"), text(options, "isa"),
                    options.Get("threads").IsNumber() ? options.Get("threads").ToNumber().Int32Value() : 1);
  const std::string op = text(options, "op");
  const int repeat = options.Get("repeat").IsNumber() ? options.Get("repeat").ToNumber().Int32Value() : 1;
  const std::vector<Given> given = given_buffers(options.Get("buffers").As<Napi::Object>());

  Call call(on);
  for (const Given& g : given) {
    call.buffers[g.name] = std::make_unique<GuardedBuffer>(on, g.array.ByteLength());
    if (!g.out && g.array.ByteLength() > 0) call.buffers[g.name]->write(bytes_of_array(g.array));
  }
  fill_args(call, op, options.Get("args").As<Napi::Array>());

  lora_event *from = nullptr, *to = nullptr;
  on.require(on.table.event_open(on.device, &from), "event_open");
  on.require(on.table.event_open(on.device, &to), "event_open");
  lora_status status = LORA_OK;
  std::string message;
  double milliseconds = 0;
  bool repeats = true;
  std::map<std::string, std::vector<std::uint8_t>> first;
  for (int run = 0; run < repeat && status == LORA_OK; ++run) {
    for (const Given& g : given) {
      if (g.out) call.buffers[g.name]->poison();
      if (g.changes && g.array.ByteLength() > 0) call.buffers[g.name]->write(bytes_of_array(g.array));
    }
    double took = 0;
    on.require(on.table.event_mark(on.stream, from), "event_mark");
    // The first failure counts; what follows it is done all the same, but for a lost device.
    const auto then = [&](lora_status now) {
      if (status != LORA_OK || now == LORA_OK) return;
      status = now;
      message = on.table.last_error();
    };
    then(invoke(on.table, on.stream, op, call));
    then(on.table.event_mark(on.stream, to));
    then(on.table.stream_wait(on.stream));
    then(on.table.event_between(from, to, &took));
    if (status == LORA_DEVICE_LOST) break;
    milliseconds = run == 0 || took < milliseconds ? took : milliseconds;
    for (const Given& g : given) {
      if (!g.out && !g.changes) continue;
      std::vector<std::uint8_t> bytes = call.buffers[g.name]->read();
      if (run == 0) {
        first[g.name] = std::move(bytes);
      } else {
        repeats = repeats && first[g.name] == bytes;
      }
    }
  }
  on.table.event_close(from);
  on.table.event_close(to);

  Napi::Array broken = Napi::Array::New(env);
  Napi::Object result = Napi::Object::New(env);
  result.Set("status", status_name(status));
  result.Set("message", message);
  result.Set("milliseconds", milliseconds);
  result.Set("repeats", Napi::Boolean::New(env, repeats));
  result.Set("broken", broken);
  if (status == LORA_DEVICE_LOST) return result;  // nothing can be read back
  for (const auto& [name, buffer] : call.buffers) {
    if (!buffer->sentinels_intact()) broken.Set(broken.Length(), name + " (past its end)");
  }
  for (const auto& buffer : call.unnamed) {
    if (!buffer->sentinels_intact())
      broken.Set(broken.Length(), "a route, stream or packed weight (past its end)");
  }
  for (const Given& g : given) {
    if (g.array.ByteLength() == 0) continue;
    if (g.out || g.changes) {
      if (first.count(g.name) != 0)
        std::memcpy(bytes_of_array(g.array), first[g.name].data(), first[g.name].size());
    } else if (std::memcmp(call.buffers[g.name]->read().data(), bytes_of_array(g.array),
                           g.array.ByteLength()) != 0) {
      broken.Set(broken.Length(), g.name + " (an input)");
    }
  }
  return result;
}

// supportsOp({ backend, isa, threads, op, buffers, args }) -> { status, why }
Napi::Value supports_op(const Napi::CallbackInfo& info) {
  const Napi::Object options = info[0].As<Napi::Object>();
  Bench& on = bench(text(options, "backend"), text(options, "isa"), 1);
  Call call(on);
  for (const Given& g : given_buffers(options.Get("buffers").As<Napi::Object>())) {
    call.buffers[g.name] = std::make_unique<GuardedBuffer>(on, g.array.ByteLength());
  }
  const std::string op = text(options, "op");
  fill_args(call, op, options.Get("args").As<Napi::Array>());
  char why[4096];
  const lora_status status = on.table.supports(on.device, op_of(op), call.args.data(), why, sizeof why);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("status", status_name(status));
  result.Set("why", std::string(why));
  return result;
}

void export_testing(Napi::Env env, Napi::Object exports) {
  exports.Set("runOp", Napi::Function::New(env, run_op, "runOp"));
  exports.Set("supportsOp", Napi::Function::New(env, supports_op, "supportsOp"));
  exports.Set("fault", Napi::Function::New(env, fault, "fault"));
  exports.Set("memoryOfFaulty", Napi::Function::New(env, memory_of_faulty, "memoryOfFaulty"));
  Napi::Array isas = Napi::Array::New(env);
  for (const std::string& isa : cpu::cpu_isas()) isas.Set(isas.Length(), isa);
  exports.Set("isas", isas);
}

}  // namespace lora::testing
