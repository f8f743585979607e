// From JavaScript objects to the argument structs of abi/backend.h: every struct as a list of fields.
#include <cstddef>
#include <cstring>

#include "addon/testing.h"
#include "base/dtype.h"
#include "base/error.h"

namespace lora::testing {
namespace {

enum class Kind { kTensor, kF32, kF64, kI32, kHostI32, kRoute, kStreams, kPair, kWeight, kParts, kRules };

struct Field {
  const char* name;
  Kind kind;
  std::size_t offset;
};

struct Op {
  lora_op op;
  std::size_t size;
  std::vector<Field> fields;
  lora_status (*invoke)(const lora_backend&, lora_stream*, const Call&);
};

#define FIELD(type, name, js, kind) Field{js, Kind::kind, offsetof(type, name)}
#define ONE(type, member) \
  [](const lora_backend& t, lora_stream* s, const Call& c) { return t.member(s, reinterpret_cast<const type*>(c.args.data())); }
#define MANY(type, member) \
  [](const lora_backend& t, lora_stream* s, const Call& c) { return t.member(s, reinterpret_cast<const type*>(c.args.data()), c.count); }

template <class Args>
std::vector<Field> tensors(std::initializer_list<std::pair<const char*, lora_tensor Args::*>> list) {
  std::vector<Field> fields;
  static const Args origin{};
  for (const auto& [name, member] : list) {
    fields.push_back({name, Kind::kTensor,
                      static_cast<std::size_t>(reinterpret_cast<const char*>(&(origin.*member)) -
                                               reinterpret_cast<const char*>(&origin))});
  }
  return fields;
}

std::vector<Field> operator+(std::vector<Field> a, const std::vector<Field>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const std::map<std::string, Op>& ops() {
  using E = lora_embed_args;
  using N = lora_norm_args;
  using NB = lora_norm_bwd_args;
  using L = lora_linear_args;
  using LB = lora_linear_bwd_args;
  using RT = lora_rope_table_args;
  using R = lora_rope_args;
  using A = lora_attention_args;
  using AB = lora_attention_bwd_args;
  using S = lora_swiglu_args;
  using SB = lora_swiglu_bwd_args;
  using C = lora_columns_args;
  using W = lora_rows_args;
  using H = lora_head_loss_args;
  using Q = lora_sqnorm_args;
  using U = lora_adamw_args;
  using D = lora_sample_args;
  static const std::map<std::string, Op> all = {
      {"embed", {LORA_OP_EMBED, sizeof(E),
                 tensors<E>({{"ids", &E::ids}, {"table", &E::table}, {"out", &E::out}, {"noise", &E::noise}}) +
                     std::vector<Field>{FIELD(E, streams, "streams", kStreams), FIELD(E, route, "route", kRoute)},
                 ONE(E, embed)}},
      {"norm", {LORA_OP_NORM, sizeof(N),
                tensors<N>({{"r", &N::r}, {"delta", &N::delta}, {"sum", &N::sum}, {"w", &N::w}, {"y", &N::y}, {"rstd", &N::rstd}}) +
                    std::vector<Field>{FIELD(N, eps, "eps", kF64)},
                ONE(N, norm)}},
      {"normBwd", {LORA_OP_NORM_BWD, sizeof(NB),
                   tensors<NB>({{"dy", &NB::dy}, {"sum", &NB::sum}, {"w", &NB::w}, {"rstd", &NB::rstd}, {"dsum", &NB::dsum}, {"dx", &NB::dx}}),
                   ONE(NB, norm_bwd)}},
      {"linear", {LORA_OP_LINEAR, sizeof(L),
                  tensors<L>({{"x", &L::x}, {"bias", &L::bias}, {"y", &L::y}, {"u", &L::u}}) +
                      std::vector<Field>{FIELD(L, w, "w", kWeight), FIELD(L, pair, "pair", kPair), FIELD(L, route, "route", kRoute)},
                  MANY(L, linear)}},
      {"linearBwd", {LORA_OP_LINEAR_BWD, sizeof(LB),
                     tensors<LB>({{"dy", &LB::dy}, {"x", &LB::x}, {"u", &LB::u}, {"dx", &LB::dx}}) +
                         std::vector<Field>{FIELD(LB, w, "w", kWeight), FIELD(LB, pair, "pair", kPair),
                                            FIELD(LB, route, "route", kRoute), FIELD(LB, dx_write, "dxWrite", kI32)},
                     MANY(LB, linear_bwd)}},
      {"ropeTable", {LORA_OP_ROPE_TABLE, sizeof(RT),
                     tensors<RT>({{"position", &RT::position}, {"variant", &RT::variant}, {"invFreq", &RT::inv_freq}, {"cos", &RT::cos}, {"sin", &RT::sin}}) +
                         std::vector<Field>{FIELD(RT, amplitude, "amplitude", kF64)},
                     ONE(RT, rope_table)}},
      {"rope", {LORA_OP_ROPE, sizeof(R),
                tensors<R>({{"q", &R::q}, {"k", &R::k}, {"cos", &R::cos}, {"sin", &R::sin}}) +
                    std::vector<Field>{FIELD(R, sign, "sign", kF32)},
                ONE(R, rope)}},
      {"attention", {LORA_OP_ATTENTION, sizeof(A),
                     tensors<A>({{"q", &A::q}, {"k", &A::k}, {"v", &A::v}, {"o", &A::o}, {"lse", &A::lse}, {"qBegin", &A::q_begin}, {"kBegin", &A::k_begin}, {"kCount", &A::k_count}}) +
                         std::vector<Field>{FIELD(A, q_begin_host, "qBeginHost", kHostI32), FIELD(A, k_begin_host, "kBeginHost", kHostI32),
                                            FIELD(A, k_count_host, "kCountHost", kHostI32), FIELD(A, longest, "longest", kI32),
                                            FIELD(A, window, "window", kI32), FIELD(A, scale, "scale", kF64)},
                     ONE(A, attention)}},
      {"attentionBwd", {LORA_OP_ATTENTION_BWD, sizeof(AB),
                        tensors<AB>({{"q", &AB::q}, {"k", &AB::k}, {"v", &AB::v}, {"o", &AB::o}, {"lse", &AB::lse}, {"dout", &AB::dout},
                                     {"dq", &AB::dq}, {"dk", &AB::dk}, {"dv", &AB::dv}, {"qBegin", &AB::q_begin}}) +
                            std::vector<Field>{FIELD(AB, q_begin_host, "qBeginHost", kHostI32), FIELD(AB, longest, "longest", kI32),
                                               FIELD(AB, window, "window", kI32), FIELD(AB, scale, "scale", kF64)},
                        ONE(AB, attention_bwd)}},
      {"swiglu", {LORA_OP_SWIGLU, sizeof(S), tensors<S>({{"gate", &S::gate}, {"up", &S::up}, {"h", &S::h}}), ONE(S, swiglu)}},
      {"swigluBwd", {LORA_OP_SWIGLU_BWD, sizeof(SB),
                     tensors<SB>({{"gate", &SB::gate}, {"up", &SB::up}, {"dh", &SB::dh}, {"dgate", &SB::dgate}, {"dup", &SB::dup}}),
                     ONE(SB, swiglu_bwd)}},
      {"split", {LORA_OP_SPLIT, sizeof(C),
                 tensors<C>({{"whole", &C::whole}}) + std::vector<Field>{FIELD(C, part, "parts", kParts), FIELD(C, count, "count", kI32)},
                 ONE(C, split)}},
      {"join", {LORA_OP_JOIN, sizeof(C),
                tensors<C>({{"whole", &C::whole}}) + std::vector<Field>{FIELD(C, part, "parts", kParts), FIELD(C, count, "count", kI32)},
                ONE(C, join)}},
      {"rows", {LORA_OP_ROWS, sizeof(W),
                tensors<W>({{"src", &W::src}, {"dst", &W::dst}, {"index", &W::index}}) +
                    std::vector<Field>{FIELD(W, scatter, "scatter", kI32), FIELD(W, write, "write", kI32)},
                ONE(W, rows)}},
      {"headLoss", {LORA_OP_HEAD_LOSS, sizeof(H),
                    tensors<H>({{"x", &H::x}, {"labels", &H::labels}, {"weight", &H::weight}, {"dx", &H::dx}, {"rowLoss", &H::row_loss},
                                {"rowTop1", &H::row_top1}, {"lossSum", &H::loss_sum}, {"weightSum", &H::weight_sum}, {"scored", &H::scored}}) +
                        std::vector<Field>{FIELD(H, w, "w", kWeight), FIELD(H, pair, "pair", kPair), FIELD(H, route, "route", kRoute),
                                           FIELD(H, smoothing, "smoothing", kF64)},
                    ONE(H, head_loss)}},
      {"sqnorm", {LORA_OP_SQNORM, sizeof(Q), tensors<Q>({{"x", &Q::x}, {"slot", &Q::slot}, {"out", &Q::out}}), ONE(Q, sqnorm)}},
      {"adamw", {LORA_OP_ADAMW, sizeof(U),
                 tensors<U>({{"master", &U::master}, {"work", &U::work}, {"grad", &U::grad}, {"m", &U::m}, {"v", &U::v},
                             {"sqnorm", &U::sqnorm}, {"weightSum", &U::weight_sum}, {"report", &U::report}}) +
                     std::vector<Field>{FIELD(U, rules, "rules", kRules), FIELD(U, count, "count", kI32)},
                 ONE(U, adamw)}},
      {"sample", {LORA_OP_SAMPLE, sizeof(D),
                  tensors<D>({{"logits", &D::logits}, {"temperature", &D::temperature}, {"topP", &D::top_p}, {"penalty", &D::penalty},
                              {"topK", &D::top_k}, {"seed", &D::seed}, {"counter", &D::counter}, {"history", &D::history},
                              {"historyCount", &D::history_count}, {"allow", &D::allow}, {"token", &D::token}, {"logprob", &D::logprob}}),
                  ONE(D, sample)}},
  };
  return all;
}

const Op& find(const std::string& name) {
  const auto it = ops().find(name);
  if (it == ops().end()) throw Error(Code::kInvalidArgument, "door", "expected an operation of the table, got \"" + name + "\"");
  return it->second;
}

lora_dtype dtype_of(const std::string& name) {
  for (lora_dtype t : {LORA_F32, LORA_BF16, LORA_F64, LORA_I32, LORA_U8}) {
    if (name == name_of(t)) return t;
  }
  throw Error(Code::kInvalidArgument, "door", "expected a dtype, got \"" + name + "\"");
}

std::int64_t integer(const Napi::Value& v) { return v.IsUndefined() ? 0 : v.ToNumber().Int64Value(); }

const void* bytes_of_array(const Napi::TypedArray& array) {
  return static_cast<const std::uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset();
}

// Where in a named buffer: { buffer, offset } with the offset in elements.
void* place(Call& call, const Napi::Object& where, lora_dtype dtype) {
  const std::string name = where.Get("buffer").ToString();
  const auto it = call.buffers.find(name);
  if (it == call.buffers.end()) throw Error(Code::kInvalidArgument, "door", "expected a buffer named \"" + name + "\"");
  return static_cast<std::uint8_t*>(it->second->data()) + static_cast<std::size_t>(integer(where.Get("offset"))) * size_of(dtype);
}

lora_tensor tensor(Call& call, const Napi::Object& from) {
  lora_tensor t{};
  t.dtype = dtype_of(from.Get("dtype").ToString());
  const Napi::Array shape = from.Get("shape").As<Napi::Array>();
  t.dims = static_cast<std::int32_t>(shape.Length());
  for (int i = 0; i < LORA_MAX_DIMS; ++i) t.shape[i] = i < t.dims ? integer(shape.Get(static_cast<std::uint32_t>(i))) : 1;
  t.data = place(call, from, t.dtype);
  return t;
}

template <class T>
const T* uploaded(Call& call, const Napi::Value& array) {
  if (!array.IsTypedArray()) return nullptr;
  const Napi::TypedArray from = array.As<Napi::TypedArray>();
  return static_cast<const T*>(call.upload(bytes_of_array(from), from.ByteLength()));
}

const std::int32_t* kept(Call& call, const Napi::Value& array) {
  if (!array.IsTypedArray()) return nullptr;
  const Napi::TypedArray from = array.As<Napi::TypedArray>();
  return call.keep(static_cast<const std::int32_t*>(bytes_of_array(from)), from.ElementLength());
}

// Siblings that are given the same arrays get the same route, as the engine has it.
lora_route route(Call& call, const Napi::Object& from) {
  for (const auto& [begin, known] : call.routes) {
    if (begin.StrictEquals(from.Get("begin"))) return known;
  }
  lora_route r{};
  r.begin = kept(call, from.Get("begin"));
  r.slot = kept(call, from.Get("slot"));
  r.begin_dev = uploaded<std::int32_t>(call, from.Get("begin"));
  r.slot_dev = uploaded<std::int32_t>(call, from.Get("slot"));
  r.row_dev = uploaded<std::int32_t>(call, from.Get("row"));
  r.segments = static_cast<std::int32_t>(from.Get("slot").As<Napi::TypedArray>().ElementLength());
  call.routes.emplace_back(from.Get("begin"), r);
  return r;
}

lora_streams streams(Call& call, const Napi::Object& from) {
  return {uploaded<std::uint64_t>(call, from.Get("seed")), uploaded<std::uint32_t>(call, from.Get("tick"))};
}

lora_pair pair(Call& call, const Napi::Object& from) {
  lora_pair p{};
  p.dtype = dtype_of(from.Get("dtype").ToString());
  const lora_dtype gradient = p.dtype == LORA_F64 ? LORA_F64 : LORA_F32;
  p.a = place(call, from.Get("a").As<Napi::Object>(), p.dtype);
  p.b = place(call, from.Get("b").As<Napi::Object>(), p.dtype);
  if (from.Get("da").IsObject()) p.da = place(call, from.Get("da").As<Napi::Object>(), gradient);
  if (from.Get("db").IsObject()) p.db = place(call, from.Get("db").As<Napi::Object>(), gradient);
  p.slot_stride = integer(from.Get("slotStride"));
  p.rank = static_cast<std::int32_t>(integer(from.Get("rank")));
  p.scale = uploaded<double>(call, from.Get("scale"));
  p.drop = uploaded<float>(call, from.Get("drop"));
  if (from.Get("streams").IsObject()) p.streams = streams(call, from.Get("streams").As<Napi::Object>());
  p.site = static_cast<std::uint32_t>(integer(from.Get("site")));
  return p;
}

// `uses` given: packed for those, and then without its plain codes.
lora_weight weight(Call& call, const Napi::Object& from) {
  lora_weight w{};
  w.codes = tensor(call, from);
  if (!from.Get("uses").IsNumber()) return w;
  const std::uint32_t uses = static_cast<std::uint32_t>(integer(from.Get("uses")));
  std::size_t bytes = 0;
  const lora_backend& table = call.bench.table;
  call.bench.require(table.weight_pack(call.bench.stream, &w, uses, nullptr, &bytes), "weight_pack");
  if (bytes == 0) return w;
  call.unnamed.push_back(std::make_unique<GuardedBuffer>(call.bench, bytes));
  void* packed = call.unnamed.back()->data();
  call.bench.require(table.weight_pack(call.bench.stream, &w, uses, packed, &bytes), "weight_pack");
  w.packed = packed;
  w.codes.data = nullptr;
  return w;
}

const lora_adamw_rule* rules(Call& call, const Napi::Array& from) {
  std::vector<lora_adamw_rule> list;
  for (std::uint32_t i = 0; i < from.Length(); ++i) {
    const Napi::Object o = from.Get(i).As<Napi::Object>();
    const auto number = [&](const char* name) { return o.Get(name).ToNumber().DoubleValue(); };
    list.push_back({number("lr"), number("beta1"), number("beta2"), number("eps"), number("weightDecay"), number("clip"),
                    integer(o.Get("step")), static_cast<std::int32_t>(integer(o.Get("slot"))), 0});
  }
  return call.keep(list.data(), list.size());
}

template <class T>
void put(std::uint8_t* at, const T& x) {
  std::memcpy(at, &x, sizeof x);
}

void fill_field(Call& call, const Field& field, const Napi::Value& value, std::uint8_t* at) {
  if (value.IsUndefined()) return;
  switch (field.kind) {
    case Kind::kTensor: return put(at, tensor(call, value.As<Napi::Object>()));
    case Kind::kF32: return put(at, value.ToNumber().FloatValue());
    case Kind::kF64: return put(at, value.ToNumber().DoubleValue());
    case Kind::kI32: return put(at, value.ToNumber().Int32Value());
    case Kind::kHostI32: return put(at, kept(call, value));
    case Kind::kRoute: return put(at, route(call, value.As<Napi::Object>()));
    case Kind::kStreams: return put(at, streams(call, value.As<Napi::Object>()));
    case Kind::kPair: return put(at, pair(call, value.As<Napi::Object>()));
    case Kind::kWeight: return put(at, weight(call, value.As<Napi::Object>()));
    case Kind::kRules: return put(at, rules(call, value.As<Napi::Array>()));
    case Kind::kParts: {
      const Napi::Array list = value.As<Napi::Array>();
      for (std::uint32_t i = 0; i < list.Length() && i < 3; ++i) {
        put(at + i * sizeof(lora_tensor), tensor(call, list.Get(i).As<Napi::Object>()));
      }
    }
  }
}

}  // namespace

void fill_args(Call& call, const std::string& name, const Napi::Array& list) {
  const Op& op = find(name);
  call.count = static_cast<std::int32_t>(list.Length());
  call.args.assign(op.size * list.Length(), 0);
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Object from = list.Get(i).As<Napi::Object>();
    std::size_t known = 0;
    for (const Field& field : op.fields) {
      known += from.Has(field.name) ? 1 : 0;
      fill_field(call, field, from.Get(field.name), call.args.data() + i * op.size + field.offset);
    }
    if (known != from.GetPropertyNames().Length()) {
      throw Error(Code::kInvalidArgument, "door", "expected only arguments of " + name + ", got " +
                  std::string(from.GetPropertyNames().ToString()));
    }
  }
}

lora_status invoke(const lora_backend& table, lora_stream* stream, const std::string& op, const Call& call) {
  return find(op).invoke(table, stream, call);
}

lora_op op_of(const std::string& op) { return find(op).op; }

}  // namespace lora::testing
