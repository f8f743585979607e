// Prompts are read up to their last token; that one goes through the first decoding step, so that every token
// drawn comes out of the same kind of batch and no logits wait between calls.
#include "engine/generator.h"

#include <algorithm>
#include <cmath>

namespace lora {

namespace {

constexpr std::int64_t kFewLogitRows = 64;

void layout_cache(Arena& arena, const ModelSpec& spec, Types types, const Limits& limits,
                  std::vector<Tensor>& k, std::vector<Tensor>& v) {
  if (limits.cache_tokens == 0) {
    return;
  }
  for (std::int64_t l = 0; l < spec.layers; ++l) {
    k.push_back(
        arena.take("key/value cache", types.store, {limits.cache_tokens, spec.kv_heads, spec.head_width}));
    v.push_back(
        arena.take("key/value cache", types.store, {limits.cache_tokens, spec.kv_heads, spec.head_width}));
  }
}

}  // namespace

void Generator::measure(Arena& dry, const ModelSpec& spec, Types types, const Limits& limits) {
  std::vector<Tensor> k, v;
  layout_cache(dry, spec, types, limits, k, v);
}

std::int64_t Generator::logit_rows(const Limits& limits) {
  return std::max(limits.cache_sequences, std::min(limits.tokens, kFewLogitRows));
}

Generator::Scratch Generator::take_scratch(Arena& arena, const ModelSpec& spec, Types types,
                                           const Limits& limits, std::int64_t rows) {
  (void)limits;
  Scratch out;
  out.logits = arena.take("logits", types.real, {rows, spec.vocabulary});
  out.narrow = types.real == LORA_F32 ? out.logits : arena.take("logits", LORA_F32, {rows, spec.vocabulary});
  out.token = arena.take("logits", LORA_I32, {rows});
  out.logprob = arena.take("logits", LORA_F32, {rows});
  return out;
}

Generator::Generator(Arena arena, const ModelSpec& spec, Types types, const Limits& limits,
                     const Adapters& adapters, const Decoder& decoder, Ops& ops, Arena& scratch,
                     Upload& upload)
    : arena_(std::move(arena)),
      spec_(spec),
      types_(types),
      limits_(limits),
      adapters_(adapters),
      decoder_(decoder),
      ops_(ops),
      scratch_(scratch),
      upload_(upload) {
  layout_cache(arena_, spec, types, limits, k_, v_);
}

std::int32_t Generator::take_range(std::int32_t rows) {
  std::int32_t from = 0;
  for (const auto& range : used_) {
    if (range.first - from >= rows) {
      break;
    }
    from = range.first + range.second;
  }
  if (limits_.cache_tokens - from < rows) {
    return -1;
  }
  used_[from] = rows;
  return from;
}

void Generator::give_back(Sequence& sequence) {
  if (!sequence.live) {
    return;
  }
  sequence.live = false;
  used_.erase(sequence.first_row);
}

void Generator::reserve(Sequences& sequences) {
  std::int64_t free = limits_.cache_tokens, live = static_cast<std::int64_t>(used_.size());
  for (const auto& range : used_) {
    free -= range.second;
  }
  std::int64_t asked = 0, sharing = 0;
  for (const Sequence& s : sequences) {
    asked += static_cast<std::int64_t>(s.options.prompt.size()) + s.options.max_new_tokens;
    sharing += s.options.max_new_tokens == 0;
  }
  const auto full = [&](std::int64_t needed) {
    return invalid_argument(
        "sequences",
        text("prompts and new tokens that fit the free rows of the cache (", free, " of ",
             limits_.cache_tokens, ")"),
        text(needed, " rows; open the session with more cacheTokens, or end other generations"));
  };
  if (live + static_cast<std::int64_t>(sequences.size()) > limits_.cache_sequences) {
    throw invalid_argument("sequences",
                           text("at most cacheSequences (", limits_.cache_sequences, ") at once"),
                           text(live, " live and ", sequences.size(), " new"));
  }
  if (asked + sharing > free) {
    throw full(asked + sharing);
  }
  const std::int64_t share = sharing ? (free - asked) / sharing : 0;
  std::vector<Sequence*> taken;
  for (Sequence& s : sequences) {
    const std::int64_t more = s.options.max_new_tokens ? s.options.max_new_tokens : share;
    s.rows = static_cast<std::int32_t>(static_cast<std::int64_t>(s.options.prompt.size()) + more);
    s.first_row = take_range(s.rows);
    if (s.first_row < 0) {
      for (Sequence* t : taken) {
        give_back(*t);
      }
      throw full(s.rows);
    }
    taken.push_back(&s);
  }
}

BatchView Generator::make_view(const std::vector<Piece>& pieces, std::size_t extra_bytes, int extra_arrays) {
  BatchView view;
  std::vector<std::int32_t> ids, positions, index;
  std::vector<std::int64_t> lengths;
  view.q_begin_host.push_back(0);
  for (const Piece& piece : pieces) {
    for (std::int32_t i = 0; i < piece.count; ++i) {
      ids.push_back(piece.tokens[i]);
      positions.push_back(piece.from + i);
      index.push_back(piece.sequence->first_row + piece.from + i);
    }
    const auto end = static_cast<std::int32_t>(ids.size());
    view.q_begin_host.push_back(end);
    view.k_begin_host.push_back(piece.sequence->first_row);
    view.k_count_host.push_back(piece.from + piece.count);
    lengths.push_back(piece.length);
    view.route.add(end, piece.sequence->options.slot);
  }
  const auto tokens = static_cast<std::int64_t>(ids.size());
  view.route.finish(tokens, limits_.slots);
  const auto sequences = static_cast<std::int64_t>(pieces.size());
  upload_.begin(upload_bytes(spec_, limits_, tokens, sequences, sequences) + extra_bytes,
                kUploadArrays + extra_arrays);
  put_common(view, context(), ids, positions, lengths, upload_);
  fill_streams(view, adapters_, upload_);
  view.cache.k = &k_;
  view.cache.v = &v_;
  view.cache.index = upload_.put(index.data(), LORA_I32, {tokens});
  return view;
}

void Generator::prefill(const Sequences& sequences, const CancelToken& cancel) {
  std::vector<const Sequence*> order;
  for (const Sequence& s : sequences) {
    order.push_back(&s);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const Sequence* a, const Sequence* b) { return a->options.slot < b->options.slot; });
  std::vector<Piece> pieces;
  std::int64_t rows = 0;
  const auto run = [&] {
    if (pieces.empty()) {
      return;
    }
    const std::size_t mark = scratch_.mark();
    const BatchView view = make_view(pieces, 0, 0);
    const Activations a = take_activations(scratch_, spec_, types_, limits_, limits_.slots > 0,
                                           Pass::kGenerate, view.tokens, 0);
    upload_.send(ops_.stream());
    decoder_.forward(ops_, view, Pass::kGenerate, a, cancel);
    ops_.stream().wait();
    scratch_.rewind(mark);
    pieces.clear();
    rows = 0;
  };
  for (const Sequence* s : order) {
    const auto length = static_cast<std::int64_t>(s->options.prompt.size());
    for (std::int64_t from = 0; from < length - 1;) {
      const std::int64_t count = std::min(length - 1 - from, limits_.tokens - rows);
      pieces.push_back({s, s->options.prompt.data() + from, static_cast<std::int32_t>(count),
                        static_cast<std::int32_t>(from), length});
      rows += count;
      from += count;
      if (rows == limits_.tokens) {
        run();
      }
    }
  }
  run();
}

std::int32_t Generator::begin(const std::vector<GenerateSequence>& wanted, const CancelToken& cancel) {
  if (limits_.cache_tokens == 0) {
    throw invalid_argument("cacheTokens", "a session opened with a key/value cache",
                           "0; open it with cacheTokens and cacheSequences");
  }
  if (wanted.empty()) {
    throw invalid_argument("sequences", "at least one", "none");
  }
  Sequences sequences;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const GenerateSequence& w = wanted[i];
    if (w.prompt.empty()) {
      throw invalid_argument("prompt", "at least one token", text("none for sequence ", i));
    }
    for (const std::int32_t id : w.prompt) {
      if (id >= 0 && id < spec_.vocabulary) {
        continue;
      }
      throw invalid_argument("prompt", text("ids from 0 to ", spec_.vocabulary - 1),
                             text(id, " in sequence ", i));
    }
    if (w.slot != -1) {
      adapters_.at(w.slot);
    }
    if (!(w.temperature >= 0)) {
      throw invalid_argument("temperature", "a number of 0 or more", text(w.temperature));
    }
    if (!(w.top_p > 0 && w.top_p <= 1)) {
      throw invalid_argument("topP", "a number in (0, 1]", text(w.top_p));
    }
    if (w.top_k < 0) {
      throw invalid_argument("topK", "0 (all) or more", text(w.top_k));
    }
    if (!(w.repetition_penalty > 0)) {
      throw invalid_argument("repetitionPenalty", "a positive number", text(w.repetition_penalty));
    }
    if (w.max_new_tokens < 0) {
      throw invalid_argument("maxNewTokens", "0 (an even share) or more", text(w.max_new_tokens));
    }
    Sequence s;
    s.options = w;
    s.pending = w.prompt.back();
    s.count = static_cast<std::int32_t>(w.prompt.size()) - 1;
    s.history = w.prompt;
    std::sort(s.history.begin(), s.history.end());
    s.history.erase(std::unique(s.history.begin(), s.history.end()), s.history.end());
    sequences.push_back(std::move(s));
  }
  reserve(sequences);
  const std::size_t mark = scratch_.mark();
  try {
    prefill(sequences, cancel);
  } catch (...) {
    for (Sequence& s : sequences) {
      give_back(s);
    }
    scratch_.rewind(mark);
    throw;
  }
  const std::int32_t handle = next_handle_++;
  generations_[handle] = std::move(sequences);
  return handle;
}

void Generator::end(std::int32_t handle) {
  const auto found = generations_.find(handle);
  if (found == generations_.end()) {
    return;
  }
  for (Sequence& s : found->second) {
    give_back(s);
  }
  generations_.erase(found);
}

}  // namespace lora
