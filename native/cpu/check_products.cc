// The argument checks of the products with a frozen weight: linear, its backward pass, and the loss head.
#include "base/dtype.h"
#include "cpu/check.h"

namespace lora::cpu {
namespace {

std::string number(std::int64_t n) { return std::to_string(n); }

// A plain weight [N, K] in `store`, or packed from one.
bool check_weight(Check& c, const lora_weight& w, lora_dtype store) {
  if (w.scales.data != nullptr || w.block != 0 || w.codes.dtype == LORA_U8) {
    c.unsupported(
        "expected a plain weight, got quantised codes; load the model without quantisation on the CPU");
    return false;
  }
  if (w.codes.dims != 2 || w.codes.dtype != store) {
    c.invalid(std::string("expected w as ") + name_of(store) + " [N, K], got " + name_of(w.codes.dtype) +
              " with " + number(w.codes.dims) + " extents");
    return false;
  }
  if (!c.planning() && w.codes.data == nullptr && w.packed == nullptr && elements_of(w.codes) > 0) {
    c.invalid("expected w, plain or packed, got neither");
    return false;
  }
  return true;
}

void check_pair(Check& c, const lora_pair& pair, const lora_route& route, lora_dtype store, std::int64_t T) {
  if (pair.a == nullptr) return;
  if (pair.b == nullptr && !c.planning()) c.invalid("expected the pair's b beside its a, got null");
  if ((pair.da == nullptr) != (pair.db == nullptr))
    c.invalid("expected both of the pair's da and db, or neither");
  if (pair.rank < 1) c.invalid("expected a rank of at least 1, got " + number(pair.rank));
  if (pair.dtype != store) {
    c.invalid(std::string("expected the pair as ") + name_of(store) + " like x, got " + name_of(pair.dtype));
  }
  if (pair.scale == nullptr && !c.planning()) c.invalid("expected the pair's scale, got null");
  if (!c.route(route, T) || c.planning() || pair.drop == nullptr) return;
  bool drops = false;
  for (std::int32_t i = 0; i < route.segments; ++i) {
    drops =
        drops || (route.slot[i] >= 0 && route.begin[i] < route.begin[i + 1] && pair.drop[route.slot[i]] > 0);
  }
  if (drops && (route.row_dev == nullptr || pair.streams.seed == nullptr || pair.streams.tick == nullptr)) {
    c.invalid("expected row_dev and the streams' seed and tick, because a slot has dropout; got none");
  }
}

}  // namespace

void check(Check& c, const lora_linear_args& a) {
  const lora_dtype store = c.store("x", a.x);
  if (!check_weight(c, a.w, store)) return;
  const std::int64_t T = a.x.shape[0], N = a.w.codes.shape[0], K = a.w.codes.shape[1];
  c.like("x", a.x, store, T * K, K);
  if (a.bias.data != nullptr) c.tensor("bias", a.bias, store, {N});
  c.like("y", a.y, a.y.dtype == real_of(store) ? real_of(store) : store, T * N, N);
  if (a.pair.a != nullptr && (a.u.data != nullptr || !c.planning()))
    c.tensor("u", a.u, store, {T, a.pair.rank});
  check_pair(c, a.pair, a.route, store, T);
}

void check(Check& c, const lora_linear_bwd_args& a) {
  const lora_dtype store = c.store("dy", a.dy);
  if (!check_weight(c, a.w, store)) return;
  const std::int64_t T = a.dy.shape[0], N = a.w.codes.shape[0], K = a.w.codes.shape[1];
  c.like("dy", a.dy, store, T * N, N);
  if (a.dx.data != nullptr) c.like("dx", a.dx, store, T * K, K);
  if (a.pair.a != nullptr && a.pair.da != nullptr) {
    c.like("x", a.x, store, T * K, K);
    c.tensor("u", a.u, store, {T, a.pair.rank});
  }
  check_pair(c, a.pair, a.route, store, T);
}

void check(Check& c, const lora_head_loss_args& a) {
  const lora_dtype store = c.store("x", a.x), real = real_of(store);
  if (!check_weight(c, a.w, store)) return;
  const std::int64_t T = a.x.shape[0], V = a.w.codes.shape[0], D = a.w.codes.shape[1];
  const std::int64_t entries = a.loss_sum.shape[0];
  c.tensor("x", a.x, store, {T, D});
  if (c.tensor("labels", a.labels, LORA_I32, {T})) c.range("label", a.labels, -1, V);
  if (a.weight.data != nullptr) c.tensor("weight", a.weight, real, {T});
  if (a.dx.data != nullptr) c.tensor("dx", a.dx, store, {T, D});
  if (a.row_loss.data != nullptr) c.tensor("row_loss", a.row_loss, real, {T});
  if (a.row_top1.data != nullptr) c.tensor("row_top1", a.row_top1, LORA_I32, {T});
  c.tensor("loss_sum", a.loss_sum, LORA_F64, {entries});
  c.tensor("weight_sum", a.weight_sum, LORA_F64, {entries});
  c.tensor("scored", a.scored, LORA_I32, {entries});
  check_pair(c, a.pair, a.route, store, T);
  if (!c.route(a.route, T) || c.planning()) return;
  for (std::int32_t i = 0; i < a.route.segments; ++i) {
    if (a.route.slot[i] + 1 < entries) continue;
    c.invalid("expected slots below " + number(entries - 1) +
              ", the entries of loss_sum but its last, got slot " + number(a.route.slot[i]));
  }
}

}  // namespace lora::cpu
