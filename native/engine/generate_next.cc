// One decoding step: a row for each live sequence, sorted by adapter, through the layers and the sampler.
#include <algorithm>

#include "engine/generator.h"

namespace lora {

void Generator::put_settings(lora_sample_args& args, const std::vector<const Sequence*>& order,
                             const std::vector<std::int32_t>& allow) {
  const auto q = static_cast<std::int64_t>(order.size());
  std::vector<float> temperature, top_p, penalty;
  std::vector<std::int32_t> top_k, seed, counter, count, history;
  std::int64_t longest = 1;
  for (const Sequence* s : order) {
    if (s->options.repetition_penalty != 1) {
      longest = std::max(longest, static_cast<std::int64_t>(s->history.size()));
    }
  }
  for (const Sequence* s : order) {
    const GenerateSequence& o = s->options;
    temperature.push_back(static_cast<float>(o.temperature));
    top_p.push_back(static_cast<float>(o.top_p));
    penalty.push_back(static_cast<float>(o.repetition_penalty));
    top_k.push_back(o.top_k);
    seed.push_back(static_cast<std::int32_t>(static_cast<std::uint32_t>(o.seed)));
    seed.push_back(static_cast<std::int32_t>(static_cast<std::uint32_t>(o.seed >> 32)));
    counter.push_back(s->draws);
    const std::size_t used = o.repetition_penalty != 1 ? s->history.size() : 0;
    count.push_back(static_cast<std::int32_t>(used));
    history.insert(history.end(), s->history.begin(), s->history.begin() + static_cast<std::ptrdiff_t>(used));
    history.resize(history.size() + static_cast<std::size_t>(longest) - used, 0);
  }
  args.temperature = upload_.put(temperature.data(), LORA_F32, {q});
  args.top_p = upload_.put(top_p.data(), LORA_F32, {q});
  args.penalty = upload_.put(penalty.data(), LORA_F32, {q});
  args.top_k = upload_.put(top_k.data(), LORA_I32, {q});
  args.seed = upload_.put(seed.data(), LORA_I32, {q, 2});
  args.counter = upload_.put(counter.data(), LORA_I32, {q});
  args.history = upload_.put(history.data(), LORA_I32, {q, longest});
  args.history_count = upload_.put(count.data(), LORA_I32, {q});
  args.allow = Tensor();
  if (!allow.empty()) {
    args.allow = upload_.put(allow.data(), LORA_I32, {q, (spec_.vocabulary + 31) / 32});
  }
}

Generated Generator::next(std::int32_t handle, const std::vector<std::int32_t>& finished,
                          const std::vector<std::int32_t>* allow, const CancelToken& cancel) {
  const auto found = generations_.find(handle);
  if (found == generations_.end()) {
    throw invalid_argument("handle", "a generation that has not ended", text(handle));
  }
  Sequences& all = found->second;
  for (const std::int32_t i : finished) {
    if (i < 0 || i >= static_cast<std::int32_t>(all.size())) {
      throw invalid_argument("finished", text("sequence numbers from 0 to ", all.size() - 1), text(i));
    }
  }
  for (const std::int32_t i : finished) {
    give_back(all[static_cast<std::size_t>(i)]);
  }

  std::vector<std::size_t> live;  // sequence numbers, then sorted by slot
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].live) {
      continue;
    }
    if (all[i].count + 1 > all[i].rows) {
      throw invalid_argument(
          "finished", text("sequence ", i, ", whose ", all[i].rows, " rows of the cache are used up"),
          "it still live; list it in finished, or reserve more with maxNewTokens or cacheTokens");
    }
    if (all[i].options.slot != -1) {
      adapters_.at(all[i].options.slot);
    }
    live.push_back(i);
  }
  Generated out;
  out.tokens.assign(all.size(), -1);
  out.logprobs.assign(all.size(), 0);
  if (live.empty()) {
    return out;
  }
  const auto words = static_cast<std::size_t>((spec_.vocabulary + 31) / 32);
  if (allow && allow->size() != live.size() * words) {
    throw invalid_argument("allow", text(words, " words for each of ", live.size(), " live sequences"),
                           text(allow->size(), " words"));
  }

  std::vector<std::size_t> rank(live.size());  // position in the batch -> position among the live
  for (std::size_t i = 0; i < rank.size(); ++i) {
    rank[i] = i;
  }
  std::stable_sort(rank.begin(), rank.end(), [&](std::size_t a, std::size_t b) {
    return all[live[a]].options.slot < all[live[b]].options.slot;
  });
  std::vector<Piece> pieces;
  std::vector<const Sequence*> order;
  std::vector<std::int32_t> masks;
  std::size_t history = 1;
  for (const std::size_t r : rank) {
    const Sequence& s = all[live[r]];
    pieces.push_back({&s, &s.pending, 1, s.count, std::int64_t(s.count) + 1});
    order.push_back(&s);
    history = std::max(history, s.history.size());
    if (allow) {
      masks.insert(masks.end(), allow->begin() + static_cast<std::ptrdiff_t>(r * words),
                   allow->begin() + static_cast<std::ptrdiff_t>((r + 1) * words));
    }
  }

  const std::size_t mark = scratch_.mark();
  const auto rows = static_cast<std::int64_t>(live.size());
  std::vector<std::int32_t> tokens(live.size());
  std::vector<float> logprobs(live.size());
  try {
    BatchView view = make_view(pieces, live.size() * (history * 4 + words * 4 + 64), 12);
    view.picked = rows;
    view.pick_all = true;
    const Activations a =
        take_activations(scratch_, spec_, types_, limits_, limits_.slots > 0, Pass::kGenerate, rows, rows);
    const Scratch s = take_scratch(scratch_, spec_, types_, limits_, rows);
    lora_sample_args sample{};
    put_settings(sample, order, masks);
    upload_.send(ops_.stream());
    decoder_.forward(ops_, view, Pass::kGenerate, a, cancel);
    decoder_.logits(ops_, view, a, 0, rows, view.route.view, s.logits);
    if (types_.real == LORA_F64) {  // the oracle: sampling is defined on f32 logits
      std::vector<double> wide(static_cast<std::size_t>(s.logits.count()));
      ops_.stream().copy(wide.data(), s.logits.data, s.logits.bytes(), LORA_DEVICE_TO_HOST);
      ops_.stream().wait();
      const std::vector<float> narrow(wide.begin(), wide.end());
      ops_.stream().copy(s.narrow.data, narrow.data(), s.narrow.bytes(), LORA_HOST_TO_DEVICE);
      ops_.stream().wait();
    }
    sample.logits = s.narrow;
    sample.token = s.token;
    sample.logprob = s.logprob;
    ops_.sample(sample);
    ops_.stream().copy(tokens.data(), s.token.data, s.token.bytes(), LORA_DEVICE_TO_HOST);
    ops_.stream().copy(logprobs.data(), s.logprob.data, s.logprob.bytes(), LORA_DEVICE_TO_HOST);
    ops_.stream().wait();
  } catch (...) {
    scratch_.rewind(mark);
    throw;
  }
  scratch_.rewind(mark);
  for (std::size_t i = 0; i < rank.size(); ++i) {
    Sequence& s = all[live[rank[i]]];
    if (tokens[i] < 0 || tokens[i] >= spec_.vocabulary) {
      throw not_finite("loss", s.options.slot);
    }
    s.count += 1;
    s.draws += 1;
    s.pending = tokens[i];
    const auto at = std::lower_bound(s.history.begin(), s.history.end(), tokens[i]);
    if (at == s.history.end() || *at != tokens[i]) {
      s.history.insert(at, tokens[i]);
    }
    out.tokens[live[rank[i]]] = tokens[i];
    out.logprobs[live[rank[i]]] = logprobs[i];
  }
  return out;
}

}  // namespace lora
