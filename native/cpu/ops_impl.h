// The table of one instruction set. An ops_<isa>.cc defines LORA_VEC_NS, LORA_VEC_LANES and LORA_VEC_TABLE,
// includes everything shared, sets the target, and includes this last.
#ifndef LORA_CPU_OPS_IMPL_H
#define LORA_CPU_OPS_IMPL_H

#include "cpu/norm_impl.h"
#include "cpu/attention_bwd_impl.h"
#include "cpu/attention_impl.h"
#include "cpu/rope_impl.h"
#include "cpu/swiglu_impl.h"
#include "cpu/update_impl.h"
#include "cpu/sample_impl.h"

namespace lora::cpu {
namespace LORA_VEC_NS {

// kRun of the template that fits the dtype of activations; backend.cc lets nothing but f32 and bf16 through.
template <class Args, void (*kF32)(CpuContext&, const Args&), void (*kBf16)(CpuContext&, const Args&),
          lora_tensor Args::* kLead>
void by_store(CpuContext& context, const Args& args) {
  ((args.*kLead).dtype == LORA_BF16 ? kBf16 : kF32)(context, args);
}

void rope_by_store(CpuContext& context, const lora_rope_args& args) {
  const lora_tensor& lead = args.q.data != nullptr ? args.q : args.k;
  (lead.dtype == LORA_BF16 ? rope<bf16> : rope<float>)(context, args);
}

}  // namespace LORA_VEC_NS

extern const Ops LORA_VEC_TABLE;
const Ops LORA_VEC_TABLE = {
    LORA_VEC_NS::by_store<lora_norm_args, LORA_VEC_NS::norm<float>, LORA_VEC_NS::norm<bf16>,
                          &lora_norm_args::y>,
    LORA_VEC_NS::by_store<lora_norm_bwd_args, LORA_VEC_NS::norm_bwd<float>, LORA_VEC_NS::norm_bwd<bf16>,
                          &lora_norm_bwd_args::dx>,
    LORA_VEC_NS::rope_by_store,
    LORA_VEC_NS::by_store<lora_attention_args, LORA_VEC_NS::attention<float>, LORA_VEC_NS::attention<bf16>,
                          &lora_attention_args::q>,
    LORA_VEC_NS::by_store<lora_attention_bwd_args, LORA_VEC_NS::attention_bwd<float>,
                          LORA_VEC_NS::attention_bwd<bf16>, &lora_attention_bwd_args::q>,
    LORA_VEC_NS::by_store<lora_swiglu_args, LORA_VEC_NS::swiglu<float>, LORA_VEC_NS::swiglu<bf16>,
                          &lora_swiglu_args::h>,
    LORA_VEC_NS::by_store<lora_swiglu_bwd_args, LORA_VEC_NS::swiglu_bwd<float>, LORA_VEC_NS::swiglu_bwd<bf16>,
                          &lora_swiglu_bwd_args::dh>,
    LORA_VEC_NS::sqnorm,
    LORA_VEC_NS::by_store<lora_adamw_args, LORA_VEC_NS::adamw<float>, LORA_VEC_NS::adamw<bf16>,
                          &lora_adamw_args::work>,
    LORA_VEC_NS::sample,
};

}  // namespace lora::cpu

#endif
