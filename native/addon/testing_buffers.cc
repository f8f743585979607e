// Guarded buffers and the devices that tests run on.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "addon/testing.h"
#include "base/error.h"
#include "cpu/backend.h"

namespace lora::testing {
namespace {

constexpr std::size_t kGuard = 1024;
constexpr std::uint8_t kSentinel = 0xa5;
constexpr int kPoison = 0xff;  // all ones: a NaN in bf16, f32 and f64

// Sets WHETSTONE_ISA while a device opens.
class IsaInEnvironment {
 public:
  explicit IsaInEnvironment(const std::string& isa) {
    const char* now = std::getenv("WHETSTONE_ISA");
    had_ = now != nullptr;
    if (had_) before_ = now;
    if (!isa.empty()) setenv("WHETSTONE_ISA", isa.c_str(), 1);
  }
  ~IsaInEnvironment() {
    if (had_) {
      setenv("WHETSTONE_ISA", before_.c_str(), 1);
    } else {
      unsetenv("WHETSTONE_ISA");
    }
  }

 private:
  bool had_;
  std::string before_;
};

}  // namespace

void Bench::require(lora_status status, const std::string& what) const {
  if (status != LORA_OK) throw Error(code_of(status), what, table.last_error());
}

Bench& bench(const std::string& backend, const std::string& isa, int threads) {
  static auto* open = new std::map<std::string, Bench>;  // devices stay open until the process ends
  const std::string key = backend + "|" + isa + "|" + std::to_string(threads);
  const auto found = open->find(key);
  if (found != open->end()) return found->second;

  Bench made;
  if (backend == "cpu") {
    made.require(cpu::cpu_backend(&made.table), "cpu_backend");
  } else if (backend == "oracle") {
    made.require(cpu::oracle_backend(&made.table), "oracle_backend");
  } else if (backend == "plain") {
    made.require(cpu::plain_backend(&made.table), "plain_backend");
  } else {
    made.plugin = Backend::load(backend);
    made.table = *made.plugin->operator->();
  }
  const IsaInEnvironment with(isa);
  // Large enough for every case: a plugin sizes its workspace by these.
  lora_limits limits{threads, 8192, 16384, 262144, 64, 16};
  made.require(made.table.device_open(0, &limits, &made.device), "device_open");
  made.require(made.table.stream_open(made.device, &made.stream), "stream_open");
  return open->emplace(key, made).first->second;
}

GuardedBuffer::GuardedBuffer(Bench& bench, std::size_t bytes) : bench_(bench), bytes_(bytes) {
  bench.require(bench.table.alloc(bench.device, LORA_DEVICE_MEMORY, bytes + 2 * kGuard, &whole_), "alloc");
  bench.require(bench.table.fill(bench.stream, whole_, kSentinel, bytes + 2 * kGuard), "fill");
  poison();
}

GuardedBuffer::~GuardedBuffer() { bench_.table.release(bench_.device, LORA_DEVICE_MEMORY, whole_); }

void* GuardedBuffer::data() const { return static_cast<std::uint8_t*>(whole_) + kGuard; }

void GuardedBuffer::write(const void* from) {
  bench_.require(bench_.table.copy(bench_.stream, data(), from, bytes_, LORA_HOST_TO_DEVICE), "copy");
  bench_.require(bench_.table.stream_wait(bench_.stream), "stream_wait");
}

void GuardedBuffer::poison() {
  bench_.require(bench_.table.fill(bench_.stream, data(), kPoison, bytes_), "fill");
}

std::vector<std::uint8_t> GuardedBuffer::read() const {
  std::vector<std::uint8_t> bytes(bytes_);
  bench_.require(bench_.table.copy(bench_.stream, bytes.data(), data(), bytes_, LORA_DEVICE_TO_HOST), "copy");
  bench_.require(bench_.table.stream_wait(bench_.stream), "stream_wait");
  return bytes;
}

bool GuardedBuffer::sentinels_intact() const {
  std::vector<std::uint8_t> all(bytes_ + 2 * kGuard);
  bench_.require(bench_.table.copy(bench_.stream, all.data(), whole_, all.size(), LORA_DEVICE_TO_HOST),
                 "copy");
  bench_.require(bench_.table.stream_wait(bench_.stream), "stream_wait");
  const auto intact = [&](std::size_t from) {
    return std::all_of(all.begin() + static_cast<std::ptrdiff_t>(from),
                       all.begin() + static_cast<std::ptrdiff_t>(from + kGuard),
                       [](std::uint8_t b) { return b == kSentinel; });
  };
  return intact(0) && intact(kGuard + bytes_);
}

void* Call::upload(const void* from, std::size_t bytes) {
  unnamed.push_back(std::make_unique<GuardedBuffer>(bench, bytes));
  if (bytes > 0) unnamed.back()->write(from);
  return unnamed.back()->data();
}

}  // namespace lora::testing
