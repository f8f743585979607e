// `supports` for the CPU and the oracle: the checks of a call, without looking at data.
#include <algorithm>
#include <cstring>

#include "cpu/entry.h"

namespace lora::cpu {
namespace {

template <class Args>
void plan(Check& c, const void* args) {
  check(c, *static_cast<const Args*>(args));
}

struct Planned {
  const char* name;
  void (*check)(Check&, const void*);
};

// In the order of lora_op.
constexpr Planned kPlanned[] = {
    {"embed", plan<lora_embed_args>},
    {"norm", plan<lora_norm_args>},
    {"norm_bwd", plan<lora_norm_bwd_args>},
    {"linear", plan<lora_linear_args>},
    {"linear_bwd", plan<lora_linear_bwd_args>},
    {"rope_table", plan<lora_rope_table_args>},
    {"rope", plan<lora_rope_args>},
    {"attention", plan<lora_attention_args>},
    {"attention_bwd", plan<lora_attention_bwd_args>},
    {"swiglu", plan<lora_swiglu_args>},
    {"swiglu_bwd", plan<lora_swiglu_bwd_args>},
    {"split", plan<lora_columns_args>},
    {"join", plan<lora_columns_args>},
    {"rows", plan<lora_rows_args>},
    {"head_loss", plan<lora_head_loss_args>},
    {"sqnorm", plan<lora_sqnorm_args>},
    {"adamw", plan<lora_adamw_args>},
    {"sample", plan<lora_sample_args>},
};
static_assert(sizeof kPlanned / sizeof kPlanned[0] == LORA_OP_COUNT, "one entry for each operation");

}  // namespace

lora_status supports(bool f64, lora_device*, lora_op op, const void* args, char* why, std::size_t why_size) {
  if (why != nullptr && why_size > 0) why[0] = '\0';
  return guard([&] {
    if (op < 0 || op >= LORA_OP_COUNT || args == nullptr) {
      throw Error(Code::kInvalidArgument, "supports", "expected an operation of lora_op and its arguments");
    }
    Check c(kPlanned[op].name, f64, true);
    kPlanned[op].check(c, args);
    if (why != nullptr && why_size > 0) {
      const std::size_t length = std::min(why_size - 1, c.reasons().size());
      std::memcpy(why, c.reasons().data(), length);
      why[length] = '\0';
    }
    refuse_if_wrong(c, kPlanned[op].name);
  });
}

}  // namespace lora::cpu
