// Adapters as slabs: all parameters of one adapter, over all layers and projections, lie in one contiguous
// span of P elements, so that optimizer, clipping, save and load work on spans. Slab tensors are [slots, P].
#ifndef LORA_MODEL_ADAPTERS_H
#define LORA_MODEL_ADAPTERS_H

#include <string>
#include <variant>
#include <vector>

#include "model/spec.h"
#include "runtime/memory.h"

namespace lora {

// Numbers in host memory: f32, or f64 in a session of the oracle.
using Numbers = std::variant<std::vector<float>, std::vector<double>>;

inline std::size_t count_of(const Numbers& numbers) {
  return std::visit([](const auto& v) { return v.size(); }, numbers);
}

// One projection that adapters of this session may attach to, and where its A [R, K] and B [N, R] lie in a
// slab.
struct Site {
  std::int32_t layer = 0;  // -1: the head
  Projection projection = Projection::kQ;
  std::int64_t n = 0, k = 0, a_at = 0, b_at = 0;
  std::uint32_t number = 0;  // layer * 9 + projection; the head comes last. Part of the counters that draw A.
  // Order in the forward pass: layer * 4 + (attention in, o, feed-forward in, down). Names the input in dropout's counters:
  // projections of one input drop the same elements of it.
  std::int32_t stage = 0;
};

struct AdapterModule {
  std::int32_t layer = 0;
  Projection projection = Projection::kQ;
  std::int32_t rank = 0;
  double scale = 0;
};

struct AdapterConfig {
  std::vector<AdapterModule> modules;
  double dropout = 0;
  std::uint64_t seed = 0;
};

// Position of an adapter in its training: what a bit-exact resume needs beside the tensors.
struct AdapterState {
  std::int64_t step = 0;   // optimizer updates
  std::uint32_t tick = 0;  // micro-batches seen
  std::uint64_t seed = 0;
};

enum class Slab { kWeights, kGradients, kFirstMoment, kSecondMoment };

class Adapters {
 public:
  static constexpr int kStagesPerLayer = 4;

  struct Slot {
    bool used = false;
    AdapterConfig config;
    AdapterState state;
    std::uint32_t pending_ticks = 0;  // micro-batches of the window that no update has sealed yet
    double window_weight = 0;         // sum of label weights in the window
    std::vector<std::int32_t> rank;   // by site; 0: this adapter lacks it
  };

  // Counts into a dry arena what the constructor takes from a real one.
  static void measure(Arena& dry, const ModelSpec& spec, Types types, const Limits& limits,
                      const std::vector<Projection>& targets);
  Adapters(Arena arena, const ModelSpec& spec, Types types, const Limits& limits,
           const std::vector<Projection>& targets);

  const std::vector<Site>& sites() const { return sites_; }
  std::int64_t slots() const { return static_cast<std::int64_t>(slots_.size()); }
  // Throws ERR_INVALID_ARGUMENT when the slot holds no adapter.
  Slot& at(std::int32_t slot);
  const Slot& at(std::int32_t slot) const;
  // Index in sites(), or -1 where the session has no such target.
  int find(std::int32_t layer, Projection projection) const;

  // Takes a free slot: A Kaiming uniform (bound 1 / sqrt(K), as PEFT), B zero, no optimizer state.
  std::int32_t add(Stream& stream, const AdapterConfig& config);
  void remove(Stream& stream, std::int32_t slot);

  // Stages that the given slots train, lowest first; stage count of the model when none do.
  std::int32_t lowest_stage(const std::vector<std::int32_t>& slots) const;
  // The pair of a site for a batch of these slots; a == nullptr when none of them has it.
  lora_pair pair(int site, const std::vector<std::int32_t>& slots, const lora_streams& streams,
                 bool training) const;

  // All [slots, P].
  Tensor master, work, grad, first_moment, second_moment;
  std::int64_t rank() const { return rank_; }
  std::int64_t length() const { return length_; }

  // A and B of every module the adapter has, in the order of sites(), cut to its own rank.
  std::vector<Numbers> read_all(Stream& stream, std::int32_t slot, Slab slab);
  struct Piece {
    int site = 0;
    bool b = false;
    const Numbers* data = nullptr;
  };
  void write(Stream& stream, std::int32_t slot, Slab slab, const std::vector<Piece>& pieces);

  void clear_gradients(Stream& stream, std::int32_t slot);

 private:
  void layout(Arena& arena, const ModelSpec& spec, Types types, const Limits& limits,
              const std::vector<Projection>& targets);
  void send_tables(Stream& stream);
  Tensor slab(Slab which) const;
  template <class Real>
  void initialise(Stream& stream, std::int32_t slot);
  void refresh_work(Stream& stream, std::int32_t slot);

  Arena arena_;
  Types types_;
  bool training_ = false;
  std::int64_t rank_ = 0, length_ = 0;
  std::int32_t stages_ = 0;
  std::vector<Site> sites_;
  std::vector<Slot> slots_;
  std::vector<double> scale_;  // [sites, slots], as on the device
  std::vector<float> drop_;     // [slots]
  Tensor scale_dev_, drop_dev_;
};

}  // namespace lora

#endif
