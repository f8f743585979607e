// Reading and element conversion. Sources may lie at any byte offset, so elements are copied out before use.
#include "engine/tensor_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lora {

namespace {

std::string words(const std::vector<std::int64_t>& shape) {
  std::string out = "[";
  for (const std::int64_t extent : shape) {
    out += (out.size() > 1 ? ", " : "") + std::to_string(extent);
  }
  return out + "]";
}

std::size_t element_size(const TensorSource& source) {
  if (source.dtype == "F64") {
    return 8;
  }
  if (source.dtype == "F32") {
    return 4;
  }
  if (source.dtype == "BF16" || source.dtype == "F16") {
    return 2;
  }
  throw bad_file(source.file, text("tensor ", source.name, " has dtype ", source.dtype,
                                   "; expected F64, F32, BF16 or F16"));
}

std::uint64_t elements(const TensorSource& source) {
  std::uint64_t count = 1;
  for (const std::int64_t extent : source.shape) {
    if (extent <= 0 || __builtin_mul_overflow(count, static_cast<std::uint64_t>(extent), &count)) {
      throw bad_file(source.file,
                     text("tensor ", source.name, " has the impossible shape ", words(source.shape)));
    }
  }
  return count;
}

template <class From>
double value_of(From x) {
  return double(x);
}
double value_of(bf16 x) { return double(to_f32(x)); }
double value_of(f16 x) { return double(to_f32(x)); }

void put(double x, double* to) { *to = x; }
void put(double x, float* to) { *to = static_cast<float>(x); }
// F64 is rounded to f32 first; every other source is exact in f32.
void put(double x, bf16* to) { *to = to_bf16(static_cast<float>(x)); }

template <class From, class To>
void convert(const unsigned char* from, std::size_t count, To* to) {
  for (std::size_t i = 0; i < count; ++i) {
    From x;
    std::memcpy(&x, from + i * sizeof(From), sizeof x);
    put(value_of(x), to + i);
  }
}

template <class To>
void convert(const TensorSource& source, const unsigned char* from, std::size_t count, To* to) {
  if (source.dtype == "F64") {
    return convert<double>(from, count, to);
  }
  if (source.dtype == "F32") {
    return convert<float>(from, count, to);
  }
  if (source.dtype == "BF16") {
    return convert<bf16>(from, count, to);
  }
  convert<f16>(from, count, to);
}

bool same_type(const TensorSource& source, lora_dtype dtype) {
  return (source.dtype == "F64" && dtype == LORA_F64) || (source.dtype == "F32" && dtype == LORA_F32) ||
         (source.dtype == "BF16" && dtype == LORA_BF16);
}

}  // namespace

ShardFile::ShardFile(const std::string& path) : path_(path), handle_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (handle_ < 0) {
    throw bad_file(path, text("cannot be opened: ", std::strerror(errno)));
  }
  struct stat info;
  if (fstat(handle_, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(handle_);
    throw bad_file(path, "is not a regular file");
  }
  size_ = static_cast<std::uint64_t>(info.st_size);
  posix_fadvise(handle_, 0, 0, POSIX_FADV_SEQUENTIAL);
}

ShardFile::~ShardFile() { close(handle_); }

void ShardFile::read(std::uint64_t at, std::size_t bytes, void* to) const {
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t got =
        pread(handle_, static_cast<char*>(to) + done, bytes - done, static_cast<off_t>(at + done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      throw bad_file(path_, got < 0 ? text("cannot be read: ", std::strerror(errno))
                                    : "became shorter while it was read; fetch it again");
    }
    done += static_cast<std::size_t>(got);
  }
}

ShardReader::ShardReader(const std::vector<TensorSource>& sources) {
  for (const TensorSource& source : sources) {
    std::unique_ptr<ShardFile>& file = files_[source.file];
    if (!file) {
      file = std::make_unique<ShardFile>(source.file);
    }
    const std::uint64_t bytes = elements(source) * element_size(source);
    if (source.begin > source.end || source.end > file->size() || source.end - source.begin != bytes) {
      throw bad_file(source.file,
                     text("tensor ", source.name, " of shape ", words(source.shape), " needs ", bytes,
                          " bytes but lies at ", source.begin, " to ", source.end, " of a file of ",
                          file->size(), "; the file is damaged or cut short, fetch it again"));
    }
    if (!sources_.emplace(source.name, source).second) {
      throw bad_file(source.file, text("tensor ", source.name, " is given twice"));
    }
  }
}

const TensorSource& ShardReader::find(const std::string& name) const {
  const auto found = sources_.find(name);
  if (found == sources_.end()) {
    const std::string file = sources_.empty() ? "the model" : sources_.begin()->second.file;
    throw bad_file(file, text("tensor ", name, " is missing; the weights do not fit the model's config"));
  }
  return found->second;
}

void ShardReader::check(const std::string& name, const std::vector<std::int64_t>& shape) const {
  const TensorSource& source = find(name);
  if (source.shape == shape) {
    return;
  }
  throw bad_file(source.file, text("tensor ", name, " is ", words(source.shape),
                                   " but the model's config asks for ", words(shape)));
}

void ShardReader::read(const std::string& name, std::int64_t from, std::int64_t count, lora_dtype dtype,
                       void* to) const {
  const TensorSource& source = find(name);
  const std::size_t size = element_size(source);
  const std::uint64_t row = elements(source) / static_cast<std::uint64_t>(source.shape[0]);
  const std::uint64_t start = static_cast<std::uint64_t>(from) * row * size,
                      bytes = static_cast<std::uint64_t>(count) * row * size;
  if (start + bytes > source.end - source.begin) {
    throw internal_error(text("tensor ", name, ": rows past its end"));
  }
  const ShardFile& file = *files_.at(source.file);
  if (same_type(source, dtype)) {
    return file.read(source.begin + start, bytes, to);
  }
  thread_local std::vector<unsigned char> raw;
  raw.resize(bytes);
  file.read(source.begin + start, bytes, raw.data());
  const std::size_t n = static_cast<std::size_t>(count) * static_cast<std::size_t>(row);
  if (dtype == LORA_F64) {
    convert(source, raw.data(), n, static_cast<double*>(to));
  } else if (dtype == LORA_F32) {
    convert(source, raw.data(), n, static_cast<float*>(to));
  } else {
    convert(source, raw.data(), n, static_cast<bf16*>(to));
  }
}

}  // namespace lora
