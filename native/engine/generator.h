// Generation with a key/value cache: prompts are read in, then every call draws one token for each live
// sequence in one batch, each with its own adapter and settings. Used by Session only, on the engine thread.
#ifndef LORA_ENGINE_GENERATOR_H
#define LORA_ENGINE_GENERATOR_H

#include <map>
#include <vector>

#include "engine/batch.h"
#include "engine/commands.h"
#include "model/decoder.h"

namespace lora {

class Generator {
 public:
  static void measure(Arena& dry, const ModelSpec& spec, Types types, const Limits& limits);
  // Rows of logits that fit the scratch arena at once.
  static std::int64_t logit_rows(const Limits& limits);
  // Room in the scratch arena for logits and draws, beside the activations of a pass.
  struct Scratch {
    Tensor logits, narrow, token,
        logprob;  // [rows, V] Real; [rows, V] f32 (same memory when Real is f32); [rows]
  };
  static Scratch take_scratch(Arena& arena, const ModelSpec& spec, Types types, const Limits& limits,
                              std::int64_t rows);

  Generator(Arena arena, const ModelSpec& spec, Types types, const Limits& limits, const Adapters& adapters,
            const Decoder& decoder, Ops& ops, Arena& scratch, Upload& upload);

  // Reserves rows of the cache and reads all prompts but their last tokens. All or nothing.
  std::int32_t begin(const std::vector<GenerateSequence>& sequences, const CancelToken& cancel);
  // A cancelled or failed call changes nothing but the `finished` sequences; it can be made again.
  Generated next(std::int32_t handle, const std::vector<std::int32_t>& finished,
                 const std::vector<std::int32_t>* allow, const CancelToken& cancel);
  void end(std::int32_t handle);

 private:
  struct Sequence {
    GenerateSequence options;
    bool live = true;
    std::int32_t first_row = 0, rows = 0;  // its range of the cache
    std::int32_t count = 0;                // rows of it that hold keys and values
    std::int32_t pending = 0;              // the token to be read next
    std::int32_t draws = 0;
    std::vector<std::int32_t> history;  // distinct ids so far, prompt included
  };
  using Sequences = std::vector<Sequence>;
  // Rows [from, from + count) of one sequence's tokens, to be read in one batch.
  struct Piece {
    const Sequence* sequence;
    const std::int32_t* tokens;
    std::int32_t count, from;
    std::int64_t length;  // decides the rope frequencies
  };

  BatchContext context() const { return {spec_, types_, limits_}; }
  void reserve(Sequences& sequences);
  std::int32_t take_range(std::int32_t rows);
  void give_back(Sequence& sequence);
  void prefill(const Sequences& sequences, const CancelToken& cancel);
  BatchView make_view(const std::vector<Piece>& pieces, std::size_t extra_bytes, int extra_arrays);
  void put_settings(lora_sample_args& args, const std::vector<const Sequence*>& order,
                    const std::vector<std::int32_t>& allow);

  Arena arena_;
  const ModelSpec& spec_;
  Types types_;
  const Limits& limits_;
  const Adapters& adapters_;
  const Decoder& decoder_;
  Ops& ops_;
  Arena& scratch_;
  Upload& upload_;
  std::vector<Tensor> k_, v_;                      // by layer, [S, G, E]
  std::map<std::int32_t, std::int32_t> used_;      // first row -> rows, of every range that is taken
  std::map<std::int32_t, Sequences> generations_;  // by handle
  std::int32_t next_handle_ = 1;
};

}  // namespace lora

#endif
