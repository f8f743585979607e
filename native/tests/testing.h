// What the C++ tests share: checks that count, tensors on the heap of exactly their size (so that a sanitizer
// sees the first byte past them), and a backend with an open device. These tests exist for the sanitizers;
// what results should be is the business of test/.
#ifndef LORA_TESTS_TESTING_H
#define LORA_TESTS_TESTING_H

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "abi/backend.h"
#include "base/dtype.h"
#include "cpu/backend.h"

namespace lora::tests {

inline int& failures() {
  static int count = 0;
  return count;
}

inline void expect(bool good, const std::string& what) {
  if (good) return;
  ++failures();
  std::fprintf(stderr, "FAILED: %s\n", what.c_str());
}

class Bench {
 public:
  explicit Bench(lora_status (*fill)(lora_backend*), int threads) {
    expect(fill(&table) == LORA_OK, "the table is filled");
    lora_limits limits{};
    limits.threads = threads;
    ok(table.device_open(0, &limits, &device), "device_open");
    ok(table.stream_open(device, &stream), "stream_open");
  }
  ~Bench() {
    table.stream_close(stream);
    table.device_close(device);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void ok(lora_status status, const std::string& what) const {
    expect(status == LORA_OK, what + ": " + (status == LORA_OK ? "" : table.last_error()));
  }

  lora_backend table{};
  lora_device* device = nullptr;
  lora_stream* stream = nullptr;
};

// Tensors that live as long as one test.
class Heap {
 public:
  explicit Heap(unsigned seed) : random_(seed) {}

  lora_tensor zeros(lora_dtype dtype, std::vector<std::int64_t> shape) {
    lora_tensor t{};
    t.dtype = dtype;
    t.dims = static_cast<std::int32_t>(shape.size());
    for (int i = 0; i < LORA_MAX_DIMS; ++i) t.shape[i] = i < t.dims ? shape[static_cast<std::size_t>(i)] : 1;
    const std::size_t bytes = bytes_of(t);
    blocks_.emplace_back(std::malloc(bytes), std::free);
    if (bytes > 0) std::memset(blocks_.back().get(), 0, bytes);
    t.data = blocks_.back().get();
    return t;
  }
  lora_tensor normals(lora_dtype dtype, std::vector<std::int64_t> shape, double scale = 1,
                      double around = 0) {
    const lora_tensor t = zeros(dtype, std::move(shape));
    std::normal_distribution<double> draw(around, scale);
    const std::int64_t n = elements_of(t);
    for (std::int64_t i = 0; i < n; ++i) set(t, i, draw(random_));
    return t;
  }
  lora_tensor integers(std::vector<std::int32_t> values) {
    const lora_tensor t = zeros(LORA_I32, {static_cast<std::int64_t>(values.size())});
    if (!values.empty()) std::memcpy(t.data, values.data(), values.size() * sizeof(std::int32_t));
    return t;
  }
  lora_tensor below(std::int64_t count, std::int32_t low, std::int32_t high) {
    std::vector<std::int32_t> values(static_cast<std::size_t>(count));
    for (std::int32_t& v : values)
      v = low + static_cast<std::int32_t>(random_() % static_cast<unsigned>(high - low));
    return integers(values);
  }

  static void set(const lora_tensor& t, std::int64_t i, double x) {
    if (t.dtype == LORA_F32) static_cast<float*>(t.data)[i] = static_cast<float>(x);
    if (t.dtype == LORA_F64) static_cast<double*>(t.data)[i] = x;
    if (t.dtype == LORA_BF16) static_cast<bf16*>(t.data)[i] = to_bf16(static_cast<float>(x));
  }
  static double at(const lora_tensor& t, std::int64_t i) {
    if (t.dtype == LORA_F32) return static_cast<float*>(t.data)[i];
    if (t.dtype == LORA_F64) return static_cast<double*>(t.data)[i];
    if (t.dtype == LORA_BF16) return to_f32(static_cast<bf16*>(t.data)[i]);
    return static_cast<std::int32_t*>(t.data)[i];
  }

 private:
  std::vector<std::unique_ptr<void, decltype(&std::free)>> blocks_;
  std::mt19937 random_;
};

// |got - want| / |want| of two tensors of one shape.
inline double distance(const lora_tensor& got, const lora_tensor& want) {
  double difference = 0, size = 0;
  for (std::int64_t i = 0; i < elements_of(want); ++i) {
    const double g = Heap::at(got, i), w = Heap::at(want, i);
    difference += (g - w) * (g - w);
    size += w * w;
  }
  return std::sqrt(difference / (size > 0 ? size : 1));
}

// Runs build(heap, dtype) twice with equal numbers, once on each backend, and holds the outputs against each
// other.
template <class Build>
void compare(const Bench& cpu, const Bench& oracle, const std::string& name, lora_dtype store,
             Build&& build) {
  Heap mine(7), truth(7);
  const std::vector<lora_tensor> got = build(cpu, mine, store), want = build(oracle, truth, LORA_F64);
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double error = distance(got[i], want[i]), budget = store == LORA_BF16 ? 0.02 : 1e-4;
    expect(error <= budget, name + ", output " + std::to_string(i) + ": " + std::to_string(error));
  }
}

void test_pool();
void test_device();
void test_rows();
void test_attention();
void test_updates();
void test_products();
void test_session();

}  // namespace lora::tests

#endif
