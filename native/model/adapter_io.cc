// Adapters to and from host memory: first values, reading and writing modules cut to their own rank. Padding
// past the rank is written as zero and never read.
#include <cmath>
#include <cstring>

#include "abi/philox.h"
#include "model/adapters.h"

namespace lora {

namespace {

// Ticks count up from 0, so first values never share a counter with dropout.
constexpr std::uint32_t kInitialTick = 0xFFFFFFFFu;

template <class Real>
std::vector<Real> fetch(Stream& stream, const Tensor& row) {
  std::vector<Real> host(static_cast<std::size_t>(row.count()));
  stream.copy(host.data(), row.data, row.bytes(), LORA_DEVICE_TO_HOST);
  stream.wait();
  return host;
}

template <class Real>
void send(Stream& stream, const Tensor& row, const std::vector<Real>& host) {
  stream.copy(row.data, host.data(), row.bytes(), LORA_HOST_TO_DEVICE);
  stream.wait();
}

// Calls each(index in the slab, index in the module's own dense array).
template <class Each>
void walk(const Site& site, std::int64_t padded, std::int64_t rank, bool b, const Each& each) {
  if (!b) {
    for (std::int64_t i = 0; i < rank * site.k; ++i) {
      each(site.a_at + i, i);
    }
    return;
  }
  for (std::int64_t row = 0; row < site.n; ++row) {
    for (std::int64_t r = 0; r < rank; ++r) {
      each(site.b_at + row * padded + r, row * rank + r);
    }
  }
}

template <class Real>
Numbers cut(const std::vector<Real>& slab, const Site& site, std::int64_t padded, std::int64_t rank, bool b) {
  std::vector<Real> out(static_cast<std::size_t>(rank * (b ? site.n : site.k)));
  walk(site, padded, rank, b, [&](std::int64_t from, std::int64_t to) {
    out[static_cast<std::size_t>(to)] = slab[static_cast<std::size_t>(from)];
  });
  return out;
}

}  // namespace

Tensor Adapters::slab(Slab which) const {
  switch (which) {
    case Slab::kGradients: return grad;
    case Slab::kFirstMoment: return first_moment;
    case Slab::kSecondMoment: return second_moment;
    default: return master;
  }
}

template <class Real>
void Adapters::initialise(Stream& stream, std::int32_t slot) {
  const Slot& s = at(slot);
  std::vector<Real> host(static_cast<std::size_t>(length_), Real(0));
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    const Site& site = sites_[i];
    const float bound = static_cast<float>(1.0 / std::sqrt(double(site.k)));
    for (std::int64_t row = 0; row < s.rank[i]; ++row) {
      Real* a = host.data() + site.a_at + row * site.k;
      for (std::int64_t column = 0; column < site.k; column += 4) {
        const lora_philox4 draw = lora_philox(s.config.seed, static_cast<std::uint32_t>(column / 4),
                                              static_cast<std::uint32_t>(row), site.number, kInitialTick);
        for (std::int64_t lane = 0; lane < 4 && column + lane < site.k; ++lane) {
          a[column + lane] = Real((2 * lora_uniform(draw.v[lane]) - 1) * bound);
        }
      }
    }
  }
  send(stream, master.rows(slot, 1), host);
  refresh_work(stream, slot);
}

template void Adapters::initialise<float>(Stream&, std::int32_t);
template void Adapters::initialise<double>(Stream&, std::int32_t);

void Adapters::refresh_work(Stream& stream, std::int32_t slot) {
  if (types_.store != LORA_BF16) {
    return;  // the working copy is the master itself
  }
  const std::vector<float> host = fetch<float>(stream, master.rows(slot, 1));
  std::vector<bf16> low(host.size());
  for (std::size_t i = 0; i < host.size(); ++i) {
    low[i] = to_bf16(host[i]);
  }
  send(stream, work.rows(slot, 1), low);
}

std::vector<Numbers> Adapters::read_all(Stream& stream, std::int32_t slot, Slab which) {
  const Slot& s = at(slot);
  if (!slab(which)) {
    throw invalid_argument("what", "\"weights\": this session does not train", "optimizer or gradients");
  }
  const Tensor row = slab(which).rows(slot, 1);
  std::vector<Numbers> out;
  const auto each = [&](const auto& host) {
    for (std::size_t i = 0; i < sites_.size(); ++i) {
      if (!s.rank[i]) {
        continue;
      }
      out.push_back(cut(host, sites_[i], rank_, s.rank[i], false));
      out.push_back(cut(host, sites_[i], rank_, s.rank[i], true));
    }
  };
  types_.real == LORA_F64 ? each(fetch<double>(stream, row)) : each(fetch<float>(stream, row));
  return out;
}

void Adapters::write(Stream& stream, std::int32_t slot, Slab which, const std::vector<Piece>& pieces) {
  const Slot& s = at(slot);
  if (!slab(which)) {
    throw invalid_argument("what", "\"weights\": this session does not train", "optimizer");
  }
  const Tensor row = slab(which).rows(slot, 1);
  const auto each = [&](auto host) {
    for (const Piece& piece : pieces) {
      const Site& site = sites_[static_cast<std::size_t>(piece.site)];
      const std::int64_t rank = s.rank[static_cast<std::size_t>(piece.site)];
      std::visit(
          [&](const auto& data) {
            walk(site, rank_, rank, piece.b, [&](std::int64_t to, std::int64_t from) {
              using Real = typename decltype(host)::value_type;
              host[static_cast<std::size_t>(to)] = Real(data[static_cast<std::size_t>(from)]);
            });
          },
          *piece.data);
    }
    send(stream, row, host);
  };
  types_.real == LORA_F64 ? each(fetch<double>(stream, row)) : each(fetch<float>(stream, row));
  if (which == Slab::kWeights) {
    refresh_work(stream, slot);
  }
}

}  // namespace lora
