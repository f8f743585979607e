// Devices, memory, streams and events; two streams of one device from two threads; refusals leave a sentence.
#include <thread>

#include "tests/testing.h"

namespace lora::tests {
namespace {

lora_status norm_once(const Bench& bench, lora_stream* stream, unsigned seed, double* norm) {
  Heap heap(seed);
  lora_norm_args a{};
  a.r = heap.normals(LORA_F32, {61, 77});
  a.w = heap.normals(LORA_F32, {77});
  a.y = heap.zeros(LORA_F32, {61, 77});
  a.rstd = heap.zeros(LORA_F32, {61});
  a.eps = 1e-5;
  const lora_status status = bench.table.norm(stream, &a);
  *norm = Heap::at(a.y, 0);
  return status;
}

}  // namespace

void test_device() {
  const Bench bench(cpu::cpu_backend, 3);
  const lora_backend& t = bench.table;
  std::int32_t count = 0;
  bench.ok(t.device_count(&count), "device_count");
  lora_device_info info{};
  bench.ok(t.device_info(0, &info), "device_info");
  expect(count == 1 && info.units >= 1 && info.memory_bytes > 0 && info.name[0] != '\0',
         "the CPU describes itself");
  expect(t.device_info(1, &info) == LORA_INVALID, "there is no second CPU");

  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{4097}}) {
    void* memory = nullptr;
    bench.ok(t.alloc(bench.device, LORA_DEVICE_MEMORY, bytes, &memory), "alloc");
    expect(reinterpret_cast<std::uintptr_t>(memory) % 64 == 0, "memory is aligned");
    bench.ok(t.fill(bench.stream, memory, 7, bytes), "fill");
    t.release(bench.device, LORA_DEVICE_MEMORY, memory);
  }
  void* none = nullptr;
  expect(t.alloc(bench.device, LORA_DEVICE_MEMORY, SIZE_MAX - 10, &none) == LORA_OUT_OF_MEMORY,
         "too much is refused");
  expect(std::string(t.last_error()).find("bytes") != std::string::npos, "with a sentence");

  lora_event *from = nullptr, *to = nullptr;
  bench.ok(t.event_open(bench.device, &from), "event_open");
  bench.ok(t.event_open(bench.device, &to), "event_open");
  bench.ok(t.event_mark(bench.stream, from), "event_mark");
  bench.ok(t.event_mark(bench.stream, to), "event_mark");
  double milliseconds = -1;
  bench.ok(t.event_between(from, to, &milliseconds), "event_between");
  expect(milliseconds >= 0, "time does not run backwards");
  t.event_close(from);
  t.event_close(to);

  double alone[2];
  for (unsigned i = 0; i < 2; ++i) bench.ok(norm_once(bench, bench.stream, i, &alone[i]), "norm");
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      lora_stream* own = nullptr;
      bench.ok(t.stream_open(bench.device, &own), "stream_open");
      for (int round = 0; round < 20; ++round) {
        double now = 0;
        bench.ok(norm_once(bench, own, i, &now), "norm");
        expect(now == alone[i], "a stream is not disturbed by another");
      }
      t.stream_close(own);
    });
  }
  for (std::thread& thread : threads) thread.join();

  lora_norm_args empty{};
  expect(t.norm(bench.stream, &empty) == LORA_INVALID, "no tensors at all");
  expect(t.norm(bench.stream, nullptr) == LORA_INVALID && t.norm(nullptr, &empty) == LORA_INVALID,
         "null is refused");
}

}  // namespace lora::tests
