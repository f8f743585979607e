// The reasons behind `supports`, operation by operation: types, shapes, and whether the device has the fast kernel.
#include "supports.h"

#include "common/capability.h"

namespace lora::cuda {
namespace {

std::string name_of(lora_dtype dtype) {
  constexpr const char* kNames[] = {"f32", "bf16", "f64", "i32", "u8"};
  return dtype >= LORA_F32 && dtype <= LORA_U8 ? kNames[dtype] : "type " + std::to_string(dtype);
}

void store(Support& s, const lora_tensor& tensor) {
  if (tensor.dtype != LORA_F32 && tensor.dtype != LORA_BF16) s.missing.push_back("the CUDA backend stores f32 or bf16, not " + name_of(tensor.dtype));
}

void only_f32(Support& s, const lora_tensor& tensor, const char* what) {
  if (tensor.dtype != LORA_F32) s.missing.push_back(std::string("the CUDA backend keeps ") + what + " in f32, not " + name_of(tensor.dtype));
}

// Products: with matrix instructions on Hopper and in bf16 only.
void matrix(Support& s, const lora_device& device, const lora_tensor& tensor) {
  store(s, tensor);
  if (device.major != 9) {
    s.slower.push_back("compute capability " + std::to_string(device.major) + "." + std::to_string(device.minor) +
                       ": portable kernels without matrix instructions; 9.0 (Hopper) has faster ones");
  } else if (tensor.dtype == LORA_F32) {
    s.slower.push_back("f32: without matrix instructions; bf16 has faster kernels");
  }
}

void weight(Support& s, const lora_weight& w, const lora_tensor& x, const lora_pair& pair) {
  if (w.block != 0) s.missing.push_back("a block-quantised weight");
  else if (w.codes.dtype != x.dtype) s.missing.push_back("a weight of " + name_of(w.codes.dtype) + " beside activations of " + name_of(x.dtype));
  if (w.codes.shape[0] % 8 != 0 || w.codes.shape[1] % 8 != 0) {
    s.slower.push_back("a weight of " + std::to_string(w.codes.shape[0]) + " x " + std::to_string(w.codes.shape[1]) +
                       ": the fast kernel takes multiples of 8");
  }
  if (pair.a != nullptr && (pair.rank % 16 != 0 || pair.slot_stride % 8 != 0)) {
    s.slower.push_back("rank " + std::to_string(pair.rank) + " in slabs of " + std::to_string(pair.slot_stride) +
                       ": the fast kernel takes ranks in multiples of 16 and slabs in multiples of 8");
  }
}

void heads(Support& s, const lora_device& device, const lora_tensor& q) {
  matrix(s, device, q);
  const std::string width = "heads of " + std::to_string(q.shape[2]);
  if (q.shape[2] > 256) s.missing.push_back(width + ": at most 256");
  else if (q.shape[2] != 64 && q.shape[2] != 128) s.slower.push_back(width + ": the fast kernels take 64 and 128");
}

template <class Args>
const Args& as(const void* args) { return *static_cast<const Args*>(args); }

}  // namespace

std::string Support::text() const {
  std::string all;
  for (const auto* list : {&missing, &slower}) {
    for (const std::string& line : *list) all += (all.empty() ? "" : "\n") + line;
  }
  return all;
}

Support support_of(const lora_device& device, lora_op op, const void* args) {
  Support s;
  if (op < 0 || op >= LORA_OP_COUNT || args == nullptr) invalid("supports: expected an operation of lora_op and its arguments");
  if (device.major < 8) s.missing.push_back(too_old(device.major, device.minor));
  switch (op) {
    case LORA_OP_EMBED: store(s, as<lora_embed_args>(args).out); break;
    case LORA_OP_NORM: store(s, as<lora_norm_args>(args).y); break;
    case LORA_OP_NORM_BWD: store(s, as<lora_norm_bwd_args>(args).dx); break;
    case LORA_OP_LINEAR: {
      const auto& a = as<lora_linear_args>(args);
      matrix(s, device, a.x), weight(s, a.w, a.x, a.pair);
      if (a.x.dtype == LORA_BF16 && a.y.dtype == LORA_F32) s.slower.push_back("an output in f32: the fast kernel writes bf16");
      break;
    }
    case LORA_OP_LINEAR_BWD: {
      const auto& a = as<lora_linear_bwd_args>(args);
      matrix(s, device, a.dy), weight(s, a.w, a.dy, a.pair);
      break;
    }
    case LORA_OP_ROPE_TABLE: only_f32(s, as<lora_rope_table_args>(args).cos, "cosines"); break;
    case LORA_OP_ROPE: {
      const auto& a = as<lora_rope_args>(args);
      store(s, a.q.data != nullptr ? a.q : a.k);
      break;
    }
    case LORA_OP_ATTENTION: heads(s, device, as<lora_attention_args>(args).q); break;
    case LORA_OP_ATTENTION_BWD: heads(s, device, as<lora_attention_bwd_args>(args).q); break;
    case LORA_OP_SWIGLU: store(s, as<lora_swiglu_args>(args).h); break;
    case LORA_OP_SWIGLU_BWD: store(s, as<lora_swiglu_bwd_args>(args).dh); break;
    case LORA_OP_SPLIT:
    case LORA_OP_JOIN: store(s, as<lora_columns_args>(args).whole); break;
    case LORA_OP_ROWS: store(s, as<lora_rows_args>(args).src); break;
    case LORA_OP_HEAD_LOSS: {
      const auto& a = as<lora_head_loss_args>(args);
      matrix(s, device, a.x), weight(s, a.w, a.x, a.pair);
      break;
    }
    case LORA_OP_SQNORM: only_f32(s, as<lora_sqnorm_args>(args).x, "gradients"); break;
    case LORA_OP_ADAMW: only_f32(s, as<lora_adamw_args>(args).master, "master weights"), store(s, as<lora_adamw_args>(args).work); break;
    case LORA_OP_SAMPLE: only_f32(s, as<lora_sample_args>(args).logits, "logits to sample from"); break;
    case LORA_OP_COUNT: break;
  }
  return s;
}

}  // namespace lora::cuda
