// The frozen weights: which tensors a model has, where each lies in device memory, and how they get there.
#ifndef LORA_MODEL_WEIGHTS_H
#define LORA_MODEL_WEIGHTS_H

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/read_ahead.h"
#include "model/spec.h"
#include "runtime/memory.h"

namespace lora {

struct Linear {
  lora_weight w{};
  Tensor bias;
};

struct LayerWeights {
  Tensor norm1, norm2, q_norm, k_norm;
  Linear linear[kLayerProjections];
};

// Bytes of a matrix in the backend's own layout; 0 where it stays plain.
using PackedBytes = std::function<std::size_t(const Tensor& codes, std::uint32_t uses)>;
PackedBytes packed_by(const Backend& backend);
inline std::size_t keep_plain(const Tensor&, std::uint32_t) { return 0; }

class Weights {
 public:
  // Counts: fills plan() and peak() of a dry arena with what loading will take.
  static void measure(Arena& dry, const PackedBytes& packed, const ModelSpec& spec, Types types, bool training);
  // The largest matrix that is packed, plain: what `spare` must hold.
  static std::size_t packing_bytes(const PackedBytes& packed, const ModelSpec& spec, Types types, bool training);

  // Reads and packs everything. `spare` is device memory that nobody needs yet. `advance` hears the bytes of each
  // piece and may throw to cancel.
  Weights(Arena arena, void* spare, Stream& stream, const ModelSpec& spec, Types types, bool training,
          const TensorReader& reader, const std::function<void(std::size_t)>& advance);

  // Bytes of all tensors in the store's type: the total of what `advance` will hear.
  static std::size_t total_bytes(const ModelSpec& spec, Types types);
  // Every tensor with its shape, checked against the reader before anything is allocated.
  static void check(const ModelSpec& spec, const TensorReader& reader);

  Tensor embed, norm;
  Linear head;
  std::vector<LayerWeights> layers;

 private:
  Arena arena_;
};

}  // namespace lora

#endif
