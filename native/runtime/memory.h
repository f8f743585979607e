// Arena: one allocation cut into named tensors. The same layout code runs twice, first on a dry arena that
// only counts, then on a real one: the printed memory plan is the allocator's own list.
#ifndef LORA_RUNTIME_MEMORY_H
#define LORA_RUNTIME_MEMORY_H

#include <string>
#include <vector>

#include "runtime/device.h"
#include "runtime/tensor.h"

namespace lora {

class Arena {
 public:
  // Dry: hands out absent tensors of the right shape, counts bytes, and keeps a line per name.
  Arena() = default;
  Arena(std::shared_ptr<Device> device, lora_space space, std::size_t bytes);

  bool dry() const { return base_ == nullptr; }
  Tensor take(const char* name, lora_dtype dtype, std::initializer_list<std::int64_t> shape);
  void* take_bytes(const char* name, std::size_t bytes);
  std::size_t mark() const { return used_; }
  void rewind(std::size_t mark) { used_ = mark; }
  // Largest use so far.
  std::size_t peak() const { return peak_; }
  std::size_t capacity() const { return buffer_.bytes(); }
  void* base() const { return base_; }
  // Bytes by name, in order of first use; dry arenas only.
  const std::vector<Line>& plan() const { return plan_; }

 private:
  Buffer buffer_;
  char* base_ = nullptr;
  std::size_t used_ = 0, peak_ = 0;
  std::vector<Line> plan_;
};

// Host arrays on their way to the device: collected in pinned memory, sent by one copy.
class Upload {
 public:
  Upload() = default;
  // `bytes` as rounded() gives them.
  Upload(std::shared_ptr<Device> device, std::size_t bytes) : device_(std::move(device)) { grow(bytes); }
  // What a block of so many bytes in so many arrays takes, on the host and on the device.
  static std::size_t rounded(std::size_t bytes, int arrays);

  // Starts a new block that will hold at most `bytes` and `arrays` arrays. What the last block held is gone.
  void begin(std::size_t bytes, int arrays);
  // Copies into the block; the tensor is valid on the device after send().
  Tensor put(const void* from, lora_dtype dtype, std::initializer_list<std::int64_t> shape);
  // 64-bit integers and other plain values that have no dtype.
  void* put_bytes(const void* from, std::size_t bytes);
  // Other bytes for what was put at a place on the device, before send().
  void rewrite(const void* at, const void* from, std::size_t bytes);
  bool holds(std::size_t bytes, int arrays) const { return rounded(bytes, arrays) <= host_.bytes(); }
  void send(Stream& stream);

 private:
  void grow(std::size_t bytes);

  std::shared_ptr<Device> device_;
  Buffer host_, device_copy_;
  std::size_t used_ = 0;
};

}  // namespace lora

#endif
