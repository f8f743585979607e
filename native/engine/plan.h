// The memory planner: what a session will take on its device, line by line, before anything is taken. The same layout
// code that cuts the arenas runs here dry, so the plan is the allocator's own list; the backend answers for itself.
#ifndef LORA_ENGINE_PLAN_H
#define LORA_ENGINE_PLAN_H

#include <vector>

#include "engine/commands.h"
#include "engine/packer.h"
#include "model/weights.h"
#include "runtime/backend.h"

namespace lora {

struct MemoryPlan {
  std::vector<Line> lines;
  std::size_t weights = 0, slabs = 0, cache = 0, scratch = 0;  // sizes of the arenas
  std::size_t upload = 0;                                      // of one upload block
  lora_needs needs{};
  Limits limits;  // with the recompute policy decided

  std::size_t total() const;
  // What has to be free once the device is in use: all but the backend's context.
  std::size_t to_take() const { return total() - static_cast<std::size_t>(needs.context_bytes); }
};

// Blocks that batches travel in: the engine thread's, and those of training batches that are packed ahead.
inline int upload_blocks(const Limits& limits) { return 1 + (limits.training ? Packer::kBlocks : 0); }

// Checks spec and limits, and pads the rank to what slabs hold. Throws ERR_INVALID_ARGUMENT.
Limits checked_limits(const SessionOptions& options);
Types types_of(const SessionOptions& options);
// What a backend is told when its device is opened.
lora_limits sizes_of(const SessionOptions& options, const Limits& limits);

// `budget` bounds to_take(); it decides what Recompute::kAuto becomes, and nothing else.
MemoryPlan plan_memory(const SessionOptions& options, const Limits& limits, const lora_needs& needs,
                       const PackedBytes& packed, std::size_t budget);

// "cpu", "cuda" by the plugin's path, or what the testing addon fills (`extra`).
std::shared_ptr<const Backend> backend_of(const SessionOptions& options, Backend::Fill extra);

struct PlanAnswer {
  MemoryPlan plan;
  std::size_t available = 0;  // bytes that total() may take; 0: unknown
  bool fits = true;
};

// Answers for a device of this machine, or, with memory_bytes, for any of its kind: for a GPU no plugin is needed.
PlanAnswer answer_plan(const SessionOptions& options, Backend::Fill extra);

// What stays free on a device when "auto" fills it: code that is loaded late, other programs on a CPU's machine.
std::size_t reserve_of(const std::string& device, std::size_t free);

}  // namespace lora

#endif
