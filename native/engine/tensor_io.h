// Reads byte ranges of safetensors shards through memory maps, with bounds checked again, and converts them
// to the store's type.
#ifndef LORA_ENGINE_TENSOR_IO_H
#define LORA_ENGINE_TENSOR_IO_H

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/commands.h"
#include "model/weights.h"

namespace lora {

// A whole file, mapped read-only.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const unsigned char* data() const { return data_; }
  std::uint64_t size() const { return size_; }

 private:
  const unsigned char* data_ = nullptr;
  std::uint64_t size_ = 0;
};

class ShardReader : public TensorReader {
 public:
  // Maps every file named by the sources and checks every range.
  explicit ShardReader(const std::vector<TensorSource>& sources);
  void check(const std::string& name, const std::vector<std::int64_t>& shape) const override;
  void read(const std::string& name, std::int64_t from, std::int64_t count, lora_dtype dtype,
            void* to) override;

 private:
  const TensorSource& find(const std::string& name) const;

  std::map<std::string, TensorSource> sources_;
  std::map<std::string, std::unique_ptr<MappedFile>> files_;
};

}  // namespace lora

#endif
