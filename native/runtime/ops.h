// Ops: the table's operations with their shapes checked once, in words, so that no backend repeats the
// checks.
#ifndef LORA_RUNTIME_OPS_H
#define LORA_RUNTIME_OPS_H

#include "runtime/device.h"
#include "runtime/tensor.h"

namespace lora {

class Ops {
 public:
  explicit Ops(Stream& stream) : stream_(stream), backend_(stream.backend()) {}

  Stream& stream() { return stream_; }

  void embed(const lora_embed_args& args);
  void norm(const lora_norm_args& args);
  void norm_bwd(const lora_norm_bwd_args& args);
  void linear(const lora_linear_args* same_x, std::int32_t count);
  void linear_bwd(const lora_linear_bwd_args* same_x, std::int32_t count);
  void rope_table(const lora_rope_table_args& args);
  void rope(const lora_rope_args& args);
  void attention(const lora_attention_args& args);
  void attention_bwd(const lora_attention_bwd_args& args);
  void swiglu(const lora_swiglu_args& args);
  void swiglu_bwd(const lora_swiglu_bwd_args& args);
  void split(const lora_columns_args& args);
  void join(const lora_columns_args& args);
  void rows(const lora_rows_args& args);
  void head_loss(const lora_head_loss_args& args);
  void sqnorm(const lora_sqnorm_args& args);
  void adamw(const lora_adamw_args& args);
  void sample(const lora_sample_args& args);

 private:
  Stream& stream_;
  const Backend& backend_;
};

}  // namespace lora

#endif
