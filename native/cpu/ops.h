// The operations that are compiled once per instruction set, as tables of functions. backend.cc has checked
// the arguments before any of these runs; each picks its own template by the dtype of the activations.
#ifndef LORA_CPU_OPS_H
#define LORA_CPU_OPS_H

#include "cpu/context.h"

namespace lora::cpu {

struct Ops {
  void (*norm)(CpuContext&, const lora_norm_args&);
  void (*norm_bwd)(CpuContext&, const lora_norm_bwd_args&);
  void (*rope)(CpuContext&, const lora_rope_args&);
  void (*attention)(CpuContext&, const lora_attention_args&);
  void (*attention_bwd)(CpuContext&, const lora_attention_bwd_args&);
  void (*swiglu)(CpuContext&, const lora_swiglu_args&);
  void (*swiglu_bwd)(CpuContext&, const lora_swiglu_bwd_args&);
  void (*sqnorm)(CpuContext&, const lora_sqnorm_args&);
  void (*adamw)(CpuContext&, const lora_adamw_args&);
  void (*sample)(CpuContext&, const lora_sample_args&);
};

extern const Ops kOpsPlain, kOpsAvx2, kOpsAvx512;

const Ops& ops_of(Isa isa);

// Those that gain nothing from wider vectors: compiled once.
void embed(CpuContext&, const lora_embed_args&);
void rope_table(CpuContext&, const lora_rope_table_args&);
void split(CpuContext&, const lora_columns_args&);
void join(CpuContext&, const lora_columns_args&);
void rows(CpuContext&, const lora_rows_args&);

}  // namespace lora::cpu

#endif
