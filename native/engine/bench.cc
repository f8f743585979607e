// Runs the cases one after another, each with memory of its own.
#include "engine/bench.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/parallel.h"
#include "engine/bench_cases.h"
#include "engine/plan.h"

namespace lora {

namespace {

constexpr std::size_t kCopy = std::size_t(512) << 20, kCopyOnHost = std::size_t(128) << 20;
constexpr std::size_t kFlush = std::size_t(192) << 20, kFlushOnHost = std::size_t(64) << 20;  // past any cache

double error_of(const std::vector<std::pair<double, double>>& pairs) {
  double most = 0, squares = 0;
  for (const auto& [got, want] : pairs) {
    const double difference = std::fabs(got - want);
    most = difference <= most ? most : difference;  // NaN stays
    squares += want * want;
  }
  return most / std::max(std::sqrt(squares / double(std::max<std::size_t>(1, pairs.size()))), 1e-30);
}

// The CPU's memory is the process's own: all threads copy it, and touch it to empty caches that large writes go past.
class Host {
 public:
  explicit Host(int threads) : pool_(threads) {}
  void copy(void* to, const void* from, std::size_t bytes) {
    pool_.parallel_for(static_cast<std::int64_t>(bytes), 1 << 20, [&](std::int64_t begin, std::int64_t end, int) {
      std::memcpy(static_cast<char*>(to) + begin, static_cast<const char*>(from) + begin, static_cast<std::size_t>(end - begin));
    });
  }
  void touch(void* at, std::size_t bytes) {
    volatile char* line = static_cast<volatile char*>(at);
    for (std::size_t i = 0; i < bytes; i += 64) {
      line[i] = static_cast<char>(line[i] + 1);
    }
  }

 private:
  ThreadPool pool_;
};

class Timer {
 public:
  Timer(const std::shared_ptr<Device>& device, Stream& stream, const BenchOptions& options, std::size_t flush, Host* host)
      : stream_(stream),
        options_(options),
        flush_(device, LORA_DEVICE_MEMORY, flush),
        host_(host),
        begin_(device),
        end_(device) {
    stream.fill(flush_.data(), 0, flush_.bytes());
  }

  template <class Work>
  std::vector<double> time(const CancelToken& cancel, const Work& work) {
    std::vector<double> out;
    for (int run = -options_.warmup; run < options_.runs; ++run) {
      cancel.check();
      if (host_) {
        host_->touch(flush_.data(), flush_.bytes());
      } else {
        stream_.fill(flush_.data(), run & 0xff, flush_.bytes());
      }
      begin_.mark(stream_);
      work();
      end_.mark(stream_);
      const double took = end_.since(begin_);
      if (run >= 0) {
        out.push_back(took);
      }
    }
    return out;
  }

 private:
  Stream& stream_;
  const BenchOptions& options_;
  Buffer flush_;
  Host* host_;
  Event begin_, end_;
};

bool wanted(const BenchOptions& options, const std::string& op) {
  return options.ops.empty() || std::find(options.ops.begin(), options.ops.end(), op) != options.ops.end();
}

}  // namespace

std::vector<std::string> bench_ops() {
  std::vector<std::string> out;
  for (const BenchEntry& entry : bench_entries()) {
    out.push_back(entry.op);
  }
  return out;
}

BenchReport run_bench(const BenchOptions& options, Backend::Fill extra, const CancelToken& cancel,
                      const std::function<void(std::size_t, std::size_t)>& progress) {
  for (const std::string& op : options.ops) {
    const std::vector<std::string> known = bench_ops();
    if (std::find(known.begin(), known.end(), op) == known.end()) {
      std::string all;
      for (const std::string& name : known) {
        all += (all.empty() ? "" : ", ") + name;
      }
      throw invalid_argument("ops", all, op);
    }
  }
  if (options.sequence < 1 || options.runs < 1 || options.warmup < 0) {
    throw invalid_argument("runs", "at least one run of sequences of at least one token", text(options.runs));
  }
  const Limits limits = checked_limits(options.session);
  const std::shared_ptr<const Backend> backend = backend_of(options.session, extra);
  const lora_device_info info = backend->info(options.session.ordinal);
  const std::shared_ptr<Device> device =
      Device::open(backend, options.session.ordinal, sizes_of(options.session, limits));
  Stream stream(device);
  Ops ops(stream);
  const bool host = options.session.device != "cuda";
  Host cpu(options.session.threads);
  Timer timer(device, stream, options, host ? kFlushOnHost : kFlush, host ? &cpu : nullptr);
  BenchReport out;
  out.device = info.name;
  out.detail = info.detail;

  {
    const std::size_t bytes = host ? kCopyOnHost : kCopy;
    const Buffer from(device, LORA_DEVICE_MEMORY, bytes), to(device, LORA_DEVICE_MEMORY, bytes);
    stream.fill(from.data(), 1, bytes);
    BenchResult copy;
    copy.op = "copy";
    copy.shape = text(bytes >> 20, " MiB");
    copy.budget = 1;
    copy.bytes = 2 * double(bytes);
    copy.milliseconds = timer.time(cancel, [&] {
      host ? cpu.copy(to.data(), from.data(), bytes)
           : stream.copy(to.data(), from.data(), bytes, LORA_DEVICE_TO_DEVICE);
    });
    out.results.push_back(std::move(copy));
  }
  std::vector<const BenchEntry*> chosen;
  for (const BenchEntry& entry : bench_entries()) {
    if (std::string(entry.op) == "matrix" || wanted(options, entry.op)) {
      chosen.push_back(&entry);
    }
  }
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    cancel.check();
    progress(i, chosen.size());
    BenchBed bed(options, device, stream);
    const BenchCase c = chosen[i]->make(bed);
    if (!c.run) {
      continue;  // this model has no such operation
    }
    BenchResult result;
    result.op = chosen[i]->op;
    result.shape = c.shape;
    result.flops = c.flops;
    result.bytes = c.bytes;
    result.budget = bed.types.store == LORA_BF16 ? 0.04 : 1e-3;
    if (c.prepare) {
      c.prepare(ops);
    }
    c.run(ops);
    stream.wait();
    result.error = error_of(c.check());
    if (!(result.error <= result.budget)) {
      out.results.push_back(std::move(result));  // what is wrong is not timed
      continue;
    }
    result.milliseconds = timer.time(cancel, [&] { c.run(ops); });
    out.results.push_back(std::move(result));
  }
  progress(chosen.size(), chosen.size());
  return out;
}

}  // namespace lora
