// Texts are copied before a call returns. Typed arrays are not: signatures of a million rows are half a gigabyte. Their memory
// is held until the promise settles, and lib/curate, which alone passes them, neither moves them nor hands them to a worker.
#include "addon/text_calls.h"

#include <string>
#include <vector>

#include "addon/convert.h"
#include "addon/session_wrap.h"
#include "addon/state.h"
#include "text/minhash.h"
#include "text/near.h"
#include "text/quality.h"
#include "text/xxhash.h"

namespace lora {

namespace {

using Work = std::function<Make(const CancelToken&)>;

// Runs `work` on a new thread. A ticket makes it cancellable by cancelOpen.
Napi::Value posted(Napi::Env env, std::uint32_t ticket, Kept kept, Work work) {
  State& state = State::of(env);
  const Settler::Opened opened = state.settler->open(env, std::move(kept));
  const std::shared_ptr<EngineThread> thread = state.start(nullptr);
  if (ticket != 0) {
    state.opening[ticket] = thread;
  }
  EngineThread* end = thread.get();  // the state keeps it until it has ended
  EngineThread::Command command;
  command.ticket = ticket;
  command.run = [settler = state.settler, id = opened.id, work = std::move(work), end](const CancelToken& cancel) {
    Make make = work(cancel);
    end->stop();
    settler->resolve(id, std::move(make));
  };
  command.fail = [settler = state.settler, id = opened.id, end](const Failure& failure) {
    end->stop();
    settler->reject(id, failure);
  };
  thread->post(std::move(command));
  return opened.promise;
}

std::vector<std::string> to_texts(const Napi::Value& value) {
  if (!value.IsArray()) {
    throw invalid_argument("texts", "an array of strings", "something else");
  }
  const Napi::Array list = value.As<Napi::Array>();
  std::vector<std::string> out;
  out.reserve(list.Length());
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    Napi::HandleScope scope(value.Env());
    out.push_back(to_word(list.Get(i), "texts"));
  }
  return out;
}

// A typed array in place: its memory is used while the promise is pending.
template <class Item>
Item* to_place(const Napi::Value& value, napi_typedarray_type type, std::size_t expected, const char* name) {
  napi_typedarray_type found = napi_int8_array;
  std::size_t length = 0;
  void* data = nullptr;
  if (!value.IsTypedArray() || napi_get_typedarray_info(value.Env(), value, &found, &length, &data, nullptr, nullptr) != napi_ok ||
      found != type) {
    throw invalid_argument(name, "a typed array of the right type", "something else");
  }
  if (length < expected) {
    throw invalid_argument(name, text("at least ", expected, " elements"), text(length));
  }
  return static_cast<Item*>(data);
}

std::size_t to_count(const Napi::Value& value, const char* name, std::int64_t most) {
  const std::int64_t count = to_integer(value, name);
  if (count < 0 || count > most) {
    throw invalid_argument(name, text("an integer from 0 to ", most), text(count));
  }
  return static_cast<std::size_t>(count);
}

MinHashOptions to_minhash_options(const Napi::Value& value) {
  const Fields fields(value, "options");
  MinHashOptions out;
  out.words = fields.boolean("words");
  out.simplified = fields.boolean("simplified");
  out.whole = fields.boolean("whole");
  out.size = static_cast<int>(to_count(fields.value("size"), "options.size", 1024));
  out.bands = static_cast<int>(to_count(fields.value("bands"), "options.bands", 1024));
  out.rows = static_cast<int>(to_count(fields.value("rows"), "options.rows", 1024));
  out.seed = static_cast<std::uint32_t>(to_count(fields.value("seed"), "options.seed", 0xffffffffLL));
  if (out.size == 0 || out.bands == 0 || out.rows == 0) {
    throw invalid_argument("options", "size, bands and rows of at least 1", "0");
  }
  return out;
}

// textSignatures(ticket, texts, options, keys, signatures)
Napi::Value text_signatures(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    auto texts = std::make_shared<std::vector<std::string>>(to_texts(info[1]));
    const MinHashOptions options = to_minhash_options(info[2]);
    const std::size_t bands = static_cast<std::size_t>(options.bands), hashes = bands * static_cast<std::size_t>(options.rows);
    auto* keys = to_place<std::uint64_t>(info[3], napi_biguint64_array, texts->size() * bands, "keys");
    auto* signatures = to_place<std::uint32_t>(info[4], napi_uint32_array, texts->size() * hashes, "signatures");
    Kept kept;
    kept.push_back(keep(info[3]));
    kept.push_back(keep(info[4]));
    return posted(info.Env(), to_ticket(info[0]), std::move(kept),
                  [texts, options, bands, hashes, keys, signatures](const CancelToken& cancel) -> Make {
                    MinHash hash(options);
                    for (std::size_t i = 0; i < texts->size(); ++i) {
                      cancel.check();
                      hash.sign((*texts)[i], keys + i * bands, signatures + i * hashes);
                    }
                    return nothing();
                  });
  });
}

// joinBand(ticket, keys, signatures, rows, bands, hashes, band, threshold, parent)
Napi::Value join_band_call(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    Signatures all;
    all.rows = to_count(info[3], "rows", INT32_MAX);
    all.bands = to_count(info[4], "bands", 1024);
    all.hashes = to_count(info[5], "hashes", 1 << 20);
    all.keys = to_place<std::uint64_t>(info[1], napi_biguint64_array, all.rows * all.bands, "keys");
    all.signatures = to_place<std::uint32_t>(info[2], napi_uint32_array, all.rows * all.hashes, "signatures");
    const std::size_t band = to_count(info[6], "band", static_cast<std::int64_t>(all.bands) - 1);
    const double threshold = info[7].IsNumber() ? info[7].As<Napi::Number>().DoubleValue() : -1;
    if (!(threshold >= 0 && threshold <= 1)) {
      throw invalid_argument("threshold", "a number from 0 to 1", text(threshold));
    }
    auto* parent = to_place<std::int32_t>(info[8], napi_int32_array, all.rows, "parent");
    for (std::size_t i = 0; i < all.rows; ++i) {
      const std::int32_t up = __atomic_load_n(parent + i, __ATOMIC_RELAXED);
      if (up < 0 || static_cast<std::size_t>(up) > i) {
        throw invalid_argument("parent", "rows at or before each row", text(up, " at row ", i));
      }
    }
    Kept kept;
    for (const int at : {1, 2, 8}) {
      kept.push_back(keep(info[static_cast<std::size_t>(at)]));
    }
    return posted(info.Env(), to_ticket(info[0]), std::move(kept), [all, band, threshold, parent](const CancelToken& cancel) -> Make {
      const Joined joined = join_band(all, band, threshold, parent, [&] { return !cancel.cancelled(); });
      cancel.check();
      return [joined](Napi::Env env, Kept&) -> Napi::Value {
        Napi::Object out = Napi::Object::New(env);
        out.Set("candidates", double(joined.candidates));
        out.Set("joined", double(joined.joined));
        return out;
      };
    });
  });
}

QualityLimits to_quality_limits(const Napi::Value& value) {
  const Fields fields(value, "limits");
  QualityLimits out;
  const std::pair<const char*, double*> numbers[] = {
      {"minWords", &out.min_words}, {"maxWords", &out.max_words}, {"minAverage", &out.min_average},
      {"maxAverage", &out.max_average}, {"maxSymbols", &out.max_symbols}, {"maxBullets", &out.max_bullets},
      {"maxEllipsis", &out.max_ellipsis}, {"minAlpha", &out.min_alpha}, {"minStopWords", &out.min_stop_words},
      {"dupLines", &out.dup_lines}, {"dupParagraphs", &out.dup_paragraphs}, {"dupLineCharacters", &out.dup_line_characters},
      {"dupParagraphCharacters", &out.dup_paragraph_characters}, {"top2", &out.top[0]}, {"top3", &out.top[1]},
      {"top4", &out.top[2]}, {"dup5", &out.dup[0]}, {"dup6", &out.dup[1]}, {"dup7", &out.dup[2]}, {"dup8", &out.dup[3]},
      {"dup9", &out.dup[4]}, {"dup10", &out.dup[5]}, {"minSentences", &out.min_sentences},
      {"minWordsInLine", &out.min_words_in_line}, {"maxWordLength", &out.max_word_length},
      {"linePunctuation", &out.line_punctuation}, {"shortLines", &out.short_lines},
      {"shortLineLength", &out.short_line_length}, {"duplicateCharacters", &out.duplicate_characters},
      {"newLines", &out.new_lines}};
  for (const auto& [name, place] : numbers) {
    if (fields.has(name)) {
      *place = fields.number(name);
    }
  }
  return out;
}

// textFilters(ticket, texts, which, limits, out): four reasons a text
Napi::Value text_filters(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    auto texts = std::make_shared<std::vector<std::string>>(to_texts(info[1]));
    const int which = static_cast<int>(to_count(info[2], "which", 15));
    const QualityLimits limits = to_quality_limits(info[3]);
    auto* out = to_place<std::uint8_t>(info[4], napi_uint8_array, texts->size() * 4, "out");
    Kept kept;
    kept.push_back(keep(info[4]));
    return posted(info.Env(), to_ticket(info[0]), std::move(kept), [texts, which, limits, out](const CancelToken& cancel) -> Make {
      QualityFilters filters(limits);
      for (std::size_t i = 0; i < texts->size(); ++i) {
        cancel.check();
        filters.judge((*texts)[i], which, out + 4 * i);
      }
      return nothing();
    });
  });
}

// textHashes(texts, out): two words of 64 bits a text
Napi::Value text_hashes(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    auto texts = std::make_shared<std::vector<std::string>>(to_texts(info[0]));
    auto* out = to_place<std::uint64_t>(info[1], napi_biguint64_array, texts->size() * 2, "out");
    Kept kept;
    kept.push_back(keep(info[1]));
    return posted(info.Env(), 0, std::move(kept), [texts, out](const CancelToken&) -> Make {
      for (std::size_t i = 0; i < texts->size(); ++i) {
        out[2 * i] = xxh64((*texts)[i], 0);
        out[2 * i + 1] = xxh64((*texts)[i], 0x9E3779B97F4A7C15ULL);
      }
      return nothing();
    });
  });
}

}  // namespace

void export_text(Napi::Env env, Napi::Object exports) {
  exports.Set("textSignatures", Napi::Function::New(env, text_signatures, "textSignatures"));
  exports.Set("joinBand", Napi::Function::New(env, join_band_call, "joinBand"));
  exports.Set("textFilters", Napi::Function::New(env, text_filters, "textFilters"));
  exports.Set("textHashes", Napi::Function::New(env, text_hashes, "textHashes"));
}

}  // namespace lora
