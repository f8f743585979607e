// One walk over the model's tensors serves the check, the plan and the loading: `visit` calls back for each
// of them.
#include "model/weights.h"

#include <algorithm>

namespace lora {

namespace {

// Rows are staged in pieces of about this size.
constexpr std::size_t kPiece = std::size_t(8) << 20;

struct Item {
  std::string name;
  std::vector<std::int64_t> shape;
  Tensor* plain = nullptr;   // a vector or table that stays as it is
  Linear* linear = nullptr;  // a matrix that is packed
  std::uint32_t uses = 0;
};

template <class Visit>
void visit(Weights* into, const ModelSpec& spec, bool training, const Visit& each) {
  const std::uint32_t both = LORA_USE_FORWARD | (training ? LORA_USE_DX : 0u);
  each({"embed", {spec.vocabulary, spec.width}, into ? &into->embed : nullptr, nullptr, 0});
  for (std::int64_t l = 0; l < spec.layers; ++l) {
    LayerWeights* layer = into ? &into->layers[static_cast<std::size_t>(l)] : nullptr;
    const std::string prefix = text("layers.", l, ".");
    each({prefix + "norm1", {spec.width}, layer ? &layer->norm1 : nullptr, nullptr, 0});
    each({prefix + "norm2", {spec.width}, layer ? &layer->norm2 : nullptr, nullptr, 0});
    if (spec.qk_norm) {
      each({prefix + "q_norm", {spec.head_width}, layer ? &layer->q_norm : nullptr, nullptr, 0});
      each({prefix + "k_norm", {spec.head_width}, layer ? &layer->k_norm : nullptr, nullptr, 0});
    }
    for (int i = 0; i < kLayerProjections; ++i) {
      const Projection p = static_cast<Projection>(i);
      if (!spec.has(p)) {
        continue;
      }
      // Nothing below the first layer's first products trains, so their gradient by x is never asked for.
      const bool first = l == 0 && (p == Projection::kQ || p == Projection::kK || p == Projection::kV ||
                                    p == Projection::kQkv);
      Linear* linear = layer ? &layer->linear[i] : nullptr;
      each({prefix + name_of(p),
            {spec.rows(p), spec.columns(p)},
            nullptr,
            linear,
            first ? LORA_USE_FORWARD : both});
      if (spec.bias(p)) {
        each({prefix + name_of(p) + ".bias", {spec.rows(p)}, linear ? &linear->bias : nullptr, nullptr, 0});
      }
    }
  }
  each({"norm", {spec.width}, into ? &into->norm : nullptr, nullptr, 0});
  each({"head", {spec.vocabulary, spec.width}, nullptr, into ? &into->head : nullptr, both});
}

bool shared(const ModelSpec& spec, const Item& item) { return item.name == "head" && spec.tied_head; }

Tensor shaped(const Item& item, lora_dtype dtype) {
  return item.shape.size() == 1 ? Tensor(nullptr, dtype, {item.shape[0]})
                                : Tensor(nullptr, dtype, {item.shape[0], item.shape[1]});
}

// Takes the memory of one item; sets `packed` when the matrix is kept in the backend's own layout.
void place(Arena& arena, const PackedBytes& packing, const ModelSpec& spec, Types types, const Item& item, Tensor* plain,
           void** packed, std::size_t* packed_size) {
  *plain = shaped(item, types.store);
  *packed = nullptr;
  *packed_size = item.uses ? packing(*plain, item.uses) : 0;
  if (*packed_size) {
    *packed = arena.take_bytes(item.name == "head" ? "weights: head" : "weights: projections", *packed_size);
  }
  if (*packed_size || shared(spec, item)) {
    return;
  }
  const char* line = item.name == "embed" ? "weights: embed"
                     : item.uses          ? "weights: projections"
                                          : "weights: norms and biases";
  plain->data = arena.take_bytes(line, plain->bytes());
}

}  // namespace

void Weights::check(const ModelSpec& spec, const TensorReader& reader) {
  visit(nullptr, spec, false, [&](const Item& item) {
    if (!shared(spec, item)) {
      reader.check(item.name, item.shape);
    }
  });
}

std::size_t Weights::total_bytes(const ModelSpec& spec, Types types) {
  std::size_t total = 0;
  visit(nullptr, spec, false, [&](const Item& item) {
    if (!shared(spec, item)) {
      total += shaped(item, types.store).bytes();
    }
  });
  return total;
}

PackedBytes packed_by(const Backend& backend) {
  return [&backend](const Tensor& codes, std::uint32_t uses) {
    lora_weight weight{};
    weight.codes = codes;
    std::size_t bytes = 0;
    backend.check(backend->weight_pack(nullptr, &weight, uses, nullptr, &bytes), "weight_pack");
    return bytes;
  };
}

void Weights::measure(Arena& dry, const PackedBytes& packing, const ModelSpec& spec, Types types,
                      bool training) {
  visit(nullptr, spec, training, [&](const Item& item) {
    Tensor plain;
    void* packed;
    std::size_t size;
    place(dry, packing, spec, types, item, &plain, &packed, &size);
  });
}

std::size_t Weights::packing_bytes(const PackedBytes& packing, const ModelSpec& spec, Types types,
                                   bool training) {
  std::size_t largest = 0;
  visit(nullptr, spec, training, [&](const Item& item) {
    const Tensor plain = shaped(item, types.store);
    if (item.uses && !shared(spec, item) && packing(plain, item.uses)) {
      largest = std::max(largest, plain.bytes());
    }
  });
  return largest;
}

Weights::Weights(Arena arena, void* spare, Stream& stream, const ModelSpec& spec, Types types, bool training,
                 const TensorReader& reader, const std::function<void(std::size_t)>& advance)
    : layers(static_cast<std::size_t>(spec.layers)), arena_(std::move(arena)) {
  const PackedBytes packing = packed_by(stream.backend());
  std::vector<Piece> pieces;
  visit(nullptr, spec, training, [&](const Item& item) {
    if (shared(spec, item)) {
      return;
    }
    const Tensor plain = shaped(item, types.store);
    const std::int64_t rows = plain.shape[0];
    const std::size_t row_bytes = plain.bytes() / static_cast<std::size_t>(rows);
    const std::int64_t step = std::max<std::int64_t>(1, static_cast<std::int64_t>(kPiece / row_bytes));
    for (std::int64_t from = 0; from < rows; from += step) {
      const std::int64_t count = std::min(step, rows - from);
      pieces.push_back({item.name, from, count, static_cast<std::size_t>(count) * row_bytes});
    }
  });
  ReadAhead ahead(stream.device(), reader, types.store, std::move(pieces));
  const auto fetch = [&](const Tensor& to) {
    for (std::size_t at = 0; at < to.bytes();) {
      const std::size_t bytes = ahead.copy_next(stream, static_cast<char*>(to.data) + at);
      at += bytes;
      advance(bytes);
    }
  };

  visit(this, spec, training, [&](const Item& item) {
    Tensor plain;
    void* packed;
    std::size_t size;
    place(arena_, packing, spec, types, item, &plain, &packed, &size);
    const bool passing = packed && !shared(spec, item);  // plain only until it is packed
    if (shared(spec, item)) {
      plain = embed;
    } else {
      plain.data = passing ? spare : plain.data;
      fetch(plain);
    }
    if (item.plain) {
      *item.plain = plain;
      return;
    }
    lora_weight& w = item.linear->w;
    w.codes = plain;
    w.scales = Tensor();
    if (packed) {
      // In order behind the copies; the next matrix comes behind the packing.
      stream.backend().check(stream.backend()->weight_pack(stream.handle(), &w, item.uses, packed, &size),
                             "weight_pack");
      w.packed = packed;
      if (passing) {
        w.codes.data = nullptr;
      }
    }
  });
  stream.wait();
}

}  // namespace lora
