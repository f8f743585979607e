// Plain in and out structs of every call of a session: no JavaScript, no backend. The addon fills and reads
// them.
#ifndef LORA_ENGINE_COMMANDS_H
#define LORA_ENGINE_COMMANDS_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/adapters.h"
#include "model/spec.h"

namespace lora {

// Where the bytes of one frozen tensor lie; checked against the file again before they are read.
struct TensorSource {
  std::string name;
  std::string dtype;  // F64, F32, BF16, F16
  std::vector<std::int64_t> shape;
  std::string file;
  std::uint64_t begin = 0, end = 0;
};

struct SessionOptions {
  std::string device = "cpu";  // cpu, cuda; oracle in the testing addon
  std::int32_t ordinal = 0;
  std::string plugin;
  std::string dtype = "f32";
  std::int32_t threads = 0;
  ModelSpec spec;
  std::vector<TensorSource> weights;
  std::vector<Projection> targets;
  Limits limits;
  std::size_t memory_bytes = 0;  // most that the session may take; 0: what is free
};

struct BatchCommand {
  std::vector<std::int32_t> tokens, labels, positions, seq_begin, segment_begin, segment_slot;
  std::optional<Numbers> weights;
  double neftune_alpha = 0, label_smoothing = 0;
};

struct SlotLoss {
  std::int32_t slot = -1;
  double loss_sum = 0, weight_sum = 0;
  std::int64_t scored = 0;
};

struct UpdateRule {
  std::int32_t slot = 0;
  double lr = 0, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0, clip = 0;
};

struct UpdateReport {
  std::int32_t slot = 0;
  double grad_norm = 0, clip_factor = 1;
  std::int64_t step = 0;
};

struct Evaluation {
  Numbers row_loss;
  std::vector<std::int32_t> top1;
};

struct GenerateSequence {
  std::vector<std::int32_t> prompt;
  std::int32_t slot = -1;
  std::int64_t max_new_tokens =
      0;  // rows of the cache to reserve past the prompt; 0: an even share of what is free
  double temperature = 0, top_p = 1, repetition_penalty = 1;
  std::int32_t top_k = 0;
  std::uint64_t seed = 0;
};

struct Generated {
  std::vector<std::int32_t> tokens;  // one per sequence; -1 for finished ones
  std::vector<float> logprobs;
};

struct NamedNumbers {
  std::string name;
  Numbers data;
};

enum class AdapterPart { kWeights, kOptimizer, kGradients };

// Name and shape of each tensor that readAdapter fills, in order.
struct TensorInfo {
  std::string name;
  std::vector<std::int64_t> shape;
  int site = 0;
  bool b = false;
  Slab slab = Slab::kWeights;
};

}  // namespace lora

#endif
