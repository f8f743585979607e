// Reads byte ranges of safetensors shards, with bounds checked again, and converts them to the store's type.
#ifndef LORA_ENGINE_TENSOR_IO_H
#define LORA_ENGINE_TENSOR_IO_H

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/commands.h"
#include "model/weights.h"

namespace lora {

// A file that several threads read at once. Not mapped: pages that were read would count as the process's own.
class ShardFile {
 public:
  explicit ShardFile(const std::string& path);
  ~ShardFile();
  ShardFile(const ShardFile&) = delete;
  ShardFile& operator=(const ShardFile&) = delete;

  std::uint64_t size() const { return size_; }
  // Exactly `bytes` from offset `at`; throws ERR_CHECKPOINT.
  void read(std::uint64_t at, std::size_t bytes, void* to) const;

 private:
  std::string path_;
  int handle_;
  std::uint64_t size_ = 0;
};

class ShardReader : public TensorReader {
 public:
  // Opens every file named by the sources and checks every range.
  explicit ShardReader(const std::vector<TensorSource>& sources);
  void check(const std::string& name, const std::vector<std::int64_t>& shape) const override;
  void read(const std::string& name, std::int64_t from, std::int64_t count, lora_dtype dtype,
            void* to) const override;

 private:
  const TensorSource& find(const std::string& name) const;

  std::map<std::string, TensorSource> sources_;
  std::map<std::string, std::unique_ptr<ShardFile>> files_;
};

}  // namespace lora

#endif
