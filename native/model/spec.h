// ModelSpec: widths, heads, rope and options of a dense decoder, the C++ mirror of lib/tensors.ts. Nothing
// about files.
#ifndef LORA_MODEL_SPEC_H
#define LORA_MODEL_SPEC_H

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/failure.h"
#include "runtime/tensor.h"

namespace lora {

enum class Projection { kQ, kK, kV, kQkv, kO, kGate, kUp, kGateUp, kDown, kHead };
constexpr int kProjections = 10;  // the head included
constexpr int kLayerProjections = 9;

const char* name_of(Projection projection);
// Throws ERR_INVALID_ARGUMENT for a name that is none.
Projection projection_of(const std::string& name);

enum class RopeKind { kDefault, kLinear, kDynamic, kLlama3, kYarn };

struct RopeSpec {
  RopeKind kind = RopeKind::kDefault;
  double theta = 10000;
  std::int64_t rotary_width = 0, max_positions = 0, original_max_positions = 0;
  double factor = 1, low_freq_factor = 1, high_freq_factor = 4, beta_fast = 32, beta_slow = 1,
         attention_factor = 1;
  bool truncate = true;
};

struct ModelSpec {
  std::string family;
  std::int64_t vocabulary = 0, width = 0, layers = 0, heads = 0, kv_heads = 0, head_width = 0,
               feed_forward = 0;
  double norm_eps = 1e-5;
  bool tied_head = false, qkv_bias = false, o_bias = false, mlp_bias = false, qk_norm = false;
  bool fused_qkv = false, fused_gate_up = false;
  std::vector<std::int32_t> window;
  RopeSpec rope;

  std::int64_t q_width() const { return heads * head_width; }
  std::int64_t kv_width() const { return kv_heads * head_width; }
  // Whether the graph has this projection: q, k, v or qkv, never both.
  bool has(Projection projection) const;
  bool bias(Projection projection) const;
  // Rows N and columns K of a projection's weight.
  std::int64_t rows(Projection projection) const;
  std::int64_t columns(Projection projection) const;
  // Throws ERR_INVALID_ARGUMENT that names the first field that makes no sense.
  void check() const;
};

// What backward makes again instead of keeping it.
enum class Recompute {
  kNone,
  kCheap,  // norm outputs and SwiGLU: no product is ever repeated
  kLayer,  // everything but a layer's input; the layer is run again up to its last product
  kMixed,  // the first layers keep all, those after them are cheap, the rest are run again
  kAuto    // becomes kMixed when the session is planned: the fastest that fits
};

// What a session is opened for: the sizes that every allocation follows from.
struct Limits {
  std::int64_t tokens = 0;           // largest T
  std::int64_t sequences = 0;        // largest Q
  std::int64_t slots = 0, rank = 0;  // rank padded to 16
  std::int64_t cache_tokens = 0, cache_sequences = 0;
  bool training = false;
  Recompute recompute = Recompute::kNone;
  std::int64_t keep_layers = 0, cheap_layers = 0;  // kMixed: how many of each, from the first layer on

  Recompute recompute_of(std::int64_t layer) const {
    if (recompute != Recompute::kMixed) {
      return recompute;
    }
    return layer < keep_layers                  ? Recompute::kNone
           : layer < keep_layers + cheap_layers ? Recompute::kCheap
                                                : Recompute::kLayer;
  }
};

// The types of a session: Real for sums and optimizer state, store for weights and activations.
struct Types {
  lora_dtype real = LORA_F32, store = LORA_F32;
};

}  // namespace lora

#endif
