// The oracle's table: the readable templates in f64, the truth for every other backend. The same templates
// run with f32 or bf16 storage too: what plain code in those types loses is the budget of the fast code. A second
// table, "plain", keeps what lies between two products in the storage type as well: what the usual framework loses.
#include <cstring>
#include <type_traits>

#include "cpu/attention_oracle.h"
#include "cpu/backend.h"
#include "cpu/columns_oracle.h"
#include "cpu/embed_oracle.h"
#include "cpu/entry.h"
#include "cpu/head_loss_oracle.h"
#include "cpu/linear_oracle.h"
#include "cpu/norm_oracle.h"
#include "cpu/rope_oracle.h"
#include "cpu/sample_oracle.h"
#include "cpu/swiglu_oracle.h"
#include "cpu/update_oracle.h"

namespace lora::cpu {
namespace {

// Runs run(Real, Store) with the types that the leading tensor's dtype asks for.
template <class Run>
void by_store(lora_dtype store, Run&& run) {
  if (store == LORA_F64) return run(double{}, double{});
  if (store == LORA_F32) return run(float{}, float{});
  run(float{}, bf16{});
}

template <class Run>
void by_real(lora_dtype real, Run&& run) {
  if (real == LORA_F64) return run(double{});
  run(float{});
}

template <class Args, class Run>
lora_status store_op(const char* op, lora_stream* s, const Args* a, lora_tensor Args::* lead, Run&& run) {
  return run_op(op, true, s, a, [&](CpuContext&, const Args& args) {
    by_store((args.*lead).dtype, [&](auto real, auto store) { run(args, real, store); });
  });
}

template <class Args, class Run>
lora_status product_op(const char* op, lora_stream* s, const Args* a, std::int32_t count,
                       lora_tensor Args::* lead, Run&& run) {
  return run_siblings(op, true, s, a, count, [&](CpuContext&, const Args* args, std::int32_t n) {
    if (n == 0) return;
    by_store((args->*lead).dtype, [&](auto real, auto store) { run(args, n, real, store); });
  });
}

lora_status no_packing(lora_stream*, const lora_weight*, std::uint32_t, void*, std::size_t* bytes) {
  return guard([&] {
    if (bytes == nullptr)
      throw Error(Code::kInvalidArgument, "weight_pack", "expected room for the size, got null");
    *bytes = 0;
  });
}

template <bool kPlain, class Real, class Store>
using KeptIn = std::conditional_t<kPlain, Store, Real>;

template <bool kPlain>
lora_status fill_table(const char* name, lora_backend* out) {
  return guard([&] {
    if (out == nullptr)
      throw Error(Code::kInvalidArgument, name, "expected a table to fill, got null");
    *out = {};
    fill_device_functions(out);
    out->name = name;
    out->weight_pack = no_packing;
    out->embed = [](lora_stream* s, const lora_embed_args* a) {
      return store_op("embed", s, a, &lora_embed_args::out, [](auto& args, auto real, auto store) {
        embed_oracle<decltype(real), decltype(store)>(args);
      });
    };
    out->norm = [](lora_stream* s, const lora_norm_args* a) {
      return store_op("norm", s, a, &lora_norm_args::y, [](auto& args, auto real, auto store) {
        norm_oracle<decltype(real), decltype(store)>(args);
      });
    };
    out->norm_bwd = [](lora_stream* s, const lora_norm_bwd_args* a) {
      return store_op("norm_bwd", s, a, &lora_norm_bwd_args::dx, [](auto& args, auto real, auto store) {
        norm_bwd_oracle<decltype(real), decltype(store)>(args);
      });
    };
    out->linear = [](lora_stream* s, const lora_linear_args* a, std::int32_t count) {
      return product_op("linear", s, a, count, &lora_linear_args::x,
                        [](auto* args, std::int32_t n, auto real, auto store) {
                          linear_oracle<decltype(real), decltype(store), KeptIn<kPlain, decltype(real), decltype(store)>>(args, n);
                        });
    };
    out->linear_bwd = [](lora_stream* s, const lora_linear_bwd_args* a, std::int32_t count) {
      return product_op("linear_bwd", s, a, count, &lora_linear_bwd_args::dy,
                        [](auto* args, std::int32_t n, auto real, auto store) {
                          linear_bwd_oracle<decltype(real), decltype(store), KeptIn<kPlain, decltype(real), decltype(store)>>(args, n);
                        });
    };
    out->rope_table = [](lora_stream* s, const lora_rope_table_args* a) {
      return run_op("rope_table", true, s, a, [](CpuContext&, const lora_rope_table_args& args) {
        by_real(args.cos.dtype, [&](auto real) { rope_table_oracle<decltype(real)>(args); });
      });
    };
    out->rope = [](lora_stream* s, const lora_rope_args* a) {
      const auto lead = a != nullptr && a->q.data == nullptr ? &lora_rope_args::k : &lora_rope_args::q;
      return store_op("rope", s, a, lead, [](auto& args, auto real, auto store) {
        rope_oracle<decltype(real), decltype(store)>(args);
      });
    };
    out->attention = [](lora_stream* s, const lora_attention_args* a) {
      return store_op("attention", s, a, &lora_attention_args::q, [](auto& args, auto real, auto store) {
        attention_oracle<decltype(real), decltype(store), KeptIn<kPlain, decltype(real), decltype(store)>>(args);
      });
    };
    out->attention_bwd = [](lora_stream* s, const lora_attention_bwd_args* a) {
      return store_op("attention_bwd", s, a, &lora_attention_bwd_args::q,
                      [](auto& args, auto real, auto store) {
                        attention_bwd_oracle<decltype(real), decltype(store), KeptIn<kPlain, decltype(real), decltype(store)>>(args);
                      });
    };
    out->swiglu = [](lora_stream* s, const lora_swiglu_args* a) {
      return store_op("swiglu", s, a, &lora_swiglu_args::h, [](auto& args, auto real, auto store) {
        swiglu_oracle<decltype(real), decltype(store)>(args);
      });
    };
    out->swiglu_bwd = [](lora_stream* s, const lora_swiglu_bwd_args* a) {
      return store_op("swiglu_bwd", s, a, &lora_swiglu_bwd_args::dh, [](auto& args, auto real, auto store) {
        swiglu_bwd_oracle<decltype(real), decltype(store)>(args);
      });
    };
    out->split = [](lora_stream* s, const lora_columns_args* a) {
      return store_op("split", s, a, &lora_columns_args::whole,
                      [](auto& args, auto, auto store) { columns_oracle<decltype(store)>(args, true); });
    };
    out->join = [](lora_stream* s, const lora_columns_args* a) {
      return store_op("join", s, a, &lora_columns_args::whole,
                      [](auto& args, auto, auto store) { columns_oracle<decltype(store)>(args, false); });
    };
    out->rows = [](lora_stream* s, const lora_rows_args* a) {
      return store_op("rows", s, a, &lora_rows_args::src, [](auto& args, auto real, auto store) {
        rows_oracle<decltype(real), decltype(store)>(args);
      });
    };
    out->head_loss = [](lora_stream* s, const lora_head_loss_args* a) {
      return product_op("head_loss", s, a, 1, &lora_head_loss_args::x,
                        [](auto* args, std::int32_t, auto real, auto store) {
                          head_loss_oracle<decltype(real), decltype(store), KeptIn<kPlain, decltype(real), decltype(store)>>(*args);
                        });
    };
    out->sqnorm = [](lora_stream* s, const lora_sqnorm_args* a) {
      return run_op("sqnorm", true, s, a, [](CpuContext&, const lora_sqnorm_args& args) {
        by_real(args.x.dtype, [&](auto real) { sqnorm_oracle<decltype(real)>(args); });
      });
    };
    out->adamw = [](lora_stream* s, const lora_adamw_args* a) {
      return store_op("adamw", s, a, &lora_adamw_args::work, [](auto& args, auto real, auto store) {
        adamw_oracle<decltype(real), decltype(store)>(args);
      });
    };
    out->sample = [](lora_stream* s, const lora_sample_args* a) {
      return run_op("sample", true, s, a, [](CpuContext&, const lora_sample_args& args) {
        by_real(args.logits.dtype, [&](auto logit) { sample_oracle<decltype(logit)>(args); });
      });
    };
    out->supports = [](lora_device* d, lora_op op, const void* args, char* why, std::size_t size) {
      return supports(true, d, op, args, why, size);
    };
  });
}

}  // namespace

lora_status oracle_backend(lora_backend* out) { return fill_table<false>("oracle", out); }
lora_status plain_backend(lora_backend* out) { return fill_table<true>("plain", out); }

}  // namespace lora::cpu
