// Benchmarks of single operations at a model's shapes on one device: each is checked against a few elements computed in
// f64 on the host, then timed between events with caches emptied before every run. What `whetstone bench` runs.
#ifndef LORA_ENGINE_BENCH_H
#define LORA_ENGINE_BENCH_H

#include <functional>
#include <string>
#include <vector>

#include "engine/commands.h"
#include "runtime/backend.h"
#include "runtime/cancel.h"

namespace lora {

struct BenchOptions {
  SessionOptions session;  // device, dtype, spec, targets; limits.tokens rows and limits.rank
  std::int64_t sequence = 0;
  std::vector<std::string> ops;  // names; empty: all
  int warmup = 3, runs = 20;
};

struct BenchResult {
  std::string op, shape;
  double error = 0, budget = 0;  // largest difference of the elements looked at, over their root mean square
  double flops = 0, bytes = 0;   // of one call: every tensor moves once
  std::vector<double> milliseconds;
};

struct BenchReport {
  std::string device, detail;
  std::vector<BenchResult> results;  // "matrix" and "copy" first: the ceilings
};

std::vector<std::string> bench_ops();
BenchReport run_bench(const BenchOptions& options, Backend::Fill extra, const CancelToken& cancel,
                      const std::function<void(std::size_t, std::size_t)>& progress);

}  // namespace lora

#endif
