// Every operation of the table with the fields of its arguments, by their names in camelCase.
#include "addon/testing_ops.h"

#include <cstddef>

#include "base/error.h"

namespace lora::testing {
namespace {

#define FIELD(type, name, js, kind) \
  Field { js, Kind::kind, offsetof(type, name) }
#define ONE(type, member)                                             \
  [](const lora_backend& t, lora_stream* s, const Call& c) {          \
    return t.member(s, reinterpret_cast<const type*>(c.args.data())); \
  }
#define MANY(type, member)                                                     \
  [](const lora_backend& t, lora_stream* s, const Call& c) {                   \
    return t.member(s, reinterpret_cast<const type*>(c.args.data()), c.count); \
  }

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
      {"embed",
       {LORA_OP_EMBED, sizeof(E),
        tensors<E>({{"ids", &E::ids}, {"table", &E::table}, {"out", &E::out}, {"noise", &E::noise}}) +
            std::vector<Field>{FIELD(E, streams, "streams", kStreams), FIELD(E, route, "route", kRoute)},
        ONE(E, embed)}},
      {"norm",
       {LORA_OP_NORM, sizeof(N),
        tensors<N>({{"r", &N::r},
                    {"delta", &N::delta},
                    {"sum", &N::sum},
                    {"w", &N::w},
                    {"y", &N::y},
                    {"rstd", &N::rstd}}) +
            std::vector<Field>{FIELD(N, eps, "eps", kF64)},
        ONE(N, norm)}},
      {"normBwd",
       {LORA_OP_NORM_BWD, sizeof(NB),
        tensors<NB>({{"dy", &NB::dy},
                     {"sum", &NB::sum},
                     {"w", &NB::w},
                     {"rstd", &NB::rstd},
                     {"dsum", &NB::dsum},
                     {"dx", &NB::dx}}),
        ONE(NB, norm_bwd)}},
      {"linear",
       {LORA_OP_LINEAR, sizeof(L),
        tensors<L>({{"x", &L::x}, {"bias", &L::bias}, {"y", &L::y}, {"u", &L::u}}) +
            std::vector<Field>{FIELD(L, w, "w", kWeight), FIELD(L, pair, "pair", kPair),
                               FIELD(L, route, "route", kRoute)},
        MANY(L, linear)}},
      {"linearBwd",
       {LORA_OP_LINEAR_BWD, sizeof(LB),
        tensors<LB>({{"dy", &LB::dy}, {"x", &LB::x}, {"u", &LB::u}, {"dx", &LB::dx}}) +
            std::vector<Field>{FIELD(LB, w, "w", kWeight), FIELD(LB, pair, "pair", kPair),
                               FIELD(LB, route, "route", kRoute), FIELD(LB, dx_write, "dxWrite", kI32)},
        MANY(LB, linear_bwd)}},
      {"ropeTable",
       {LORA_OP_ROPE_TABLE, sizeof(RT),
        tensors<RT>({{"position", &RT::position},
                     {"variant", &RT::variant},
                     {"invFreq", &RT::inv_freq},
                     {"cos", &RT::cos},
                     {"sin", &RT::sin}}) +
            std::vector<Field>{FIELD(RT, amplitude, "amplitude", kF64)},
        ONE(RT, rope_table)}},
      {"rope",
       {LORA_OP_ROPE, sizeof(R),
        tensors<R>({{"q", &R::q}, {"k", &R::k}, {"cos", &R::cos}, {"sin", &R::sin}}) +
            std::vector<Field>{FIELD(R, sign, "sign", kF32)},
        ONE(R, rope)}},
      {"attention",
       {LORA_OP_ATTENTION, sizeof(A),
        tensors<A>({{"q", &A::q},
                    {"k", &A::k},
                    {"v", &A::v},
                    {"o", &A::o},
                    {"lse", &A::lse},
                    {"qBegin", &A::q_begin},
                    {"kBegin", &A::k_begin},
                    {"kCount", &A::k_count}}) +
            std::vector<Field>{FIELD(A, q_begin_host, "qBeginHost", kHostI32),
                               FIELD(A, k_begin_host, "kBeginHost", kHostI32),
                               FIELD(A, k_count_host, "kCountHost", kHostI32),
                               FIELD(A, longest, "longest", kI32), FIELD(A, window, "window", kI32),
                               FIELD(A, scale, "scale", kF64)},
        ONE(A, attention)}},
      {"attentionBwd",
       {LORA_OP_ATTENTION_BWD, sizeof(AB),
        tensors<AB>({{"q", &AB::q},
                     {"k", &AB::k},
                     {"v", &AB::v},
                     {"o", &AB::o},
                     {"lse", &AB::lse},
                     {"dout", &AB::dout},
                     {"dq", &AB::dq},
                     {"dk", &AB::dk},
                     {"dv", &AB::dv},
                     {"qBegin", &AB::q_begin}}) +
            std::vector<Field>{FIELD(AB, q_begin_host, "qBeginHost", kHostI32),
                               FIELD(AB, longest, "longest", kI32), FIELD(AB, window, "window", kI32),
                               FIELD(AB, scale, "scale", kF64)},
        ONE(AB, attention_bwd)}},
      {"swiglu",
       {LORA_OP_SWIGLU, sizeof(S), tensors<S>({{"gate", &S::gate}, {"up", &S::up}, {"h", &S::h}}),
        ONE(S, swiglu)}},
      {"swigluBwd",
       {LORA_OP_SWIGLU_BWD, sizeof(SB),
        tensors<SB>({{"gate", &SB::gate},
                     {"up", &SB::up},
                     {"dh", &SB::dh},
                     {"dgate", &SB::dgate},
                     {"dup", &SB::dup}}),
        ONE(SB, swiglu_bwd)}},
      {"split",
       {LORA_OP_SPLIT, sizeof(C),
        tensors<C>({{"whole", &C::whole}}) +
            std::vector<Field>{FIELD(C, part, "parts", kParts), FIELD(C, count, "count", kI32)},
        ONE(C, split)}},
      {"join",
       {LORA_OP_JOIN, sizeof(C),
        tensors<C>({{"whole", &C::whole}}) +
            std::vector<Field>{FIELD(C, part, "parts", kParts), FIELD(C, count, "count", kI32)},
        ONE(C, join)}},
      {"rows",
       {LORA_OP_ROWS, sizeof(W),
        tensors<W>({{"src", &W::src}, {"dst", &W::dst}, {"index", &W::index}}) +
            std::vector<Field>{FIELD(W, scatter, "scatter", kI32), FIELD(W, write, "write", kI32)},
        ONE(W, rows)}},
      {"headLoss",
       {LORA_OP_HEAD_LOSS, sizeof(H),
        tensors<H>({{"x", &H::x},
                    {"labels", &H::labels},
                    {"weight", &H::weight},
                    {"dx", &H::dx},
                    {"rowLoss", &H::row_loss},
                    {"rowTop1", &H::row_top1},
                    {"lossSum", &H::loss_sum},
                    {"weightSum", &H::weight_sum},
                    {"scored", &H::scored}}) +
            std::vector<Field>{FIELD(H, w, "w", kWeight), FIELD(H, pair, "pair", kPair),
                               FIELD(H, route, "route", kRoute), FIELD(H, smoothing, "smoothing", kF64)},
        ONE(H, head_loss)}},
      {"sqnorm",
       {LORA_OP_SQNORM, sizeof(Q), tensors<Q>({{"x", &Q::x}, {"slot", &Q::slot}, {"out", &Q::out}}),
        ONE(Q, sqnorm)}},
      {"adamw",
       {LORA_OP_ADAMW, sizeof(U),
        tensors<U>({{"master", &U::master},
                    {"work", &U::work},
                    {"grad", &U::grad},
                    {"m", &U::m},
                    {"v", &U::v},
                    {"sqnorm", &U::sqnorm},
                    {"weightSum", &U::weight_sum},
                    {"report", &U::report}}) +
            std::vector<Field>{FIELD(U, rules, "rules", kRules), FIELD(U, count, "count", kI32)},
        ONE(U, adamw)}},
      {"sample",
       {LORA_OP_SAMPLE, sizeof(D),
        tensors<D>({{"logits", &D::logits},
                    {"temperature", &D::temperature},
                    {"topP", &D::top_p},
                    {"penalty", &D::penalty},
                    {"topK", &D::top_k},
                    {"seed", &D::seed},
                    {"counter", &D::counter},
                    {"history", &D::history},
                    {"historyCount", &D::history_count},
                    {"allow", &D::allow},
                    {"token", &D::token},
                    {"logprob", &D::logprob}}),
        ONE(D, sample)}},
  };
  return all;
}

}  // namespace

const Op& find_op(const std::string& name) {
  const auto it = ops().find(name);
  if (it == ops().end())
    throw Error(Code::kInvalidArgument, "door", "expected an operation of the table, got \"" + name + "\"");
  return it->second;
}

lora_status invoke(const lora_backend& table, lora_stream* stream, const std::string& op, const Call& call) {
  return find_op(op).invoke(table, stream, call);
}

lora_op op_of(const std::string& op) { return find_op(op).op; }

}  // namespace lora::testing
