// A session on a tiny random model: train, evaluate, generate, save and restore; then on the engine thread,
// with cancelled commands and a stop in the middle.
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <numeric>

#include "engine/queue.h"
#include "engine/session.h"
#include "tests/testing.h"

namespace lora::tests {
namespace {

ModelSpec tiny_spec() {
  ModelSpec spec;
  spec.family = "llama";
  spec.vocabulary = 61;
  spec.width = 32;
  spec.layers = 2;
  spec.heads = 4;
  spec.kv_heads = 2;
  spec.head_width = 8;
  spec.feed_forward = 40;
  spec.window = {0, 7};
  spec.rope.rotary_width = 8;
  spec.rope.max_positions = spec.rope.original_max_positions = 512;
  return spec;
}

// Random weights in one file, and where each tensor lies in it.
class WeightFile {
 public:
  explicit WeightFile(const ModelSpec& spec)
      : path_("/tmp/whetstone-native-test-" + std::to_string(getpid())) {
    std::ofstream file(path_, std::ios::binary);
    const auto add = [&](const std::string& name, std::vector<std::int64_t> shape, double around) {
      const lora_tensor t = heap_.normals(LORA_F32, shape, 0.2, around);
      file.write(static_cast<const char*>(t.data), static_cast<std::streamsize>(bytes_of(t)));
      sources.push_back({name, "F32", shape, path_, at_, at_ + bytes_of(t)});
      at_ += bytes_of(t);
    };
    add("embed", {spec.vocabulary, spec.width}, 0);
    for (std::int64_t layer = 0; layer < spec.layers; ++layer) {
      const std::string prefix = "layers." + std::to_string(layer) + ".";
      add(prefix + "norm1", {spec.width}, 1);
      add(prefix + "norm2", {spec.width}, 1);
      for (Projection p : projections) add(prefix + name_of(p), {spec.rows(p), spec.columns(p)}, 0);
    }
    add("norm", {spec.width}, 1);
    add("head", {spec.vocabulary, spec.width}, 0);
  }
  ~WeightFile() { unlink(path_.c_str()); }

  static constexpr Projection projections[] = {Projection::kQ,   Projection::kK,    Projection::kV,
                                               Projection::kO,   Projection::kGate, Projection::kUp,
                                               Projection::kDown};
  std::vector<TensorSource> sources;

 private:
  Heap heap_{5};
  std::string path_;
  std::uint64_t at_ = 0;
};

SessionOptions options_for(const ModelSpec& spec, const WeightFile& weights, const std::string& dtype) {
  SessionOptions options;
  options.dtype = dtype;
  options.threads = 3;
  options.spec = spec;
  options.weights = weights.sources;
  options.targets.assign(std::begin(WeightFile::projections), std::end(WeightFile::projections));
  options.targets.push_back(Projection::kHead);
  options.limits.tokens = 64;
  options.limits.sequences = 8;
  options.limits.slots = 2;
  options.limits.rank = 4;
  options.limits.cache_tokens = 128;
  options.limits.cache_sequences = 4;
  options.limits.training = true;
  return options;
}

AdapterConfig adapter(std::uint64_t seed) {
  AdapterConfig config;
  for (std::int32_t layer = 0; layer < 2; ++layer) {
    for (Projection p : WeightFile::projections) config.modules.push_back({layer, p, 4, 2.0});
  }
  config.modules.push_back({-1, Projection::kHead, 3, 1.0});
  config.dropout = 0.1;
  config.seed = seed;
  return config;
}

BatchCommand batch() {
  BatchCommand b;
  b.seq_begin = {0, 13, 14, 37};
  b.segment_begin = {0, 13, 37};
  b.segment_slot = {0, 1};
  for (std::int32_t t = 0; t < 37; ++t) {
    b.tokens.push_back((t * 7) % 61);
    b.labels.push_back(t == 12 || t == 13 || t == 36 ? -1 : (t * 7 + 7) % 61);
    b.positions.push_back(t < 13 ? t : t < 14 ? 0 : t - 14);
  }
  b.neftune_alpha = 1;
  b.label_smoothing = 0.1;
  return b;
}

UpdateRule rule(std::int32_t slot) {
  UpdateRule r;
  r.slot = slot;
  r.lr = 1e-2;
  r.weight_decay = 0.01;
  r.clip = 1;
  return r;
}

// Summed over the batch, without dropout, noise and smoothing.
double loss_of(Session& session) {
  const Evaluation seen = session.evaluate(batch(), CancelToken());
  return std::visit([](const auto& rows) { return std::accumulate(rows.begin(), rows.end(), 0.0); },
                    seen.row_loss);
}

void train_and_generate(Session& session) {
  const CancelToken never;
  expect(session.add_adapter(adapter(1)) == 0 && session.add_adapter(adapter(2)) == 1, "slots in order");
  const double before = loss_of(session);
  for (int step = 0; step < 12; ++step) {
    session.accumulate(batch(), never);
    if (step % 2 == 0) session.accumulate(batch(), never);
    session.apply_gradients({rule(1), rule(0)}, never);
  }
  const double after = loss_of(session);
  expect(after < 0.9 * before,
         "training lowers the loss: " + std::to_string(before) + " to " + std::to_string(after));
  session.logits(batch(), {0, 36}, never);

  const std::vector<Numbers> weights = session.read_adapter(0, AdapterPart::kWeights);
  expect(!weights.empty(), "an adapter has tensors");
  session.read_adapter(1, AdapterPart::kOptimizer);
  session.set_adapter_state(0, session.adapter_state(0));

  GenerateSequence base, adapted;
  base.prompt = {1, 2, 3};
  adapted.prompt = {4, 5, 6, 7, 8};
  adapted.slot = 1;
  adapted.temperature = 0.8;
  adapted.top_k = 20;
  adapted.top_p = 0.9;
  adapted.repetition_penalty = 1.2;
  const std::int32_t handle = session.generate_begin({base, adapted}, never);
  for (int i = 0; i < 10; ++i) {
    const Generated next = session.generate_next(handle, {}, nullptr, never);
    for (std::int32_t token : next.tokens) expect(token >= 0 && token < 61, "tokens of the vocabulary");
  }
  session.generate_end(handle);
  session.remove_adapter(0);
}

void on_the_engine_thread(const SessionOptions& options) {
  std::unique_ptr<Session> session;
  std::atomic<int> settled{0};
  EngineThread engine([&] { session.reset(); });
  const auto post = [&](std::uint32_t ticket, std::function<void(const CancelToken&)> run) {
    engine.post({ticket,
                 [&, run](const CancelToken& token) {
                   run(token);
                   ++settled;
                 },
                 [&](const Failure&) { ++settled; }});
  };
  post(1, [&](const CancelToken& token) {
    session = std::make_unique<Session>(options, nullptr, token, [](std::size_t, std::size_t) {});
    session->add_adapter(adapter(1));
    session->add_adapter(adapter(2));
  });
  for (std::uint32_t ticket = 2; ticket < 40; ++ticket) {
    post(ticket, [&](const CancelToken& token) { session->accumulate(batch(), token); });
    if (ticket % 3 == 0) engine.cancel(ticket - 1);
    if (ticket % 5 == 0) post(0, [&](const CancelToken&) { session->drop_gradients(); });
  }
  engine.stop();
  engine.join();
  expect(settled == 39 + 7, "every command settles once");
}

}  // namespace

void test_session() {
  const ModelSpec spec = tiny_spec();
  const WeightFile weights(spec);
  const CancelToken never;
  for (const char* dtype : {"f32", "bf16"}) {
    Session session(options_for(spec, weights, dtype), nullptr, never, [](std::size_t, std::size_t) {});
    train_and_generate(session);
  }
  for (int round = 0; round < 3; ++round) on_the_engine_thread(options_for(spec, weights, "f32"));
}

}  // namespace lora::tests
