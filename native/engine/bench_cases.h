// What bench.cc times: the operations of one decoder layer, the loss head and the update, on made-up numbers of which
// the host knows every one.
#ifndef LORA_ENGINE_BENCH_CASES_H
#define LORA_ENGINE_BENCH_CASES_H

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/bench.h"
#include "model/adapters.h"
#include "runtime/ops.h"
#include "runtime/route.h"

namespace lora {

// A tensor whose element i is pool[(i + shift) mod size] * scale, rounded to its type.
struct Known {
  Tensor tensor;
  std::size_t shift = 0;
  double scale = 1;
};

class BenchBed {
 public:
  BenchBed(const BenchOptions& options, const std::shared_ptr<Device>& device, Stream& stream);

  Known known(std::initializer_list<std::int64_t> shape, double scale = 1);
  void fill(const Known& k);
  Tensor empty(lora_dtype dtype, std::initializer_list<std::int64_t> shape);
  double at(const Known& k, std::int64_t i) const;
  double round(double x) const;  // to the store's type
  // Elements [from, from + count) as f64.
  std::vector<double> read(const Tensor& t, std::int64_t from, std::int64_t count);
  Tensor ints(const std::vector<std::int32_t>& values);

  const BenchOptions& options;
  const ModelSpec& spec;
  Types types;
  std::int64_t tokens, sequence;
  Stream& stream;
  Route route;
  std::unique_ptr<Adapters> adapters;
  Known slab;  // the adapters' weights in the store's type
  Tensor q_begin, k_begin, k_count;
  std::vector<std::int32_t> q_begin_host, k_begin_host, k_count_host;

 private:
  std::shared_ptr<Device> device_;
  std::vector<Buffer> buffers_;
  std::vector<float> pool_;
  Upload upload_;
};

using Pairs = std::vector<std::pair<double, double>>;  // what came, what should have

constexpr int kBenchLooks = 12;  // elements of each output that are computed again
// Places spread over [0, count).
inline std::int64_t bench_place(int look, std::int64_t count) {
  return (look * INT64_C(2654435761) + 12345) % count;
}

struct BenchCase {
  std::string shape;
  double flops = 0, bytes = 0;
  std::function<void(Ops&)> prepare;  // before the one run that is checked
  std::function<void(Ops&)> run;
  std::function<Pairs()> check;
};

// One call of siblings that share x, forward or backward; without `run` when the model has none of them.
BenchCase linear_case(BenchBed& bed, const std::vector<Projection>& wanted, bool backward, bool adapters = true);

struct BenchEntry {
  const char* op;
  BenchCase (*make)(BenchBed& bed);
};
const std::vector<BenchEntry>& bench_entries();

}  // namespace lora

#endif
