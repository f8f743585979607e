// Finds, loads and checks backends. The only place with dlopen (beside the CUDA plugin's vendor libraries).
#include "runtime/backend.h"

#include <dlfcn.h>
#include <elf.h>

#include <cstring>
#include <fstream>
#include <map>
#include <mutex>

#include "cpu/backend.h"

namespace lora {

namespace {

// A file that is shorter than its own program headers say would be mapped past its end and kill the process
// with SIGBUS inside dlopen, so its headers are read first.
std::string problem_with(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) {
    return "the file does not exist or cannot be read";
  }
  const std::uint64_t size = static_cast<std::uint64_t>(file.tellg());
  Elf64_Ehdr header;
  file.seekg(0);
  if (size < sizeof header || !file.read(reinterpret_cast<char*>(&header), sizeof header) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return "the file is not a shared library";
  }
  const std::string cut =
      "the file is shorter than its headers say; it was cut short, copy or build it again";
  if (header.e_shoff > size || std::uint64_t(header.e_shnum) * header.e_shentsize > size - header.e_shoff) {
    return cut;
  }
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    file.seekg(static_cast<std::streamoff>(header.e_phoff + std::uint64_t(i) * header.e_phentsize));
    if (!file.read(reinterpret_cast<char*>(&segment), sizeof segment)) {
      return cut;
    }
    if (segment.p_offset > size || segment.p_filesz > size - segment.p_offset) {
      return cut;
    }
  }
  return "";
}

void check_version(const lora_backend& table, const std::string& from) {
  if (table.abi_version == LORA_ABI_VERSION && table.struct_size == sizeof(lora_backend)) {
    return;
  }
  throw unavailable("abi-mismatch", {from},
                    text(from, ": expected interface version ", LORA_ABI_VERSION, " (", sizeof(lora_backend),
                         " bytes), got version ", table.abi_version, " (", table.struct_size,
                         " bytes); build the plugin from this package's sources"));
}

}  // namespace

std::shared_ptr<const Backend> Backend::of(Fill fill) {
  lora_backend table{};
  if (fill(&table) != LORA_OK) {
    throw unavailable("no-device", {},
                      table.last_error ? table.last_error() : "this backend cannot run here");
  }
  check_version(table, table.name ? table.name : "backend");
  return std::shared_ptr<const Backend>(new Backend(table));
}

std::shared_ptr<const Backend> Backend::cpu() {
  static const std::shared_ptr<const Backend> backend = of(cpu::cpu_backend);
  return backend;
}

std::vector<std::string> Backend::cpu_isas() { return cpu::cpu_isas(); }

std::string Backend::cpu_isa() { return cpu::cpu_isa(); }

std::shared_ptr<const Backend> Backend::load(const std::string& path) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const Backend>> loaded;
  std::lock_guard<std::mutex> lock(mutex);
  const auto known = loaded.find(path);
  if (known != loaded.end()) {
    return known->second;
  }

  const std::string problem = problem_with(path);
  if (!problem.empty()) {
    throw unavailable("not-built", {path}, text(path, ": ", problem));
  }
  void* library =
      dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);  // never closed: a backend outlives every session
  if (!library) {
    throw unavailable("not-built", {path}, text("cannot load the plugin: ", dlerror()));
  }
  const auto entry = reinterpret_cast<lora_backend_entry_fn>(dlsym(library, "lora_backend_entry"));
  if (!entry) {
    throw unavailable("abi-mismatch", {path},
                      text(path,
                           ": expected a library that exports lora_backend_entry; "
                           "this is not a plugin of this package"));
  }
  lora_backend table{};
  const lora_status status = entry(LORA_ABI_VERSION, &table);
  if (status != LORA_OK) {
    const char* why = table.last_error ? table.last_error() : "it gives no reason";
    throw unavailable(status == LORA_UNAVAILABLE ? "no-driver" : "abi-mismatch", {path},
                      text(path, ": the plugin refuses to start: ", why));
  }
  check_version(table, path);
  return loaded[path] = std::shared_ptr<const Backend>(new Backend(table));
}

std::vector<lora_device_info> Backend::devices() const {
  std::int32_t count = 0;
  check(table_.device_count(&count), "device_count");
  std::vector<lora_device_info> all(static_cast<std::size_t>(count));
  for (std::int32_t i = 0; i < count; ++i) {
    check(table_.device_info(i, &all[i]), "device_info");
  }
  return all;
}

lora_device_info Backend::info(int ordinal) const {
  std::int32_t count = 0;
  check(table_.device_count(&count), "device_count");
  if (ordinal < 0 || ordinal >= count) {
    throw unavailable("no-device", {},
                      text(name(), ": expected a device number below ", count, ", got ", ordinal,
                           "; devices() lists what this machine has"));
  }
  lora_device_info out{};
  check(table_.device_info(ordinal, &out), "device_info");
  return out;
}

lora_needs Backend::needs(const lora_limits& limits) const {
  lora_needs out{};
  check(table_.device_needs(&limits, &out), "device_needs");
  return out;
}

void Backend::fail(lora_status status, const char* op) const {
  const char* last = table_.last_error ? table_.last_error() : nullptr;
  const std::string why = last && *last ? last : "the backend gives no reason";
  switch (status) {
    case LORA_INVALID: throw shape_error(op, why);
    case LORA_UNSUPPORTED: throw unsupported(op, {why});
    case LORA_OUT_OF_MEMORY: throw out_of_memory_in(op, why);
    case LORA_UNAVAILABLE: throw unavailable("no-device", {}, text(op, ": ", why));
    case LORA_DEVICE_LOST: throw device_lost(op, why);
    default: throw internal_error(text(op, ": ", why));
  }
}

}  // namespace lora
