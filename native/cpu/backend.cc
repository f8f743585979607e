// Fills the CPU backend's table: every function checks its arguments, then picks the code for the device's
// instruction set.
#include "cpu/backend.h"

#include "base/error.h"
#include "cpu/entry.h"
#include "cpu/head_loss.h"
#include "cpu/linear.h"
#include "cpu/ops.h"

namespace lora::cpu {
namespace {

// A table function for an operation compiled once.
template <class Args, void (*kRun)(CpuContext&, const Args&)>
lora_status once(const char* op, lora_stream* s, const Args* a) {
  return run_op(op, false, s, a, kRun);
}

// A table function for an operation compiled for each instruction set.
template <class Args>
lora_status best(const char* op, lora_stream* s, const Args* a,
                 void (*Ops::*member)(CpuContext&, const Args&)) {
  return run_op(op, false, s, a, [&](CpuContext& c, const Args& args) { (ops_of(c.isa).*member)(c, args); });
}

lora_status pack(lora_stream* s, const lora_weight* w, std::uint32_t uses, void* packed, std::size_t* bytes) {
  return guard([&] {
    if ((s == nullptr && packed != nullptr) || w == nullptr || bytes == nullptr) {
      throw Error(Code::kInvalidArgument, "weight_pack",
                  "expected a stream, a weight and room for its size, got null");
    }
    if (s == nullptr) return weight_pack(nullptr, *w, uses, nullptr, bytes);
    std::lock_guard<std::mutex> alone(s->device->one_at_a_time);
    weight_pack(&s->device->context, *w, uses, packed, bytes);
  });
}

}  // namespace

const Ops& ops_of(Isa isa) {
  switch (isa) {
    case Isa::kPlain: return kOpsPlain;
    case Isa::kAvx2: return kOpsAvx2;
    case Isa::kAvx512:
    case Isa::kAvx512Bf16: return kOpsAvx512;
  }
  return kOpsPlain;
}

lora_status cpu_backend(lora_backend* out) {
  return guard([&] {
    if (out == nullptr)
      throw Error(Code::kInvalidArgument, "cpu_backend", "expected a table to fill, got null");
    *out = {};
    fill_device_functions(out);
    out->name = "cpu";
    out->weight_pack = pack;
    out->embed = [](lora_stream* s, const lora_embed_args* a) {
      return once<lora_embed_args, embed>("embed", s, a);
    };
    out->norm = [](lora_stream* s, const lora_norm_args* a) { return best("norm", s, a, &Ops::norm); };
    out->norm_bwd = [](lora_stream* s, const lora_norm_bwd_args* a) {
      return best("norm_bwd", s, a, &Ops::norm_bwd);
    };
    out->linear = [](lora_stream* s, const lora_linear_args* a, std::int32_t n) {
      return run_siblings("linear", false, s, a, n, linear);
    };
    out->linear_bwd = [](lora_stream* s, const lora_linear_bwd_args* a, std::int32_t n) {
      return run_siblings("linear_bwd", false, s, a, n, linear_bwd);
    };
    out->rope_table = [](lora_stream* s, const lora_rope_table_args* a) {
      return once<lora_rope_table_args, rope_table>("rope_table", s, a);
    };
    out->rope = [](lora_stream* s, const lora_rope_args* a) { return best("rope", s, a, &Ops::rope); };
    out->attention = [](lora_stream* s, const lora_attention_args* a) {
      return best("attention", s, a, &Ops::attention);
    };
    out->attention_bwd = [](lora_stream* s, const lora_attention_bwd_args* a) {
      return best("attention_bwd", s, a, &Ops::attention_bwd);
    };
    out->swiglu = [](lora_stream* s, const lora_swiglu_args* a) {
      return best("swiglu", s, a, &Ops::swiglu);
    };
    out->swiglu_bwd = [](lora_stream* s, const lora_swiglu_bwd_args* a) {
      return best("swiglu_bwd", s, a, &Ops::swiglu_bwd);
    };
    out->split = [](lora_stream* s, const lora_columns_args* a) {
      return once<lora_columns_args, split>("split", s, a);
    };
    out->join = [](lora_stream* s, const lora_columns_args* a) {
      return once<lora_columns_args, join>("join", s, a);
    };
    out->rows = [](lora_stream* s, const lora_rows_args* a) {
      return once<lora_rows_args, rows>("rows", s, a);
    };
    out->head_loss = [](lora_stream* s, const lora_head_loss_args* a) {
      return once<lora_head_loss_args, head_loss>("head_loss", s, a);
    };
    out->sqnorm = [](lora_stream* s, const lora_sqnorm_args* a) {
      return best("sqnorm", s, a, &Ops::sqnorm);
    };
    out->adamw = [](lora_stream* s, const lora_adamw_args* a) { return best("adamw", s, a, &Ops::adamw); };
    out->sample = [](lora_stream* s, const lora_sample_args* a) {
      return best("sample", s, a, &Ops::sample);
    };
    out->supports = [](lora_device* d, lora_op op, const void* args, char* why, std::size_t size) {
      return supports(false, d, op, args, why, size);
    };
  });
}

std::vector<std::string> cpu_isas() {
  std::vector<std::string> names;
  for (Isa isa : available_isas()) names.push_back(isa_name(isa));
  return names;
}

std::string cpu_isa() { return isa_name(pick_isa()); }

}  // namespace lora::cpu
