// One filled table of functions with what it belongs to: the CPU backend inside this library, or a plugin
// loaded by path. Immutable, shared, never unloaded.
#ifndef LORA_RUNTIME_BACKEND_H
#define LORA_RUNTIME_BACKEND_H

#include <memory>
#include <string>
#include <vector>

#include "abi/backend.h"
#include "runtime/failure.h"

namespace lora {

class Backend {
 public:
  using Fill = lora_status (*)(lora_backend*);

  static std::shared_ptr<const Backend> cpu();
  // Instruction sets that the CPU backend has here, weakest first, and the one it uses.
  static std::vector<std::string> cpu_isas();
  static std::string cpu_isa();
  // A table that is compiled into this library: the f64 oracle, in engine_testing.node only.
  static std::shared_ptr<const Backend> of(Fill fill);
  // A plugin. ERR_BACKEND_UNAVAILABLE says what is wrong with the file: missing, cut short, of another
  // version.
  static std::shared_ptr<const Backend> load(const std::string& path);

  const lora_backend* operator->() const { return &table_; }
  std::string name() const { return table_.name ? table_.name : "?"; }
  std::vector<lora_device_info> devices() const;
  // One of them; ERR_BACKEND_UNAVAILABLE when there is none of this number.
  lora_device_info info(int ordinal) const;
  // What a device opened with these limits takes for itself.
  lora_needs needs(const lora_limits& limits) const;

  // Turns a status into a Failure that names the operation and carries the backend's own sentence.
  void check(lora_status status, const char* op) const {
    if (status != LORA_OK) {
      fail(status, op);
    }
  }

 private:
  explicit Backend(const lora_backend& table) : table_(table) {}
  [[noreturn]] void fail(lora_status status, const char* op) const;

  lora_backend table_;
};

}  // namespace lora

#endif
