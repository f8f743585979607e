// The frozen weights: which tensors a model has, where each lies in device memory, and how they get there.
#ifndef LORA_MODEL_WEIGHTS_H
#define LORA_MODEL_WEIGHTS_H

#include <functional>
#include <memory>
#include <string>
#include <vector>

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

// Reads one tensor by the engine's name into host memory in the given dtype; throws when it is missing, of
// another shape or cut short. Rows [from, from + count) of the first extent.
class TensorReader {
 public:
  virtual ~TensorReader() = default;
  // Checks that the tensor exists with this shape.
  virtual void check(const std::string& name, const std::vector<std::int64_t>& shape) const = 0;
  virtual void read(const std::string& name, std::int64_t from, std::int64_t count, lora_dtype dtype,
                    void* to) = 0;
};

class Weights {
 public:
  // Counts: fills plan() and peak() of a dry arena with what load() will take.
  static void measure(Arena& dry, Stream& stream, const ModelSpec& spec, Types types, bool training);

  // Reads and packs everything. `advance` hears the bytes of each piece and may throw to cancel.
  Weights(Arena arena, Stream& stream, const ModelSpec& spec, Types types, bool training,
          TensorReader& reader, const std::function<void(std::size_t)>& advance);

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
