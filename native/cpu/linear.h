// The matrix products of a frozen weight and its adapters, forward and backward, and the packed layout of frozen
// weights. Fills lora_backend's linear, linear_bwd and weight_pack; derivations in docs/math/linear.md.
#ifndef LORA_CPU_LINEAR_H
#define LORA_CPU_LINEAR_H

#include <cstddef>
#include <cstdint>

#include "cpu/context.h"

namespace lora::cpu {

// y = x W^T + bias + scale * drop(x) A^T B^T for `count` projections of the same x.
void linear(CpuContext& context, const lora_linear_args* same_x, int count);

// dx (+)= dy W + drop'(g A), dA += g^T drop(x), dB += scale * dy^T u, with g = scale * dy B.
void linear_bwd(CpuContext& context, const lora_linear_bwd_args* same_x, int count);

// As lora_backend.weight_pack: with packed == nullptr only *bytes is set, and the context may be null.
void weight_pack(CpuContext* context, const lora_weight& weight, std::uint32_t uses, void* packed,
                 std::size_t* bytes);

}  // namespace lora::cpu
#endif
