// The operations as plugin.cu calls them, one function each, in the order of the table. They throw Fault.
#pragma once

#include "common/device.h"

namespace lora::cuda {

void embed(lora_stream*, const lora_embed_args&);
void norm(lora_stream*, const lora_norm_args&);
void norm_bwd(lora_stream*, const lora_norm_bwd_args&);
void linear(lora_stream*, const lora_linear_args*, int count);
void linear_bwd(lora_stream*, const lora_linear_bwd_args*, int count);
void rope_table(lora_stream*, const lora_rope_table_args&);
void rope(lora_stream*, const lora_rope_args&);
void attention(lora_stream*, const lora_attention_args&);
void attention_bwd(lora_stream*, const lora_attention_bwd_args&);
void swiglu(lora_stream*, const lora_swiglu_args&);
void swiglu_bwd(lora_stream*, const lora_swiglu_bwd_args&);
void split(lora_stream*, const lora_columns_args&);
void join(lora_stream*, const lora_columns_args&);
void rows(lora_stream*, const lora_rows_args&);
void head_loss(lora_stream*, const lora_head_loss_args&);
void sqnorm(lora_stream*, const lora_sqnorm_args&);
void adamw(lora_stream*, const lora_adamw_args&);
void sample(lora_stream*, const lora_sample_args&);

}  // namespace lora::cuda
