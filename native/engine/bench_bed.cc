// Made-up numbers: a pool of a prime number of values, repeated. Doubling copies on the device lay them out.
#include <algorithm>
#include <cmath>

#include "base/dtype.h"
#include "engine/bench_cases.h"
#include "engine/plan.h"

namespace lora {

namespace {

constexpr std::size_t kPool = 65521;

std::vector<float> make_pool() {
  std::vector<float> out(kPool);
  std::uint32_t state = 12345;
  for (float& x : out) {
    state = state * 1664525u + 1013904223u;
    x = float(state >> 8) / float(1 << 23) - 1.0f;
  }
  return out;
}

}  // namespace

BenchBed::BenchBed(const BenchOptions& o, const std::shared_ptr<Device>& device, Stream& s)
    : options(o),
      spec(o.session.spec),
      types(types_of(o.session)),
      tokens(o.session.limits.tokens),
      sequence(std::min(o.sequence, o.session.limits.tokens)),
      stream(s),
      device_(device),
      pool_(make_pool()),
      upload_(device, Upload::rounded(static_cast<std::size_t>(16 * tokens) + 65536, 16)) {
  upload_.begin(static_cast<std::size_t>(16 * tokens) + 65536, 16);
  route.add(static_cast<std::int32_t>(tokens), 0);
  route.finish(tokens, 1);
  route.put(upload_);
  for (std::int64_t at = 0; at < tokens; at += sequence) {
    q_begin_host.push_back(static_cast<std::int32_t>(at));
    k_begin_host.push_back(static_cast<std::int32_t>(at));
    k_count_host.push_back(static_cast<std::int32_t>(std::min(sequence, tokens - at)));
  }
  q_begin_host.push_back(static_cast<std::int32_t>(tokens));
  const auto count = static_cast<std::int64_t>(k_begin_host.size());
  q_begin = upload_.put(q_begin_host.data(), LORA_I32, {count + 1});
  k_begin = upload_.put(k_begin_host.data(), LORA_I32, {count});
  k_count = upload_.put(k_count_host.data(), LORA_I32, {count});
  upload_.send(stream);

  ModelSpec one = spec;
  one.layers = 1;
  one.window.assign(1, 0);
  Limits limits = checked_limits(o.session);
  limits.slots = 1;
  limits.training = true;
  Arena dry;
  Adapters::measure(dry, one, types, limits, o.session.targets);
  adapters = std::make_unique<Adapters>(Arena(device, LORA_DEVICE_MEMORY, dry.peak()), one, types, limits, o.session.targets);
  AdapterConfig config;
  for (const Site& site : adapters->sites()) {
    config.modules.push_back({site.layer, site.projection, static_cast<std::int32_t>(limits.rank), 2.0});
  }
  adapters->add(stream, config);
  slab = {adapters->work, 17, 0.05};
  fill(slab);
  stream.wait();
}

double BenchBed::round(double x) const {
  return types.store == LORA_BF16 ? double(to_f32(to_bf16(static_cast<float>(x)))) : double(static_cast<float>(x));
}

double BenchBed::at(const Known& k, std::int64_t i) const {
  return round(pool_[(static_cast<std::size_t>(i) + k.shift) % kPool] * k.scale);
}

void BenchBed::fill(const Known& k) {
  const std::size_t size = size_of(types.store), all = k.tensor.bytes(), one = std::min(all, kPool * size);
  std::vector<char> chunk(one);
  for (std::size_t i = 0; i < one / size; ++i) {
    const double x = at(k, static_cast<std::int64_t>(i));
    if (types.store == LORA_BF16) {
      reinterpret_cast<bf16*>(chunk.data())[i] = to_bf16(static_cast<float>(x));
    } else {
      reinterpret_cast<float*>(chunk.data())[i] = static_cast<float>(x);
    }
  }
  stream.copy(k.tensor.data, chunk.data(), one, LORA_HOST_TO_DEVICE);
  for (std::size_t filled = one; filled < all; filled *= 2) {
    stream.copy(static_cast<char*>(k.tensor.data) + filled, k.tensor.data, std::min(filled, all - filled), LORA_DEVICE_TO_DEVICE);
  }
  stream.wait();
}

Tensor BenchBed::empty(lora_dtype dtype, std::initializer_list<std::int64_t> shape) {
  Tensor out(nullptr, dtype, shape);
  buffers_.emplace_back(device_, LORA_DEVICE_MEMORY, out.bytes());
  out.data = buffers_.back().data();
  return out;
}

Known BenchBed::known(std::initializer_list<std::int64_t> shape, double scale) {
  Known out{empty(types.store, shape), buffers_.size() * 7919, scale};
  fill(out);
  return out;
}

Tensor BenchBed::ints(const std::vector<std::int32_t>& values) {
  const Tensor out = empty(LORA_I32, {static_cast<std::int64_t>(values.size())});
  stream.copy(out.data, values.data(), out.bytes(), LORA_HOST_TO_DEVICE);
  stream.wait();
  return out;
}

std::vector<double> BenchBed::read(const Tensor& t, std::int64_t from, std::int64_t count) {
  const std::size_t size = size_of(t.dtype);
  std::vector<char> raw(static_cast<std::size_t>(count) * size);
  stream.copy(raw.data(), static_cast<const char*>(t.data) + static_cast<std::size_t>(from) * size, raw.size(), LORA_DEVICE_TO_HOST);
  stream.wait();
  std::vector<double> out;
  for (std::int64_t i = 0; i < count; ++i) {
    out.push_back(t.dtype == LORA_BF16  ? double(to_f32(reinterpret_cast<const bf16*>(raw.data())[i]))
                  : t.dtype == LORA_F64 ? reinterpret_cast<const double*>(raw.data())[i]
                                        : double(reinterpret_cast<const float*>(raw.data())[i]));
  }
  return out;
}

}  // namespace lora
