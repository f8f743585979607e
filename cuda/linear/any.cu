// The linear with adapters by product_any, segment by segment: every shape and both types. Slow; see linear/any.cuh.
#include "linear/any.h"

#include "common/launch.h"
#include "linear/any.cuh"

namespace lora::cuda {
namespace {

template <class A, class B, class C, DropOn kOn = DropOn::kNothing>
void product(lora_stream* stream, const AnyProduct& p) {
  if (p.m == 0 || p.n == 0) return;
  const dim3 grid(static_cast<unsigned>(ceil_div(p.n, 64)), static_cast<unsigned>(ceil_div(p.m, 64)));
  product_any_kernel<A, B, C, kOn><<<grid, 256, 0, stream->handle>>>(p);
  LORA_LAUNCHED("product_any");
}

// Calls work(begin, rows, slot) for each segment that is not empty; one plain segment where there is no route.
template <class Work>
void each_segment(const lora_route& route, std::int64_t tokens, Work&& work) {
  if (route.segments == 0 || route.begin == nullptr) return work(std::int64_t{0}, static_cast<int>(tokens), -1);
  for (int i = 0; i < route.segments; ++i) {
    if (route.begin[i + 1] > route.begin[i]) work(std::int64_t{route.begin[i]}, route.begin[i + 1] - route.begin[i], route.slot[i]);
  }
}

template <class T>
AnyProduct with_drop(AnyProduct p, const lora_pair& pair, const lora_route& route, std::int64_t begin, int slot) {
  p.drop = pair.drop, p.streams = pair.streams, p.site = pair.site, p.slot = slot;
  p.row = route.row_dev != nullptr ? route.row_dev + begin : nullptr;
  return p;
}

template <class T>
void forward(lora_stream* stream, const lora_linear_args& args) {
  const std::int64_t tokens = args.x.shape[0], k = args.x.shape[1], n = args.y.shape[1], r = args.pair.rank;
  AnyProduct base{};
  base.a = args.x.data, base.b = args.w.codes.data, base.c = args.y.data, base.bias = args.bias.data;
  base.a_row = k, base.a_column = 1, base.b_row = k, base.b_column = 1, base.c_row = n, base.c_column = 1;
  base.m = static_cast<int>(tokens), base.n = static_cast<int>(n), base.k = static_cast<int>(k);
  const bool real = args.y.dtype == LORA_F32;
  if (real) product<T, T, float>(stream, base);
  else product<T, T, T>(stream, base);
  if (args.pair.a == nullptr) return;
  each_segment(args.route, tokens, [&](std::int64_t begin, int rows, int slot) {
    T* u = ptr<T>(args.u) + begin * r;
    if (slot < 0) {
      LORA_CUDA(cudaMemsetAsync(u, 0, static_cast<std::size_t>(rows) * r * sizeof(T), stream->handle));
      return;
    }
    AnyProduct down{};
    down.a = ptr<T>(args.x) + begin * k, down.b = static_cast<T*>(args.pair.a) + slot * args.pair.slot_stride, down.c = u;
    down.a_row = k, down.a_column = 1, down.b_row = k, down.b_column = 1, down.c_row = r, down.c_column = 1;
    down.m = rows, down.n = static_cast<int>(r), down.k = static_cast<int>(k);
    product<T, T, T, DropOn::kLeft>(stream, with_drop<T>(down, args.pair, args.route, begin, slot));
    AnyProduct up{};
    up.a = u, up.b = static_cast<T*>(args.pair.b) + slot * args.pair.slot_stride;
    up.a_row = r, up.a_column = 1, up.b_row = r, up.b_column = 1, up.c_row = n, up.c_column = 1;
    up.m = rows, up.n = static_cast<int>(n), up.k = static_cast<int>(r), up.add = 1, up.alpha = args.pair.scale + slot;
    if (real) up.c = ptr<float>(args.y) + begin * n, product<T, T, float>(stream, up);
    else up.c = ptr<T>(args.y) + begin * n, product<T, T, T>(stream, up);
  });
}

template <class T>
void backward(lora_stream* stream, const lora_linear_bwd_args& args) {
  const std::int64_t tokens = args.dy.shape[0], n = args.dy.shape[1], k = args.w.codes.shape[1], r = args.pair.rank;
  if (args.dx.data != nullptr) {
    AnyProduct base{};
    base.a = args.dy.data, base.b = args.w.codes.data, base.c = args.dx.data;
    base.a_row = n, base.a_column = 1, base.b_row = 1, base.b_column = k, base.c_row = k, base.c_column = 1;
    base.m = static_cast<int>(tokens), base.n = static_cast<int>(k), base.k = static_cast<int>(n), base.add = args.dx_write == LORA_ADD;
    product<T, T, T>(stream, base);
  }
  if (args.pair.a == nullptr) return;
  Workspace workspace(stream->device);
  T* g_all = workspace.take<T>(static_cast<std::size_t>(tokens) * r);
  each_segment(args.route, tokens, [&](std::int64_t begin, int rows, int slot) {
    if (slot < 0) return;
    const std::int64_t slab = slot * args.pair.slot_stride;
    const T* dy = ptr<T>(args.dy) + begin * n;
    T* g = g_all + begin * r;
    AnyProduct down{};
    down.a = dy, down.b = static_cast<T*>(args.pair.b) + slab, down.c = g, down.alpha = args.pair.scale + slot;
    down.a_row = n, down.a_column = 1, down.b_row = 1, down.b_column = r, down.c_row = r, down.c_column = 1;
    down.m = rows, down.n = static_cast<int>(r), down.k = static_cast<int>(n);
    product<T, T, T>(stream, down);
    if (args.dx.data != nullptr) {
      AnyProduct up{};
      up.a = g, up.b = static_cast<T*>(args.pair.a) + slab, up.c = ptr<T>(args.dx) + begin * k;
      up.a_row = r, up.a_column = 1, up.b_row = 1, up.b_column = k, up.c_row = k, up.c_column = 1;
      up.m = rows, up.n = static_cast<int>(k), up.k = static_cast<int>(r), up.add = 1;
      product<T, T, T, DropOn::kOut>(stream, with_drop<T>(up, args.pair, args.route, begin, slot));
    }
    if (args.pair.da == nullptr) return;
    AnyProduct da{};
    da.a = g, da.b = ptr<T>(args.x) + begin * k, da.c = static_cast<float*>(args.pair.da) + slab;
    da.a_row = 1, da.a_column = r, da.b_row = 1, da.b_column = k, da.c_row = k, da.c_column = 1;
    da.m = static_cast<int>(r), da.n = static_cast<int>(k), da.k = rows, da.add = 1;
    product<T, T, float, DropOn::kRight>(stream, with_drop<T>(da, args.pair, args.route, begin, slot));
    AnyProduct db{};
    db.a = dy, db.b = ptr<T>(args.u) + begin * r, db.c = static_cast<float*>(args.pair.db) + slab;
    db.a_row = 1, db.a_column = n, db.b_row = 1, db.b_column = r, db.c_row = r, db.c_column = 1;
    db.m = static_cast<int>(n), db.n = static_cast<int>(r), db.k = rows, db.add = 1, db.alpha = args.pair.scale + slot;
    product<T, T, float>(stream, db);
  });
}

}  // namespace

void linear_any(lora_stream* stream, const lora_linear_args& args) {
  with_store(args.x.dtype, "linear", [&](auto zero) { forward<decltype(zero)>(stream, args); });
}

void linear_bwd_any(lora_stream* stream, const lora_linear_bwd_args& args) {
  with_store(args.dy.dtype, "linear_bwd", [&](auto zero) { backward<decltype(zero)>(stream, args); });
}

}  // namespace lora::cuda
