// Shape checks. A rule reads expect(op, tensor, "name", {extents}); an absent tensor that is optional is not
// checked.
#include "runtime/ops.h"

namespace lora {

namespace {

using Shape = std::initializer_list<std::int64_t>;

std::string words(Shape shape) {
  std::string out = "[";
  for (const std::int64_t extent : shape) {
    out += (out.size() > 1 ? ", " : "") + std::to_string(extent);
  }
  return out + "]";
}

void expect(const char* op, const lora_tensor& t, const char* name, Shape shape) {
  bool same = t.dims == static_cast<std::int32_t>(shape.size()) && t.data;
  int i = 0;
  for (const std::int64_t extent : shape) {
    same = same && t.shape[i++] == extent;
  }
  if (same) {
    return;
  }
  throw shape_error(op, text(name, t.data ? " is " : " is absent, its shape is ", Tensor::shape_of(t),
                             " but must be ", words(shape)));
}

void maybe(const char* op, const lora_tensor& t, const char* name, Shape shape) {
  if (t.data) {
    expect(op, t, name, shape);
  }
}

void expect_dims(const char* op, const lora_tensor& t, const char* name, int dims) {
  if (t.data && t.dims == dims) {
    return;
  }
  throw shape_error(op, text(name, " is ", Tensor::shape_of(t), t.data ? "" : " and absent",
                             " but must have ", dims, " extents"));
}

void expect_type(const char* op, const lora_tensor& t, const char* name, lora_dtype dtype) {
  if (!t.data || t.dtype == dtype) {
    return;
  }
  throw shape_error(op, text(name, " has dtype ", int(t.dtype), " but must have ", int(dtype)));
}

void check_linear(const char* op, const lora_tensor& x, const lora_tensor& y, const lora_tensor& u,
                  const lora_weight& w, const lora_pair& pair, const lora_route& route) {
  expect_dims(op, x, "x", 2);
  expect_dims(op, y, "y", 2);
  const std::int64_t tokens = x.shape[0], n = w.codes.shape[0], k = w.codes.shape[1];
  if (!w.codes.data && !w.packed) {
    throw shape_error(op, "the weight is absent");
  }
  if (x.shape[1] != k) {
    throw shape_error(op, text("x is ", Tensor::shape_of(x), " but w is ", Tensor::shape_of(w.codes),
                               "; their last extents must agree"));
  }
  expect(op, y, "y", {tokens, n});
  if (!pair.a) {
    return;
  }
  expect(op, u, "u", {tokens, pair.rank});
  if (pair.rank <= 0 || pair.rank % 16) {
    throw shape_error(op, text("rank ", pair.rank, " is no multiple of 16"));
  }
  if (route.segments < 1 || route.begin[route.segments] != tokens) {
    throw shape_error(op, text("the route covers ", route.segments ? route.begin[route.segments] : 0,
                               " rows but x has ", tokens));
  }
}

}  // namespace

void Ops::embed(const lora_embed_args& a) {
  expect_dims("embed", a.ids, "ids", 1);
  expect_dims("embed", a.table, "table", 2);
  expect("embed", a.out, "out", {a.ids.shape[0], a.table.shape[1]});
  maybe("embed", a.noise, "noise", {a.ids.shape[0]});
  backend_.check(backend_->embed(stream_.handle(), &a), "embed");
}

void Ops::norm(const lora_norm_args& a) {
  expect_dims("norm", a.r, "r", 2);
  const std::int64_t tokens = a.r.shape[0], width = a.r.shape[1];
  maybe("norm", a.delta, "delta", {tokens, width});
  if (a.delta.data) {
    expect("norm", a.sum, "sum", {tokens, width});
  }
  expect("norm", a.w, "w", {width});
  expect("norm", a.y, "y", {tokens, width});
  expect("norm", a.rstd, "rstd", {tokens});
  backend_.check(backend_->norm(stream_.handle(), &a), "norm");
}

void Ops::norm_bwd(const lora_norm_bwd_args& a) {
  expect_dims("norm_bwd", a.dy, "dy", 2);
  const std::int64_t tokens = a.dy.shape[0], width = a.dy.shape[1];
  expect("norm_bwd", a.sum, "sum", {tokens, width});
  expect("norm_bwd", a.w, "w", {width});
  expect("norm_bwd", a.rstd, "rstd", {tokens});
  maybe("norm_bwd", a.dsum, "dsum", {tokens, width});
  expect("norm_bwd", a.dx, "dx", {tokens, width});
  backend_.check(backend_->norm_bwd(stream_.handle(), &a), "norm_bwd");
}

void Ops::linear(const lora_linear_args* same_x, std::int32_t count) {
  for (std::int32_t i = 0; i < count; ++i) {
    const lora_linear_args& a = same_x[i];
    check_linear("linear", a.x, a.y, a.u, a.w, a.pair, a.route);
    maybe("linear", a.bias, "bias", {a.w.codes.shape[0]});
    if (a.x.data != same_x[0].x.data) {
      throw shape_error("linear", "calls that travel together must share x");
    }
  }
  backend_.check(backend_->linear(stream_.handle(), same_x, count), "linear");
}

void Ops::linear_bwd(const lora_linear_bwd_args* same_x, std::int32_t count) {
  for (std::int32_t i = 0; i < count; ++i) {
    const lora_linear_bwd_args& a = same_x[i];
    check_linear("linear_bwd", a.x, a.dy, a.u, a.w, a.pair, a.route);
    maybe("linear_bwd", a.dx, "dx", {a.x.shape[0], a.x.shape[1]});
    if (a.dx.data != same_x[0].dx.data) {
      throw shape_error("linear_bwd", "calls that travel together must share dx");
    }
  }
  backend_.check(backend_->linear_bwd(stream_.handle(), same_x, count), "linear_bwd");
}

void Ops::rope_table(const lora_rope_table_args& a) {
  expect_dims("rope_table", a.position, "position", 1);
  expect_dims("rope_table", a.inv_freq, "inv_freq", 2);
  expect_type("rope_table", a.inv_freq, "inv_freq", LORA_F64);
  maybe("rope_table", a.variant, "variant", {a.position.shape[0]});
  expect("rope_table", a.cos, "cos", {a.position.shape[0], a.inv_freq.shape[1]});
  expect("rope_table", a.sin, "sin", {a.position.shape[0], a.inv_freq.shape[1]});
  backend_.check(backend_->rope_table(stream_.handle(), &a), "rope_table");
}

void Ops::rope(const lora_rope_args& a) {
  expect_dims("rope", a.cos, "cos", 2);
  expect("rope", a.sin, "sin", {a.cos.shape[0], a.cos.shape[1]});
  for (const lora_tensor* t : {&a.q, &a.k}) {
    if (!t->data) {
      continue;
    }
    expect("rope", *t, "q or k", {a.cos.shape[0], t->shape[1], t->shape[2]});
    if (2 * a.cos.shape[1] > t->shape[2]) {
      throw shape_error("rope", text("rotates ", 2 * a.cos.shape[1], " elements of heads of ", t->shape[2]));
    }
  }
  backend_.check(backend_->rope(stream_.handle(), &a), "rope");
}

void Ops::attention(const lora_attention_args& a) {
  expect_dims("attention", a.q, "q", 3);
  expect_dims("attention", a.k, "k", 3);
  const std::int64_t tokens = a.q.shape[0], heads = a.q.shape[1], width = a.q.shape[2];
  const std::int64_t sequences = a.k_begin.shape[0];
  expect("attention", a.k, "k", {a.k.shape[0], a.k.shape[1], width});
  expect("attention", a.v, "v", {a.k.shape[0], a.k.shape[1], width});
  expect("attention", a.o, "o", {tokens, heads, width});
  maybe("attention", a.lse, "lse", {heads, tokens});
  if (heads % a.k.shape[1]) {
    throw shape_error("attention",
                      text(heads, " query heads cannot share ", a.k.shape[1], " key heads evenly"));
  }
  expect("attention", a.q_begin, "q_begin", {sequences + 1});
  expect("attention", a.k_begin, "k_begin", {sequences});
  expect("attention", a.k_count, "k_count", {sequences});
  backend_.check(backend_->attention(stream_.handle(), &a), "attention");
}

void Ops::attention_bwd(const lora_attention_bwd_args& a) {
  expect_dims("attention_bwd", a.q, "q", 3);
  expect_dims("attention_bwd", a.k, "k", 3);
  const std::int64_t tokens = a.q.shape[0], heads = a.q.shape[1], width = a.q.shape[2], groups = a.k.shape[1];
  for (const lora_tensor* t : {&a.o, &a.dout, &a.dq}) {
    expect("attention_bwd", *t, "o, dout or dq", {tokens, heads, width});
  }
  for (const lora_tensor* t : {&a.k, &a.v, &a.dk, &a.dv}) {
    expect("attention_bwd", *t, "k, v, dk or dv", {tokens, groups, width});
  }
  expect("attention_bwd", a.lse, "lse", {heads, tokens});
  expect_dims("attention_bwd", a.q_begin, "q_begin", 1);
  backend_.check(backend_->attention_bwd(stream_.handle(), &a), "attention_bwd");
}

void Ops::swiglu(const lora_swiglu_args& a) {
  expect_dims("swiglu", a.gate, "gate", 2);
  expect("swiglu", a.up, "up", {a.gate.shape[0], a.gate.shape[1]});
  expect("swiglu", a.h, "h", {a.gate.shape[0], a.gate.shape[1]});
  backend_.check(backend_->swiglu(stream_.handle(), &a), "swiglu");
}

void Ops::swiglu_bwd(const lora_swiglu_bwd_args& a) {
  expect_dims("swiglu_bwd", a.gate, "gate", 2);
  for (const lora_tensor* t : {&a.up, &a.dh, &a.dgate, &a.dup}) {
    expect("swiglu_bwd", *t, "up, dh, dgate or dup", {a.gate.shape[0], a.gate.shape[1]});
  }
  backend_.check(backend_->swiglu_bwd(stream_.handle(), &a), "swiglu_bwd");
}

namespace {

void check_columns(const char* op, const lora_columns_args& a) {
  expect_dims(op, a.whole, "whole", 2);
  std::int64_t sum = 0;
  for (std::int32_t i = 0; i < a.count; ++i) {
    expect(op, a.part[i], "part", {a.whole.shape[0], a.part[i].shape[1]});
    sum += a.part[i].shape[1];
  }
  if (sum != a.whole.shape[1]) {
    throw shape_error(op, text("the parts have ", sum, " columns but the whole has ", a.whole.shape[1]));
  }
}

}  // namespace

void Ops::split(const lora_columns_args& a) {
  check_columns("split", a);
  backend_.check(backend_->split(stream_.handle(), &a), "split");
}

void Ops::join(const lora_columns_args& a) {
  check_columns("join", a);
  backend_.check(backend_->join(stream_.handle(), &a), "join");
}

void Ops::rows(const lora_rows_args& a) {
  expect_dims("rows", a.index, "index", 1);
  expect_dims("rows", a.src, "src", 2);
  expect_dims("rows", a.dst, "dst", 2);
  expect("rows", a.dst, "dst", {a.dst.shape[0], a.src.shape[1]});
  const lora_tensor& listed = a.scatter ? a.src : a.dst;
  expect("rows", listed, a.scatter ? "src" : "dst", {a.index.shape[0], a.src.shape[1]});
  backend_.check(backend_->rows(stream_.handle(), &a), "rows");
}

void Ops::head_loss(const lora_head_loss_args& a) {
  expect_dims("head_loss", a.x, "x", 2);
  const std::int64_t tokens = a.x.shape[0];
  if (a.x.shape[1] != a.w.codes.shape[1]) {
    throw shape_error("head_loss", text("x is ", Tensor::shape_of(a.x), " but w is ",
                                        Tensor::shape_of(a.w.codes), "; their last extents must agree"));
  }
  expect("head_loss", a.labels, "labels", {tokens});
  maybe("head_loss", a.weight, "weight", {tokens});
  maybe("head_loss", a.dx, "dx", {tokens, a.x.shape[1]});
  maybe("head_loss", a.row_loss, "row_loss", {tokens});
  maybe("head_loss", a.row_top1, "row_top1", {tokens});
  expect_type("head_loss", a.loss_sum, "loss_sum", LORA_F64);
  expect_type("head_loss", a.weight_sum, "weight_sum", LORA_F64);
  expect("head_loss", a.weight_sum, "weight_sum", {a.loss_sum.shape[0]});
  expect("head_loss", a.scored, "scored", {a.loss_sum.shape[0]});
  backend_.check(backend_->head_loss(stream_.handle(), &a), "head_loss");
}

void Ops::sqnorm(const lora_sqnorm_args& a) {
  expect_dims("sqnorm", a.x, "x", 2);
  expect_dims("sqnorm", a.slot, "slot", 1);
  expect("sqnorm", a.out, "out", {a.slot.shape[0]});
  backend_.check(backend_->sqnorm(stream_.handle(), &a), "sqnorm");
}

void Ops::adamw(const lora_adamw_args& a) {
  expect_dims("adamw", a.master, "master", 2);
  for (const lora_tensor* t : {&a.work, &a.grad, &a.m, &a.v}) {
    expect("adamw", *t, "work, grad, m or v", {a.master.shape[0], a.master.shape[1]});
  }
  expect("adamw", a.sqnorm, "sqnorm", {a.count});
  expect("adamw", a.weight_sum, "weight_sum", {a.master.shape[0] + 1});
  expect("adamw", a.report, "report", {a.count, 3});
  backend_.check(backend_->adamw(stream_.handle(), &a), "adamw");
}

void Ops::sample(const lora_sample_args& a) {
  expect_dims("sample", a.logits, "logits", 2);
  const std::int64_t q = a.logits.shape[0];
  for (const lora_tensor* t :
       {&a.temperature, &a.top_p, &a.penalty, &a.top_k, &a.counter, &a.history_count, &a.token}) {
    expect("sample", *t, "a setting of each sequence", {q});
  }
  expect("sample", a.seed, "seed", {q, 2});
  expect("sample", a.history, "history", {q, a.history.shape[1]});
  maybe("sample", a.allow, "allow", {q, (a.logits.shape[1] + 31) / 32});
  backend_.check(backend_->sample(stream_.handle(), &a), "sample");
}

}  // namespace lora
