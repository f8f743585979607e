// BatchView: one packed batch as the graph sees it, on the device with host copies where the backend wants
// them. Built by the engine from a command; lives until the command ends.
#ifndef LORA_MODEL_BATCH_H
#define LORA_MODEL_BATCH_H

#include <vector>

#include "runtime/route.h"

namespace lora {

// Where the keys and values of a generating batch live: one range of rows for each sequence in every layer.
struct CacheView {
  const std::vector<Tensor>* k = nullptr;  // by layer, [S, G, E]
  const std::vector<Tensor>* v = nullptr;
  Tensor index;  // [T] i32: the cache row of each row of the batch
};

struct BatchView {
  BatchView() = default;
  BatchView(BatchView&&) = default;  // views into its own vectors survive a move, not a copy
  BatchView& operator=(BatchView&&) = default;
  BatchView(const BatchView&) = delete;

  std::int64_t tokens = 0, sequences = 0;
  Tensor ids, position;      // [T] i32
  Tensor variant, inv_freq;  // [T] i32 or absent; [variants, I] f64
  Tensor q_begin;            // [Q + 1] i32
  Tensor k_begin, k_count;   // [Q] i32
  std::vector<std::int32_t> q_begin_host, k_begin_host, k_count_host;
  std::int32_t longest = 0;
  Tensor noise;  // [T] f32 or absent: NEFTune
  Route route;
  lora_streams streams{};
  std::vector<std::int32_t> slots;  // adapters with rows in this batch, each once
  CacheView cache;                  // absent tensors while training

  // The rows that the head works on: scored ones, or those whose logits are wanted.
  std::int64_t picked = 0;
  bool pick_all = false;  // picked == tokens and in order: no gathering
  Tensor pick;            // [picked] i32
  Tensor labels, weight;  // [picked] i32; [picked] Real or absent
  Route pick_route;
  double smoothing = 0;
};

}  // namespace lora

#endif
