// The lock is held while a batch is packed: close() must not free a block that is being filled.
#include "engine/packer.h"

namespace lora {

Packer::Packer(const std::shared_ptr<Device>& device, const ModelSpec& spec, Types types,
               const Limits& limits, std::size_t bytes)
    : spec_(spec), types_(types), limits_(limits) {
  for (Upload& block : blocks_) {
    block = Upload(device, bytes);
  }
}

std::shared_ptr<PackedBatch> Packer::pack(const BatchCommand& command) {
  const BatchContext context{spec_, types_, limits_};
  check_batch(command, context);
  std::lock_guard<std::mutex> lock(mutex_);
  int block = 0;
  while (block < kBlocks && used_[block]) {
    ++block;
  }
  // A block that would have to grow is grown by the engine thread, in its own.
  if (!open_ || block == kBlocks || !blocks_[block].holds(upload_bytes_of(command, context), kUploadArrays)) {
    return nullptr;
  }
  auto packed = std::make_unique<PackedBatch>();
  packed->upload = &blocks_[block];
  packed->view = make_batch(command, context, true, nullptr, packed->picked, blocks_[block]);
  used_[block] = true;
  return std::shared_ptr<PackedBatch>(packed.release(), [self = shared_from_this(), block](PackedBatch* done) {
    delete done;
    self->release(block);
  });
}

void Packer::release(int block) {
  std::lock_guard<std::mutex> lock(mutex_);
  used_[block] = false;
}

void Packer::close() {
  std::lock_guard<std::mutex> lock(mutex_);
  open_ = false;
  for (Upload& block : blocks_) {
    block = Upload();
  }
}

}  // namespace lora
