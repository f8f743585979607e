// Reads pieces of tensors ahead, in order, by a few threads into a ring of pinned buffers: the disk, the conversion and
// the copy to the device go on at the same time, and nothing is held twice.
#ifndef LORA_MODEL_READ_AHEAD_H
#define LORA_MODEL_READ_AHEAD_H

#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/device.h"

namespace lora {

// Reads one tensor by the engine's name into host memory in the given dtype; throws when it is missing, of
// another shape or cut short. Rows [from, from + count) of the first extent. Several threads may read at once.
class TensorReader {
 public:
  virtual ~TensorReader() = default;
  // Checks that the tensor exists with this shape.
  virtual void check(const std::string& name, const std::vector<std::int64_t>& shape) const = 0;
  virtual void read(const std::string& name, std::int64_t from, std::int64_t count, lora_dtype dtype,
                    void* to) const = 0;
};

struct Piece {
  std::string name;
  std::int64_t from = 0, count = 0;  // rows
  std::size_t bytes = 0;
};

class ReadAhead {
 public:
  ReadAhead(const std::shared_ptr<Device>& device, const TensorReader& reader, lora_dtype dtype,
            std::vector<Piece> pieces);
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // Waits for the next piece and enqueues its copy. Returns its bytes.
  std::size_t copy_next(Stream& stream, void* to);

 private:
  void work();
  void* buffer(std::size_t piece) const;

  const TensorReader& reader_;
  const lora_dtype dtype_;
  const std::vector<Piece> pieces_;
  std::size_t largest_ = 0, buffers_ = 0;
  Buffer memory_;
  std::vector<Event> copied_;  // by buffer

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t started_ = 0, taken_ = 0, released_ = 0;  // pieces: being read, handed out, whose buffer is free
  std::vector<char> ready_;
  std::exception_ptr failed_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace lora

#endif
