// The test door: runs one operation of one backend on buffers that come from a test. Only in
// engine_testing.node. The border is in test/support/door.ts.
#ifndef LORA_ADDON_TESTING_H
#define LORA_ADDON_TESTING_H

#include <napi.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "abi/backend.h"
#include "runtime/backend.h"

namespace lora::testing {

// A table with one open device and stream, kept for the life of the process.
struct Bench {
  std::shared_ptr<const Backend> plugin;  // keeps its library loaded; null for those inside this one
  lora_backend table{};
  lora_device* device = nullptr;
  lora_stream* stream = nullptr;

  // Throws lora::Error with the table's own sentence.
  void require(lora_status status, const std::string& what) const;
};

// "cpu" with an instruction set ("" picks the best), "oracle", "plain", or the path of a plugin; 0 threads: one
// per core.
Bench& bench(const std::string& backend, const std::string& isa, int threads);

// Device memory between two runs of sentinel bytes. What nobody wrote stays NaN.
class GuardedBuffer {
 public:
  GuardedBuffer(Bench& bench, std::size_t bytes);
  ~GuardedBuffer();
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  void* data() const;
  std::size_t bytes() const { return bytes_; }
  void write(const void* from);  // bytes() of them
  void poison();                 // a NaN in every float type
  std::vector<std::uint8_t> read() const;
  bool sentinels_intact() const;

 private:
  Bench& bench_;
  std::size_t bytes_;
  void* whole_ = nullptr;
};

// Everything that must outlive one call: arguments, the tensors they point into, host and device copies.
struct Call {
  Bench& bench;
  std::map<std::string, std::unique_ptr<GuardedBuffer>> buffers;  // named by the test
  std::vector<std::unique_ptr<GuardedBuffer>> unnamed;            // routes, seeds, scales
  std::vector<std::unique_ptr<std::uint8_t[]>> host;       // arrays that the contract wants in host memory
  std::vector<std::pair<Napi::Value, lora_route>> routes;  // made so far, by their `begin`
  std::vector<std::uint8_t> args;                          // `count` argument structs
  std::int32_t count = 0;

  explicit Call(Bench& b) : bench(b) {}

  void* upload(const void* from, std::size_t bytes);
  template <class T>
  T* keep(const T* from, std::size_t count) {
    host.push_back(std::make_unique<std::uint8_t[]>(count * sizeof(T) + sizeof(T)));
    T* copy = reinterpret_cast<T*>(host.back().get());
    std::copy(from, from + count, copy);
    return copy;
  }
};

// Fills call.args from the JavaScript objects in `list`, by the field names of abi/backend.h in camelCase.
void fill_args(Call& call, const std::string& op, const Napi::Array& list);

// Calls the table's function of that name.
lora_status invoke(const lora_backend& table, lora_stream* stream, const std::string& op, const Call& call);
lora_op op_of(const std::string& op);

Napi::Value run_op(const Napi::CallbackInfo& info);
Napi::Value supports_op(const Napi::CallbackInfo& info);

void export_testing(Napi::Env env, Napi::Object exports);

}  // namespace lora::testing

#endif
