// Session: executes commands on the engine thread. Owns device, arenas, model and adapters; keeps the rule
// that an update is all or nothing and that nobody trains on half a gradient.
#ifndef LORA_ENGINE_SESSION_H
#define LORA_ENGINE_SESSION_H

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/batch.h"
#include "engine/commands.h"
#include "engine/generator.h"
#include "engine/packer.h"
#include "engine/plan.h"
#include "model/decoder.h"
#include "runtime/device.h"

namespace lora {

class Session {
 public:
  // `extra` fills the table of a device of the testing addon, else null. `progress` hears bytes read so far and in
  // all.
  Session(const SessionOptions& options, Backend::Fill extra, const CancelToken& cancel,
          const std::function<void(std::size_t, std::size_t)>& progress);

  ~Session();

  const std::vector<Line>& plan() const { return plan_; }
  // An ERR_OUT_OF_MEMORY of a command with the session's plan; other failures as they are.
  Failure explained(const Failure& failure) const;
  // With what "auto" became.
  const Limits& limits() const { return limits_; }

  std::int32_t add_adapter(const AdapterConfig& config);
  void remove_adapter(std::int32_t slot);

  // Forward, loss, backward; gradients are added to the slabs. On success the window holds one more
  // micro-batch. If it throws or is cancelled once it has started, gradients already added cannot be taken
  // back, so the window is marked dirty: accumulate and apply_gradients refuse until drop_gradients. Weights
  // and moments are never touched here. Costs one stream wait, for the losses; none inside the layers.
  std::vector<SlotLoss> accumulate(const BatchCommand& command, const CancelToken& cancel);
  // The same for a batch that was packed ahead.
  std::vector<SlotLoss> accumulate(PackedBatch& batch, const CancelToken& cancel);
  const std::shared_ptr<Packer>& packer() const { return packer_; }

  // One AdamW update of every named adapter, or of none: a gradient that is not finite leaves weights,
  // moments and counters as they were. The named adapters' windows are empty afterwards either way.
  std::vector<UpdateReport> apply_gradients(const std::vector<UpdateRule>& rules, const CancelToken& cancel);
  void drop_gradients();

  // nll of each row without weights, dropout, noise or smoothing; top-1 tokens as well.
  Evaluation evaluate(const BatchCommand& command, const CancelToken& cancel);
  // [rows, V] Real.
  Numbers logits(const BatchCommand& command, const std::vector<std::int32_t>& rows,
                 const CancelToken& cancel);

  std::vector<Numbers> read_adapter(std::int32_t slot, AdapterPart part);
  void write_adapter(std::int32_t slot, AdapterPart part, const std::vector<NamedNumbers>& tensors);
  AdapterState adapter_state(std::int32_t slot) const;
  void set_adapter_state(std::int32_t slot, const AdapterState& state);

  std::int32_t generate_begin(const std::vector<GenerateSequence>& sequences, const CancelToken& cancel);
  Generated generate_next(std::int32_t handle, const std::vector<std::int32_t>& finished,
                          const std::vector<std::int32_t>* allow, const CancelToken& cancel);
  void generate_end(std::int32_t handle);

 private:
  MemoryPlan make_plan(const SessionOptions& options, const Backend& backend);
  void allocate(const SessionOptions& options, const std::shared_ptr<const Backend>& backend,
                const MemoryPlan& plan, const TensorReader& reader, const CancelToken& cancel,
                const std::function<void(std::size_t, std::size_t)>& progress);
  BatchContext context() const { return {spec_, types_, limits_}; }
  std::vector<SlotLoss> accumulate(const BatchView& view, Upload& upload, const CancelToken& cancel);
  // Runs work that enqueues; when it throws, the stream is empty before anybody reuses what it reads.
  template <class Work>
  auto drained(const Work& work) {
    try {
      return work();
    } catch (...) {
      try {
        stream_->wait();
      } catch (const Failure&) {  // the first failure says more
      }
      throw;
    }
  }
  Activations take(Pass pass, const BatchView& view);
  void require_training(const char* call) const;

  ModelSpec spec_;
  Limits limits_;
  Types types_;
  std::vector<Line> plan_;
  std::size_t free_ = 0;  // when the session was planned; what total() is held against
  std::shared_ptr<Device> device_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Ops> ops_;
  Arena scratch_;  // activations of one command, rewound at its end
  Upload upload_;
  Buffer results_;  // pinned: what small numbers come down into
  std::shared_ptr<Packer> packer_;
  std::unique_ptr<Weights> weights_;
  std::unique_ptr<Adapters> adapters_;
  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<Generator> generator_;
  bool dirty_ = false;
};

// Names and shapes of an adapter's tensors, in the order in which read_adapter returns them.
std::vector<TensorInfo> adapter_tensors(const ModelSpec& spec, const std::vector<Projection>& targets,
                                        const AdapterConfig& config, AdapterPart part);
std::string tensor_name(std::int32_t layer, Projection projection, bool b);

}  // namespace lora

#endif
