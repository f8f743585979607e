// Cross-entropy of the head's logits and its gradient without ever holding [T,V]. Fills lora_backend's head_loss;
// derivation in docs/math/head_loss.md.
#ifndef LORA_CPU_HEAD_LOSS_H
#define LORA_CPU_HEAD_LOSS_H

#include "cpu/context.h"

namespace lora::cpu {

void head_loss(CpuContext& context, const lora_head_loss_args& args);

}  // namespace lora::cpu
#endif
