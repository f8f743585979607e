// Turns batches into pinned blocks on the thread that posts them, while the engine thread waits for the device: the
// next step's arrays are checked, numbered and laid out before the last one ends. Two blocks, taken in turn; who finds
// none free leaves the packing to the engine thread.
#ifndef LORA_ENGINE_PACKER_H
#define LORA_ENGINE_PACKER_H

#include <memory>
#include <mutex>
#include <vector>

#include "engine/batch.h"

namespace lora {

// A training batch, ready to be sent. Its block is free again when it is destroyed.
struct PackedBatch {
  BatchView view;
  std::vector<std::int32_t> picked;
  Upload* upload = nullptr;
};

class Packer : public std::enable_shared_from_this<Packer> {
 public:
  static constexpr int kBlocks = 2;

  Packer(const std::shared_ptr<Device>& device, const ModelSpec& spec, Types types, const Limits& limits,
         std::size_t bytes);

  // Any thread. Null when no block is free or the session has closed. Throws ERR_INVALID_ARGUMENT.
  std::shared_ptr<PackedBatch> pack(const BatchCommand& command);
  // The session's thread: waits for a packing under way and frees the blocks.
  void close();

 private:
  void release(int block);

  const ModelSpec spec_;
  const Types types_;
  const Limits limits_;
  std::mutex mutex_;
  bool open_ = true;
  Upload blocks_[kBlocks];
  bool used_[kBlocks] = {};
};

}  // namespace lora

#endif
