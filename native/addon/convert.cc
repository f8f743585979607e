// The structs of commands.h, field by field; values.cc reads the fields.
#include "addon/convert.h"

#include <cmath>

namespace lora {

namespace {

RopeSpec to_rope(const Fields& f) {
  RopeSpec rope;
  rope.theta = f.number("theta");
  rope.rotary_width = f.integer("rotaryWidth");
  rope.max_positions = f.integer("maxPositions");
  const std::string kind = f.word("kind");
  if (kind == "default") {
    return rope;
  }
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
  for (const Napi::Value& w : to_list(f.value("window"), f.path("window"))) {
    s.window.push_back(to_int32(w, f.path("window")));
  }
  s.rope = to_rope(f.object("rope"));
  return s;
}

TensorSource to_source(const Fields& f) {
  TensorSource s;
  s.name = f.word("name");
  s.dtype = f.word("dtype");
  for (const Napi::Value& extent : to_list(f.value("shape"), f.path("shape"))) {
    s.shape.push_back(to_integer(extent, f.path("shape")));
  }
  s.file = f.word("file");
  const std::int64_t begin = f.integer("begin"), end = f.integer("end");
  if (begin < 0 || end < begin) {
    throw invalid_argument(f.path("begin"), "byte offsets with begin <= end", text(begin, " and ", end));
  }
  s.begin = static_cast<std::uint64_t>(begin);
  s.end = static_cast<std::uint64_t>(end);
  return s;
}

Recompute recompute_of(const std::string& word) {
  if (word == "none") {
    return Recompute::kNone;
  }
  if (word == "cheap") {
    return Recompute::kCheap;
  }
  if (word == "layer") {
    return Recompute::kLayer;
  }
  if (word == "auto") {
    return Recompute::kAuto;
  }
  throw invalid_argument("recompute", "none, cheap, layer or auto", word);
}

}  // namespace

SessionOptions to_session_options(const Napi::Value& value) {
  const Fields f(value, "");
  SessionOptions o;
  o.device = f.word("device");
  o.ordinal = f.int32("ordinal");
  if (f.has("plugin")) {
    o.plugin = f.word("plugin");
  }
  o.dtype = f.word("dtype");
  o.threads = f.int32("threads");
  o.spec = to_spec(f.object("spec"));
  for (const Fields& source : f.objects("weights")) {
    o.weights.push_back(to_source(source));
  }
  for (const Napi::Value& target : to_list(f.value("targets"), "targets")) {
    o.targets.push_back(projection_of(to_word(target, "targets")));
  }
  o.limits.slots = f.integer("slots");
  o.limits.rank = f.integer("rank");
  o.limits.tokens = f.integer("maxTokens");
  o.limits.sequences = f.integer("maxSequences");
  o.limits.training = f.boolean("training");
  o.limits.recompute = recompute_of(f.word("recompute"));
  o.limits.cache_tokens = f.integer("cacheTokens");
  o.limits.cache_sequences = f.integer("cacheSequences");
  const std::int64_t bytes = f.integer("memoryBytes");
  if (bytes < 0) {
    throw invalid_argument("memoryBytes", "0 (what is free) or more", text(bytes));
  }
  o.memory_bytes = static_cast<std::size_t>(bytes);
  return o;
}

AdapterConfig to_adapter_config(const Napi::Value& value) {
  const Fields f(value, "adapter");
  AdapterConfig config;
  for (const Fields& m : f.objects("modules")) {
    config.modules.push_back(
        {m.int32("layer"), projection_of(m.word("projection")), m.int32("rank"), m.number("scale")});
    const double scale = config.modules.back().scale;
    if (!std::isfinite(scale)) {
      throw invalid_argument(m.path("scale"), "a finite number", text(scale));
    }
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
  if (f.has("weights")) {
    c.weights = to_numbers(f.value("weights"), f.path("weights"));
  }
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
  if (word == "weights") {
    return AdapterPart::kWeights;
  }
  if (word == "optimizer") {
    return AdapterPart::kOptimizer;
  }
  if (word == "gradients" && gradients) {
    return AdapterPart::kGradients;
  }
  throw invalid_argument("what", gradients ? "weights, optimizer or gradients" : "weights or optimizer",
                         word);
}

AdapterState to_state(const Napi::Value& value) {
  const Fields f(value, "state");
  AdapterState s;
  s.step = f.integer("step");
  const std::int64_t tick = f.integer("tick");
  if (s.step < 0) {
    throw invalid_argument(f.path("step"), "an integer of 0 or more", text(s.step));
  }
  if (tick < 0 || tick > INT64_C(0xFFFFFFFE)) {
    throw invalid_argument(f.path("tick"), "an integer from 0 to 2^32 - 2", text(tick));
  }
  s.tick = static_cast<std::uint32_t>(tick);
  s.seed = f.bits("seed");
  return s;
}

}  // namespace lora
