// One small function for each kind of value; the structs are lists of calls to them.
#include "addon/convert.h"

#include <cmath>
#include <cstring>

namespace lora {

namespace {

constexpr double kSafe = 9007199254740991.0;

const char* kind_of(const Napi::Value& v) {
  if (v.IsUndefined()) return "undefined";
  if (v.IsNull()) return "null";
  if (v.IsNumber()) return "a number";
  if (v.IsString()) return "a string";
  if (v.IsBoolean()) return "a boolean";
  if (v.IsBigInt()) return "a bigint";
  if (v.IsTypedArray()) return "a typed array of another type";
  if (v.IsArray()) return "an array";
  return v.IsFunction() ? "a function" : "an object";
}

struct View {
  napi_typedarray_type type = napi_int8_array;
  std::size_t length = 0;
  void* data = nullptr;
};

bool view_of(const Napi::Value& value, View& out) {
  if (!value.IsTypedArray()) return false;
  return napi_get_typedarray_info(value.Env(), value, &out.type, &out.length, &out.data, nullptr, nullptr) == napi_ok;
}

View floats_of(const Napi::Value& value, const std::string& name) {
  View view;
  if (view_of(value, view) && (view.type == napi_float32_array || view.type == napi_float64_array)) return view;
  throw invalid_argument(name, "a Float32Array", kind_of(value));
}

View ints_of(const Napi::Value& value, const std::string& name) {
  View view;
  if (view_of(value, view) && view.type == napi_int32_array) return view;
  throw invalid_argument(name, "an Int32Array", kind_of(value));
}

RopeSpec to_rope(const Fields& f) {
  RopeSpec rope;
  rope.theta = f.number("theta");
  rope.rotary_width = f.integer("rotaryWidth");
  rope.max_positions = f.integer("maxPositions");
  const std::string kind = f.word("kind");
  if (kind == "default") return rope;
  rope.factor = f.number("factor");
  if (kind == "linear") {
    rope.kind = RopeKind::kLinear;
    return rope;
  }
  rope.original_max_positions = f.integer("originalMaxPositions");
  if (kind == "dynamic") {
    rope.kind = RopeKind::kDynamic;
  } else if (kind == "llama3") {
    rope.kind = RopeKind::kLlama3;
    rope.low_freq_factor = f.number("lowFreqFactor");
    rope.high_freq_factor = f.number("highFreqFactor");
  } else if (kind == "yarn") {
    rope.kind = RopeKind::kYarn;
    rope.beta_fast = f.number("betaFast");
    rope.beta_slow = f.number("betaSlow");
    rope.attention_factor = f.number("attentionFactor");
    rope.truncate = f.boolean("truncate");
  } else {
    throw invalid_argument(f.path("kind"), "default, linear, dynamic, llama3 or yarn", kind);
  }
  return rope;
}

ModelSpec to_spec(const Fields& f) {
  ModelSpec s;
  s.family = f.word("family");
  s.vocabulary = f.integer("vocabulary");
  s.width = f.integer("width");
  s.layers = f.integer("layers");
  s.heads = f.integer("heads");
  s.kv_heads = f.integer("kvHeads");
  s.head_width = f.integer("headWidth");
  s.feed_forward = f.integer("feedForward");
  s.norm_eps = f.number("normEps");
  s.tied_head = f.boolean("tiedHead");
  s.qkv_bias = f.boolean("qkvBias");
  s.o_bias = f.boolean("oBias");
  s.mlp_bias = f.boolean("mlpBias");
  s.qk_norm = f.boolean("qkNorm");
  s.fused_qkv = f.boolean("fusedQkv");
  s.fused_gate_up = f.boolean("fusedGateUp");
  for (const Napi::Value& w : to_list(f.value("window"), f.path("window"))) s.window.push_back(to_int32(w, f.path("window")));
  s.rope = to_rope(f.object("rope"));
  return s;
}

TensorSource to_source(const Fields& f) {
  TensorSource s;
  s.name = f.word("name");
  s.dtype = f.word("dtype");
  for (const Napi::Value& extent : to_list(f.value("shape"), f.path("shape"))) s.shape.push_back(to_integer(extent, f.path("shape")));
  s.file = f.word("file");
  const std::int64_t begin = f.integer("begin"), end = f.integer("end");
  if (begin < 0 || end < begin) throw invalid_argument(f.path("begin"), "byte offsets with begin <= end", text(begin, " and ", end));
  s.begin = static_cast<std::uint64_t>(begin);
  s.end = static_cast<std::uint64_t>(end);
  return s;
}

}  // namespace

Fields::Fields(const Napi::Value& value, std::string where) : where_(std::move(where)) {
  if (!value.IsObject()) throw invalid_argument(where_, "an object", kind_of(value));
  object_ = value.As<Napi::Object>();
}

std::string Fields::path(const char* name) const { return where_.empty() ? name : where_ + "." + name; }
Napi::Value Fields::value(const char* name) const { return object_.Get(name); }
bool Fields::has(const char* name) const { return !value(name).IsUndefined(); }

double Fields::number(const char* name) const {
  const Napi::Value v = value(name);
  if (!v.IsNumber()) throw invalid_argument(path(name), "a number", kind_of(v));
  return v.As<Napi::Number>().DoubleValue();
}

std::int64_t Fields::integer(const char* name) const { return to_integer(value(name), path(name)); }
std::int32_t Fields::int32(const char* name) const { return to_int32(value(name), path(name)); }
std::string Fields::word(const char* name) const { return to_word(value(name), path(name)); }

bool Fields::boolean(const char* name) const {
  const Napi::Value v = value(name);
  if (!v.IsBoolean()) throw invalid_argument(path(name), "true or false", kind_of(v));
  return v.As<Napi::Boolean>().Value();
}

std::uint64_t Fields::bits(const char* name) const {
  const Napi::Value v = value(name);
  bool exact = false;
  const std::uint64_t out = v.IsBigInt() ? v.As<Napi::BigInt>().Uint64Value(&exact) : 0;
  if (!exact) throw invalid_argument(path(name), "a bigint from 0 to 2^64 - 1", kind_of(v));
  return out;
}

Fields Fields::object(const char* name) const { return Fields(value(name), path(name)); }

std::vector<Fields> Fields::objects(const char* name) const {
  std::vector<Fields> out;
  const std::vector<Napi::Value> list = to_list(value(name), path(name));
  for (std::size_t i = 0; i < list.size(); ++i) out.emplace_back(list[i], text(path(name), "[", i, "]"));
  return out;
}

std::vector<std::int32_t> Fields::ints(const char* name) const { return to_ints(value(name), path(name)); }

std::int64_t to_integer(const Napi::Value& value, const std::string& name) {
  const double x = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
  if (!(std::fabs(x) <= kSafe) || x != std::floor(x)) {
    throw invalid_argument(name, "an integer", value.IsNumber() ? text(x) : kind_of(value));
  }
  return static_cast<std::int64_t>(x);
}

std::int32_t to_int32(const Napi::Value& value, const std::string& name) {
  const std::int64_t x = to_integer(value, name);
  if (x < INT32_MIN || x > INT32_MAX) throw invalid_argument(name, "an integer of 32 bits", text(x));
  return static_cast<std::int32_t>(x);
}

std::uint32_t to_ticket(const Napi::Value& value) {
  const std::int64_t ticket = to_integer(value, "ticket");
  if (ticket < 0 || ticket > UINT32_MAX) throw invalid_argument("ticket", "an integer of 32 bits", text(ticket));
  return static_cast<std::uint32_t>(ticket);
}

std::string to_word(const Napi::Value& value, const std::string& name) {
  if (!value.IsString()) throw invalid_argument(name, "a string", kind_of(value));
  return value.As<Napi::String>().Utf8Value();
}

std::vector<std::int32_t> to_ints(const Napi::Value& value, const std::string& name) {
  const View view = ints_of(value, name);
  std::vector<std::int32_t> out(view.length);
  if (view.length) std::memcpy(out.data(), view.data, view.length * sizeof(std::int32_t));
  return out;
}

Numbers to_numbers(const Napi::Value& value, const std::string& name) {
  const View view = floats_of(value, name);
  const auto copy = [&](auto out) {
    if (view.length) std::memcpy(out.data(), view.data, view.length * sizeof out[0]);
    return Numbers(std::move(out));
  };
  return view.type == napi_float32_array ? copy(std::vector<float>(view.length)) : copy(std::vector<double>(view.length));
}

std::vector<Napi::Value> to_list(const Napi::Value& value, const std::string& name) {
  if (!value.IsArray()) throw invalid_argument(name, "an array", kind_of(value));
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<Napi::Value> out;
  for (std::uint32_t i = 0; i < array.Length(); ++i) out.push_back(array.Get(i));
  return out;
}

Recompute recompute_of(const std::string& word) {
  if (word == "none") return Recompute::kNone;
  if (word == "cheap") return Recompute::kCheap;
  throw invalid_argument("recompute", "none or cheap", word);
}

SessionOptions to_session_options(const Napi::Value& value) {
  const Fields f(value, "");
  SessionOptions o;
  o.device = f.word("device");
  o.ordinal = f.int32("ordinal");
  if (f.has("plugin")) o.plugin = f.word("plugin");
  o.dtype = f.word("dtype");
  o.threads = f.int32("threads");
  o.spec = to_spec(f.object("spec"));
  for (const Fields& source : f.objects("weights")) o.weights.push_back(to_source(source));
  for (const Napi::Value& target : to_list(f.value("targets"), "targets")) o.targets.push_back(projection_of(to_word(target, "targets")));
  o.limits.slots = f.integer("slots");
  o.limits.rank = f.integer("rank");
  o.limits.tokens = f.integer("maxTokens");
  o.limits.sequences = f.integer("maxSequences");
  o.limits.training = f.boolean("training");
  o.limits.recompute = recompute_of(f.word("recompute"));
  o.limits.cache_tokens = f.integer("cacheTokens");
  o.limits.cache_sequences = f.integer("cacheSequences");
  return o;
}

AdapterConfig to_adapter_config(const Napi::Value& value) {
  const Fields f(value, "adapter");
  AdapterConfig config;
  for (const Fields& m : f.objects("modules")) {
    config.modules.push_back({m.int32("layer"), projection_of(m.word("projection")), m.int32("rank"), m.number("scale")});
    const double scale = config.modules.back().scale;
    if (!std::isfinite(scale)) throw invalid_argument(m.path("scale"), "a finite number", text(scale));
  }
  config.dropout = f.number("dropout");
  config.seed = f.bits("seed");
  return config;
}

BatchCommand to_batch(const Napi::Value& value) {
  const Fields f(value, "batch");
  BatchCommand c;
  c.tokens = f.ints("tokens");
  c.labels = f.ints("labels");
  c.positions = f.ints("positions");
  c.seq_begin = f.ints("seqBegin");
  if (f.has("weights")) c.weights = to_numbers(f.value("weights"), f.path("weights"));
  c.segment_begin = f.ints("segmentBegin");
  c.segment_slot = f.ints("segmentSlot");
  c.neftune_alpha = f.number("neftuneAlpha");
  c.label_smoothing = f.number("labelSmoothing");
  return c;
}

std::vector<UpdateRule> to_rules(const Napi::Value& value) {
  std::vector<UpdateRule> out;
  for (const Napi::Value& item : to_list(value, "rules")) {
    const Fields f(item, text("rules[", out.size(), "]"));
    UpdateRule r;
    r.slot = f.int32("slot");
    r.lr = f.number("lr");
    r.beta1 = f.number("beta1");
    r.beta2 = f.number("beta2");
    r.eps = f.number("eps");
    r.weight_decay = f.number("weightDecay");
    r.clip = f.number("clip");
    out.push_back(r);
  }
  return out;
}

std::vector<GenerateSequence> to_sequences(const Napi::Value& value) {
  std::vector<GenerateSequence> out;
  for (const Napi::Value& item : to_list(value, "sequences")) {
    const Fields f(item, text("sequences[", out.size(), "]"));
    GenerateSequence s;
    s.prompt = f.ints("prompt");
    s.slot = f.int32("slot");
    s.temperature = f.number("temperature");
    s.top_k = f.int32("topK");
    s.top_p = f.number("topP");
    s.repetition_penalty = f.number("repetitionPenalty");
    s.seed = f.bits("seed");
    s.max_new_tokens = f.has("maxNewTokens") ? f.integer("maxNewTokens") : 0;
    out.push_back(std::move(s));
  }
  return out;
}

AdapterPart to_part(const Napi::Value& value, bool gradients) {
  const std::string word = to_word(value, "what");
  if (word == "weights") return AdapterPart::kWeights;
  if (word == "optimizer") return AdapterPart::kOptimizer;
  if (word == "gradients" && gradients) return AdapterPart::kGradients;
  throw invalid_argument("what", gradients ? "weights, optimizer or gradients" : "weights or optimizer", word);
}

AdapterState to_state(const Napi::Value& value) {
  const Fields f(value, "state");
  AdapterState s;
  s.step = f.integer("step");
  const std::int64_t tick = f.integer("tick");
  if (s.step < 0) throw invalid_argument(f.path("step"), "an integer of 0 or more", text(s.step));
  if (tick < 0 || tick > INT64_C(0xFFFFFFFE)) throw invalid_argument(f.path("tick"), "an integer from 0 to 2^32 - 2", text(tick));
  s.tick = static_cast<std::uint32_t>(tick);
  s.seed = f.bits("seed");
  return s;
}

std::size_t float_length(const Napi::Value& value, const std::string& name) { return floats_of(value, name).length; }
std::size_t int_length(const Napi::Value& value, const std::string& name) { return ints_of(value, name).length; }

void write_floats(const Napi::Value& value, const Numbers& numbers, const std::string& name) {
  const View view = floats_of(value, name);
  if (view.length != count_of(numbers)) {
    throw invalid_argument(name, text("an array of ", count_of(numbers), " elements"), text(view.length));
  }
  std::visit([&](const auto& from) {
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (view.type == napi_float32_array) {
        static_cast<float*>(view.data)[i] = static_cast<float>(from[i]);
      } else {
        static_cast<double*>(view.data)[i] = double(from[i]);
      }
    }
  }, numbers);
}

void write_ints(const Napi::Value& value, const std::vector<std::int32_t>& numbers, const std::string& name) {
  const View view = ints_of(value, name);
  if (view.length != numbers.size()) throw invalid_argument(name, text("an array of ", numbers.size(), " elements"), text(view.length));
  if (view.length) std::memcpy(view.data, numbers.data(), view.length * sizeof(std::int32_t));
}

}  // namespace lora
