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

// Refuses weights that the kernel would misread.
void readable(const lora_weight& w, lora_dtype dtype, const char* where) {
  if (w.block == 0 && w.codes.dtype == dtype) return;
  unsupported(std::string(where) + ": the CUDA backend takes plain weights in the type of the activations");
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

// An operand's first element, and its strides along rows and columns of the product.
AnyTerm term(const void* a, std::int64_t a_row, std::int64_t a_column, const void* b, std::int64_t b_row, std::int64_t b_column, std::int64_t k,
             const double* alpha = nullptr) {
  return {a, b, a_row, a_column, b_row, b_column, static_cast<int>(k), alpha};
}

AnyProduct into(void* c, std::int64_t m, std::int64_t n, bool add, const AnyTerm& first, const AnyTerm& second = {}) {
  AnyProduct p{};
  p.term = first, p.second = second, p.c = c, p.c_row = n, p.c_column = 1;
  p.m = static_cast<int>(m), p.n = static_cast<int>(n), p.add = add;
  return p;
}

template <class T>
void forward(lora_stream* stream, const lora_linear_args& args) {
  const std::int64_t tokens = args.x.shape[0], k = args.x.shape[1], n = args.y.shape[1], r = args.pair.rank;
  const bool real = args.y.dtype == LORA_F32;
  const auto run = [&](std::int64_t begin, std::int64_t rows, const AnyTerm& second) {
    void* y = real ? static_cast<void*>(ptr<float>(args.y) + begin * n) : static_cast<void*>(ptr<T>(args.y) + begin * n);
    AnyProduct p = into(y, rows, n, false, term(ptr<T>(args.x) + begin * k, k, 1, args.w.codes.data, k, 1, k), second);
    p.bias = args.bias.data;
    if (real) product<T, T, float>(stream, p);
    else product<T, T, T>(stream, p);
  };
  if (args.pair.a == nullptr) return run(0, tokens, {});
  each_segment(args.route, tokens, [&](std::int64_t begin, int rows, int slot) {
    T* u = ptr<T>(args.u) + begin * r;
    if (slot < 0) {
      LORA_CUDA(cudaMemsetAsync(u, 0, static_cast<std::size_t>(rows) * r * sizeof(T), stream->handle));
      return run(begin, rows, {});
    }
    const std::int64_t slab = slot * args.pair.slot_stride;
    const AnyProduct down = into(u, rows, r, false, term(ptr<T>(args.x) + begin * k, k, 1, static_cast<T*>(args.pair.a) + slab, k, 1, k));
    product<T, T, T, DropOn::kLeft>(stream, with_drop<T>(down, args.pair, args.route, begin, slot));
    run(begin, rows, term(u, r, 1, static_cast<T*>(args.pair.b) + slab, r, 1, r, args.pair.scale + slot));
  });
}

template <class T>
void backward(lora_stream* stream, const lora_linear_bwd_args& args) {
  const std::int64_t tokens = args.dy.shape[0], n = args.dy.shape[1], k = args.w.codes.shape[1], r = args.pair.rank;
  const auto dx = [&](std::int64_t begin, std::int64_t rows, const AnyTerm& second) {
    return into(ptr<T>(args.dx) + begin * k, rows, k, args.dx_write == LORA_ADD,
                term(ptr<T>(args.dy) + begin * n, n, 1, args.w.codes.data, 1, k, n), second);
  };
  if (args.pair.a == nullptr) {
    if (args.dx.data != nullptr) product<T, T, T>(stream, dx(0, tokens, {}));
    return;
  }
  Workspace workspace(stream->device);
  T* g_all = workspace.take<T>(static_cast<std::size_t>(tokens) * r);
  each_segment(args.route, tokens, [&](std::int64_t begin, int rows, int slot) {
    if (slot < 0) {
      if (args.dx.data != nullptr) product<T, T, T>(stream, dx(begin, rows, {}));
      return;
    }
    const std::int64_t slab = slot * args.pair.slot_stride;
    const T *dy = ptr<T>(args.dy) + begin * n, *a = static_cast<T*>(args.pair.a) + slab, *b = static_cast<T*>(args.pair.b) + slab;
    const double* scale = args.pair.scale + slot;
    T* g = g_all + begin * r;
    product<T, T, T>(stream, into(g, rows, r, false, term(dy, n, 1, b, 1, r, n, scale)));
    if (args.dx.data != nullptr) {
      product<T, T, T, DropOn::kOut>(stream, with_drop<T>(dx(begin, rows, term(g, r, 1, a, 1, k, r)), args.pair, args.route, begin, slot));
    }
    if (args.pair.da == nullptr) return;
    const AnyProduct da = into(static_cast<float*>(args.pair.da) + slab, r, k, true, term(g, 1, r, ptr<T>(args.x) + begin * k, 1, k, rows));
    product<T, T, float, DropOn::kRight>(stream, with_drop<T>(da, args.pair, args.route, begin, slot));
    product<T, T, float>(stream, into(static_cast<float*>(args.pair.db) + slab, n, r, true, term(dy, 1, n, ptr<T>(args.u) + begin * r, 1, r, rows, scale)));
  });
}

}  // namespace

void linear_any(lora_stream* stream, const lora_linear_args& args) {
  readable(args.w, args.x.dtype, "linear");
  with_store(args.x.dtype, "linear", [&](auto zero) { forward<decltype(zero)>(stream, args); });
}

void linear_bwd_any(lora_stream* stream, const lora_linear_bwd_args& args) {
  readable(args.w, args.dy.dtype, "linear_bwd");
  with_store(args.dy.dtype, "linear_bwd", [&](auto zero) { backward<decltype(zero)>(stream, args); });
}

}  // namespace lora::cuda
