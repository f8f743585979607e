// Checks of an operation's arguments: enough to protect memory and to say in words what does not fit. The
// same checks answer `supports`, where nothing has an address yet.
#ifndef LORA_CPU_CHECK_H
#define LORA_CPU_CHECK_H

#include <cstdint>
#include <initializer_list>
#include <string>

#include "abi/backend.h"

namespace lora::cpu {

// Collects every reason against one call, a sentence a line.
class Check {
 public:
  // f64: the oracle, which stores in f64 as well. planning: for `supports`; data may be missing.
  Check(const char* op, bool f64, bool planning) : op_(op), f64_(f64), planning_(planning) {}

  bool planning() const { return planning_; }
  bool ok() const { return status_ == LORA_OK; }
  lora_status status() const { return status_; }
  const std::string& reasons() const { return reasons_; }

  void invalid(const std::string& sentence) { add(LORA_INVALID, sentence); }
  void unsupported(const std::string& sentence) { add(LORA_UNSUPPORTED, sentence); }

  // t must be there, with this dtype and shape.
  bool tensor(const char* name, const lora_tensor& t, lora_dtype dtype,
              std::initializer_list<std::int64_t> shape);
  // t must be there, with this dtype and as many elements; its last extent must be `last`.
  bool like(const char* name, const lora_tensor& t, lora_dtype dtype, std::int64_t elements,
            std::int64_t last);
  // The dtype of activations, from the tensor that leads the call: f32 or bf16 (or f64 in the oracle).
  lora_dtype store(const char* name, const lora_tensor& t);
  // Every value of an i32 tensor in [low, high). Not while planning.
  bool range(const char* name, const lora_tensor& t, std::int64_t low, std::int64_t high);
  bool route(const lora_route& route, std::int64_t rows);

 private:
  void add(lora_status status, const std::string& sentence);
  bool there(const char* name, const lora_tensor& t);

  const char* op_;
  bool f64_, planning_;
  lora_status status_ = LORA_OK;
  std::string reasons_;
};

// f64 for f64, f32 for the rest.
inline lora_dtype real_of(lora_dtype store) { return store == LORA_F64 ? LORA_F64 : LORA_F32; }

void check(Check&, const lora_embed_args&);
void check(Check&, const lora_norm_args&);
void check(Check&, const lora_norm_bwd_args&);
void check(Check&, const lora_linear_args&);
void check(Check&, const lora_linear_bwd_args&);
void check(Check&, const lora_rope_table_args&);
void check(Check&, const lora_rope_args&);
void check(Check&, const lora_attention_args&);
void check(Check&, const lora_attention_bwd_args&);
void check(Check&, const lora_swiglu_args&);
void check(Check&, const lora_swiglu_bwd_args&);
void check(Check&, const lora_columns_args&);
void check(Check&, const lora_rows_args&);
void check(Check&, const lora_head_loss_args&);
void check(Check&, const lora_sqnorm_args&);
void check(Check&, const lora_adamw_args&);
void check(Check&, const lora_sample_args&);

}  // namespace lora::cpu

#endif
