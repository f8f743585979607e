// Batches from outside are not trusted: everything that an operation indexes with is checked here.
#include "engine/batch.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "model/rope.h"

namespace lora {

namespace {

void expect_length(const char* name, std::size_t length, std::size_t expected) {
  if (length == expected) {
    return;
  }
  throw invalid_argument(name, text("as many entries as tokens (", expected, ")"), text(length));
}

void check_sequences(const BatchCommand& c, const Limits& limits) {
  const auto tokens = static_cast<std::int32_t>(c.tokens.size());
  if (c.seq_begin.size() < 2 || c.seq_begin.front() != 0 || c.seq_begin.back() != tokens) {
    throw invalid_argument(
        "seqBegin", text("sequence starts from 0 with the number of tokens (", tokens, ") at the end"),
        c.seq_begin.empty() ? "nothing" : text(c.seq_begin.front(), " to ", c.seq_begin.back()));
  }
  const auto sequences = static_cast<std::int64_t>(c.seq_begin.size()) - 1;
  if (sequences > limits.sequences) {
    throw invalid_argument("batch", text("at most maxSequences (", limits.sequences, ") sequences"),
                           text(sequences));
  }
  for (std::size_t q = 0; q + 1 < c.seq_begin.size(); ++q) {
    if (c.seq_begin[q + 1] > c.seq_begin[q]) {
      continue;
    }
    throw invalid_argument("seqBegin", "starts that grow (no empty sequence)",
                           text(c.seq_begin[q], " then ", c.seq_begin[q + 1], " at sequence ", q));
  }
}

double weight_at(const Numbers& weights, std::size_t i) {
  return std::visit([i](const auto& w) { return double(w[i]); }, weights);
}

}  // namespace

void check_batch(const BatchCommand& c, const BatchContext& context) {
  const std::size_t tokens = c.tokens.size();
  if (tokens == 0 || static_cast<std::int64_t>(tokens) > context.limits.tokens) {
    throw invalid_argument("batch", text("1 to maxTokens (", context.limits.tokens, ") rows"), text(tokens));
  }
  expect_length("labels", c.labels.size(), tokens);
  expect_length("positions", c.positions.size(), tokens);
  if (c.weights) {
    expect_length("weights", count_of(*c.weights), tokens);
  }
  check_sequences(c, context.limits);
  const auto vocabulary = static_cast<std::int32_t>(context.spec.vocabulary);
  for (std::size_t t = 0; t < tokens; ++t) {
    if (c.tokens[t] < 0 || c.tokens[t] >= vocabulary) {
      throw invalid_argument("tokens", text("ids from 0 to ", vocabulary - 1),
                             text(c.tokens[t], " at row ", t));
    }
    if (c.labels[t] < -1 || c.labels[t] >= vocabulary) {
      throw invalid_argument("labels", text("ids from -1 (not scored) to ", vocabulary - 1),
                             text(c.labels[t], " at row ", t));
    }
    if (c.positions[t] < 0) {
      throw invalid_argument("positions", "positions from 0", text(c.positions[t], " at row ", t));
    }
    if (c.weights && !(weight_at(*c.weights, t) >= 0 && std::isfinite(weight_at(*c.weights, t)))) {
      throw invalid_argument("weights", "finite weights of 0 or more",
                             text(weight_at(*c.weights, t), " at row ", t));
    }
  }
  if (c.segment_begin.size() != c.segment_slot.size() + 1 || c.segment_slot.empty()) {
    throw invalid_argument("segments", "at least one, and one more start than slots",
                           text(c.segment_begin.size(), " starts and ", c.segment_slot.size(), " slots"));
  }
  if (!(c.neftune_alpha >= 0)) {
    throw invalid_argument("neftuneAlpha", "a number of 0 or more", text(c.neftune_alpha));
  }
  if (!(c.label_smoothing >= 0 && c.label_smoothing < 1)) {
    throw invalid_argument("labelSmoothing", "a number in [0, 1)", text(c.label_smoothing));
  }
}

std::size_t upload_bytes(const ModelSpec& spec, const Limits& limits, std::int64_t tokens,
                         std::int64_t sequences, std::int64_t segments) {
  const std::int64_t frequencies = spec.rope.kind == RopeKind::kDynamic ? sequences + 1 : 1;
  return static_cast<std::size_t>(64 * tokens + 32 * (sequences + 1) + 16 * (segments + 1) +
                                  16 * limits.slots + frequencies * spec.rope.rotary_width * 4 + 1024);
}

void put_common(BatchView& view, const BatchContext& context, const std::vector<std::int32_t>& ids,
                const std::vector<std::int32_t>& positions, const std::vector<std::int64_t>& lengths,
                Upload& upload) {
  const auto tokens = static_cast<std::int64_t>(ids.size());
  const auto sequences = static_cast<std::int64_t>(lengths.size());
  view.tokens = tokens;
  view.sequences = sequences;
  view.ids = upload.put(ids.data(), LORA_I32, {tokens});
  view.position = upload.put(positions.data(), LORA_I32, {tokens});

  std::map<std::int64_t, std::int32_t> variants;  // by length; all lengths that do not matter are one
  std::vector<double> frequencies;
  std::vector<std::int32_t> of_row(ids.size(), 0);
  for (std::size_t q = 0; q < lengths.size(); ++q) {
    const std::int64_t key = rope_variant(context.spec.rope, lengths[q]);
    const auto added = variants.emplace(key, static_cast<std::int32_t>(variants.size()));
    if (added.second) {
      const std::vector<double> more = rope_frequencies(context.spec.rope, key);
      frequencies.insert(frequencies.end(), more.begin(), more.end());
    }
    std::fill(of_row.begin() + view.q_begin_host[q], of_row.begin() + view.q_begin_host[q + 1],
              added.first->second);
  }
  view.inv_freq =
      upload.put(frequencies.data(), LORA_F64,
                 {static_cast<std::int64_t>(variants.size()), context.spec.rope.rotary_width / 2});
  if (variants.size() > 1) {
    view.variant = upload.put(of_row.data(), LORA_I32, {tokens});
  }

  view.q_begin = upload.put(view.q_begin_host.data(), LORA_I32, {sequences + 1});
  view.k_begin = upload.put(view.k_begin_host.data(), LORA_I32, {sequences});
  view.k_count = upload.put(view.k_count_host.data(), LORA_I32, {sequences});
  view.longest = *std::max_element(view.k_count_host.begin(), view.k_count_host.end());
  view.route.put(upload);

  for (const std::int32_t slot : view.route.slot) {
    if (slot >= 0 && std::find(view.slots.begin(), view.slots.end(), slot) == view.slots.end()) {
      view.slots.push_back(slot);
    }
  }
  const std::vector<std::uint64_t> seeds(static_cast<std::size_t>(context.limits.slots) + 1, 0);
  const std::vector<std::uint32_t> ticks(seeds.size(), 0);
  view.streams.seed =
      static_cast<const std::uint64_t*>(upload.put_bytes(seeds.data(), seeds.size() * sizeof seeds[0]));
  view.streams.tick =
      static_cast<const std::uint32_t*>(upload.put_bytes(ticks.data(), ticks.size() * sizeof ticks[0]));
}

void fill_streams(const BatchView& view, const Adapters& adapters, Upload& upload) {
  std::vector<std::uint64_t> seeds(static_cast<std::size_t>(adapters.slots()) + 1, 0);
  std::vector<std::uint32_t> ticks(seeds.size(), 0);
  for (const std::int32_t slot : view.slots) {
    const Adapters::Slot& s = adapters.at(slot);
    seeds[static_cast<std::size_t>(slot)] = s.state.seed;
    ticks[static_cast<std::size_t>(slot)] = s.state.tick + s.pending_ticks;
  }
  upload.rewrite(view.streams.seed, seeds.data(), seeds.size() * sizeof seeds[0]);
  upload.rewrite(view.streams.tick, ticks.data(), ticks.size() * sizeof ticks[0]);
}

std::size_t upload_bytes_of(const BatchCommand& c, const BatchContext& context) {
  return upload_bytes(context.spec, context.limits, static_cast<std::int64_t>(c.tokens.size()),
                      static_cast<std::int64_t>(c.seq_begin.size()) - 1,
                      static_cast<std::int64_t>(c.segment_slot.size()));
}

namespace {

// NEFTune (Jain et al. 2023): noise of size alpha / sqrt(length x width) on every embedded token that trains.
void put_noise(BatchView& view, const BatchCommand& c, const BatchContext& context, Upload& upload) {
  std::vector<float> noise(c.tokens.size(), 0);
  for (std::size_t q = 0; q + 1 < c.seq_begin.size(); ++q) {
    const double length = c.seq_begin[q + 1] - c.seq_begin[q];
    const auto size = static_cast<float>(c.neftune_alpha / std::sqrt(length * double(context.spec.width)));
    std::fill(noise.begin() + c.seq_begin[q], noise.begin() + c.seq_begin[q + 1], size);
  }
  for (std::size_t i = 0; i < view.route.slot.size(); ++i) {
    if (view.route.slot[i] < 0) {
      std::fill(noise.begin() + view.route.begin[i], noise.begin() + view.route.begin[i + 1], 0.0f);
    }
  }
  view.noise = upload.put(noise.data(), LORA_F32, {view.tokens});
}

void put_picked(BatchView& view, const BatchCommand& c, const BatchContext& context,
                const std::vector<std::int32_t>& picked, Upload& upload) {
  view.picked = static_cast<std::int64_t>(picked.size());
  view.pick_all = picked.size() == c.tokens.size();
  for (std::size_t i = 0; view.pick_all && i < picked.size(); ++i) {
    view.pick_all = picked[i] == static_cast<std::int32_t>(i);
  }
  if (!view.picked) {
    return;
  }
  std::size_t segment = 0;
  std::vector<std::int32_t> labels, rows;
  std::vector<double> weights;
  for (std::size_t i = 0; i < picked.size(); ++i) {
    const std::int32_t row = picked[i];
    if (i > 0 && row < picked[i - 1]) {
      segment = 0;
    }
    while (view.route.begin[segment + 1] <= row) {
      ++segment;
    }
    view.pick_route.add(static_cast<std::int32_t>(i) + 1, view.route.slot[segment]);
    rows.push_back(view.route.row[static_cast<std::size_t>(row)]);
    labels.push_back(c.labels[static_cast<std::size_t>(row)]);
    if (c.weights) {
      weights.push_back(weight_at(*c.weights, static_cast<std::size_t>(row)));
    }
  }
  view.pick_route.row = std::move(rows);
  view.pick_route.put(upload);
  if (!view.pick_all) {
    view.pick = upload.put(picked.data(), LORA_I32, {view.picked});
  }
  view.labels = upload.put(labels.data(), LORA_I32, {view.picked});
  if (!c.weights) {
    return;
  }
  if (context.types.real == LORA_F64) {
    view.weight = upload.put(weights.data(), LORA_F64, {view.picked});
  } else {
    const std::vector<float> narrow(weights.begin(), weights.end());
    view.weight = upload.put(narrow.data(), LORA_F32, {view.picked});
  }
}

}  // namespace

BatchView make_batch(const BatchCommand& c, const BatchContext& context, bool training,
                     const std::vector<std::int32_t>* wanted, std::vector<std::int32_t>& picked,
                     Upload& upload) {
  BatchView view;
  const auto tokens = static_cast<std::int64_t>(c.tokens.size());
  const auto sequences = static_cast<std::int64_t>(c.seq_begin.size()) - 1;
  for (std::size_t i = 0; i < c.segment_slot.size(); ++i) {
    if (c.segment_begin[i + 1] < c.segment_begin[i] || c.segment_begin[0] != 0) {
      throw invalid_argument("segments", "segments in order from row 0",
                             text("a start of ", c.segment_begin[i]));
    }
    view.route.add(c.segment_begin[i + 1], c.segment_slot[i]);
  }
  view.route.finish(tokens, context.limits.slots);
  picked.clear();
  if (wanted) {
    picked = *wanted;
  } else {
    for (std::int64_t t = 0; t < tokens; ++t) {
      if (c.labels[static_cast<std::size_t>(t)] >= 0) {
        picked.push_back(static_cast<std::int32_t>(t));
      }
    }
  }
  const std::int64_t most = std::max(tokens, static_cast<std::int64_t>(picked.size()));
  upload.begin(upload_bytes(context.spec, context.limits, most, sequences, static_cast<std::int64_t>(c.segment_slot.size())),
               kUploadArrays);

  view.q_begin_host = c.seq_begin;
  view.k_begin_host.assign(c.seq_begin.begin(), c.seq_begin.end() - 1);
  std::vector<std::int64_t> lengths;
  for (std::int64_t q = 0; q < sequences; ++q) {
    const auto from = c.positions.begin() + c.seq_begin[static_cast<std::size_t>(q)];
    const auto to = c.positions.begin() + c.seq_begin[static_cast<std::size_t>(q) + 1];
    view.k_count_host.push_back(static_cast<std::int32_t>(to - from));
    lengths.push_back(std::int64_t(*std::max_element(from, to)) + 1);
  }
  put_common(view, context, c.tokens, c.positions, lengths, upload);
  if (training && c.neftune_alpha > 0) {
    put_noise(view, c, context, upload);
  }
  if (training) {
    view.smoothing = c.label_smoothing;
  }
  put_picked(view, c, context, picked, upload);
  return view;
}

}  // namespace lora
