// Text is cut at white space; each piece between is cut once and remembered, because a few thousand pieces make up most text.
#include "text/words.h"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "text/classes.h"
#include "text/english.h"
#include "text/scan.h"

namespace lora {

namespace {

constexpr int kEntryBits = 15;

constexpr std::string_view kStopWords[] = {"the", "be", "to", "of", "and", "that", "have", "with"};

Word describe(std::string_view text, std::uint32_t begin, std::uint32_t length) {
  Word word;
  word.begin = begin;
  word.length = length;
  const std::string_view own = text.substr(begin, length);
  const std::uint16_t* const table = class_table();
  std::uint16_t all = 0xffff, some = 0;
  for (std::size_t at = 0; at < own.size(); ++word.characters) {
    const std::uint16_t bits = table[next_character(own, at)];
    all &= bits;
    some |= bits;
  }
  word.flags = static_cast<std::uint8_t>(((some & kLetter) ? kHasLetter : 0) | ((all & kSymbol) ? kAllSymbols : 0) |
                                         ((all & kPunctuation) ? kAllPunctuation : 0) |
                                         ((word.characters == 1 && (all & kSentenceEnd)) ? kEndsSentence : 0) |
                                         ((all & kSpace) ? kWhite : 0));
  for (std::size_t i = 0; i < std::size(kStopWords); ++i) {
    if (own == kStopWords[i]) word.stop = static_cast<std::uint8_t>(i + 1);
  }
  word.starts = English::rules().group(own);
  for (std::size_t i = own.size(); i-- > 0;) word.hash = word.hash * kHashBase + static_cast<unsigned char>(own[i]) + 1;
  return word;
}

// The bytes of a short piece as two numbers. `room`: at least 16 bytes can be read.
inline void to_key(const char* at, std::size_t length, bool room, std::uint64_t key[2]) {
  if (!room) {
    char bytes[16] = {};
    std::memcpy(bytes, at, length);
    key[0] = eight_bytes(bytes);
    key[1] = eight_bytes(bytes + 8);
    return;
  }
  const auto low = [](std::uint64_t word, std::size_t bytes) { return bytes >= 8 ? word : word & ((std::uint64_t{1} << (8 * bytes)) - 1); };
  key[0] = low(eight_bytes(at), length);
  key[1] = length > 8 ? low(eight_bytes(at + 8), length - 8) : 0;
}

inline std::size_t entry_of(const std::uint64_t key[2]) {
  const std::uint64_t mixed = (key[0] ^ (key[1] * 0xff51afd7ed558ccdULL)) * 0xc4ceb9fe1a85ec53ULL;
  return static_cast<std::size_t>(((mixed ^ (mixed >> 32)) * kHashBase) >> (64 - kEntryBits));
}

// Bytes of the white space character at text[at]; 0: it is none.
inline std::size_t white_at(std::string_view text, std::size_t at, const std::uint16_t* table) {
  const unsigned char c = static_cast<unsigned char>(text[at]);
  if (c < 0x80) return (table[c] & kSpace) ? 1 : 0;
  if (c != 0xC2 && c != 0xE1 && c != 0xE2 && c != 0xE3) return 0;
  std::size_t behind = at;
  return (table[next_character(text, behind)] & kSpace) ? behind - at : 0;
}

// Bytes that can begin white space.
struct WhiteBytes {
  bool may[256] = {};
  WhiteBytes() {
    for (int c = 0; c < 256; ++c) may[c] = c < 0x80 ? (class_table()[c] & kSpace) != 0 : c == 0xC2 || (c >= 0xE1 && c <= 0xE3);
  }
};

}  // namespace

WordCutter::WordCutter() : entries_(std::size_t{1} << kEntryBits) { class_table(); }

// Adds the words of a piece, which is then remembered. A piece has two places; what is newer has the first.
void WordCutter::add_new_piece(std::string_view text, const Run& run, std::vector<Word>& words) {
  const std::string_view piece = text.substr(run.begin, run.length);
  const English& rules = English::rules();
  const std::int32_t special = rules.special(piece);
  lengths_.clear();
  if (special >= 0) {
    lengths_ = rules.special_case(static_cast<std::uint32_t>(special)).lengths;
  } else if (std::all_of(piece.begin(), piece.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); })) {
    lengths_.push_back(run.length);
  } else {
    rules.cut(piece, true, space_, lengths_);
  }
  if (words.size() < count_ + lengths_.size()) words.resize(2 * words.size() + lengths_.size());
  const std::size_t first = count_;
  std::uint32_t begin = run.begin;
  std::uint8_t any_starts = 0;
  for (const std::uint32_t length : lengths_) {
    const Word& word = words[count_] = describe(text, begin, length);
    if (word.starts != 0) {
      any_starts = 1;
      starts_.push_back(static_cast<std::uint32_t>(count_));
    }
    ++count_;
    begin += length;
  }
  if (run.place == kNotKept || lengths_.size() > kMostKept) return;
  const auto place = static_cast<std::size_t>(run.place);
  entries_[place ^ 1] = entries_[place];
  Entry& entry = entries_[place] = Entry{};
  entry.key[0] = run.key[0];
  entry.key[1] = run.key[1];
  for (std::size_t i = first; i < count_; ++i) {
    const Word& word = words[i];
    entry.words[i - first] = {word.hash, word.starts, static_cast<std::uint8_t>(word.length),
                              static_cast<std::uint8_t>(word.characters), word.flags, word.stop,
                              static_cast<std::uint8_t>(count_ - first), any_starts};
  }
}

void WordCutter::add_piece(std::string_view text, const Run& run, std::vector<Word>& words) {
  if (run.place == kNotKept) return add_new_piece(text, run, words);
  const auto place = static_cast<std::size_t>(run.place);
  for (const std::size_t slot : {place, place ^ 1}) {
    const Entry& entry = entries_[slot];
    if (entry.key[0] != run.key[0] || entry.key[1] != run.key[1]) continue;
    if (words.size() < count_ + kMostKept) words.resize(2 * words.size() + kMostKept);
    // All places are copied and some overwritten again, which is quicker than to look how many there are.
    std::uint32_t at = run.begin;
    for (std::size_t i = 0; i < kMostKept; ++i) {
      const auto& known = entry.words[i];
      words[count_ + i] = {known.hash, at, known.length, known.characters, known.starts, known.flags, known.stop};
      at += known.length;
    }
    const std::size_t first = count_;
    count_ += entry.words[0].words;
    if (entry.words[0].any_starts == 0) return;
    for (std::size_t i = first; i < count_; ++i) {
      if (words[i].starts != 0) starts_.push_back(static_cast<std::uint32_t>(i));
    }
    return;
  }
  add_new_piece(text, run, words);
}

// Fills runs_ with the next ones, and asks for their entries: those are there when add_piece comes to them. Returns where it stopped.
std::size_t WordCutter::find_runs(std::string_view text, UnusualBytes& unusual, std::size_t at) {
  const std::uint16_t* const table = class_table();
  static const WhiteBytes white_bytes;
  const auto may_be_white = [&](std::size_t i) { return white_bytes.may[static_cast<unsigned char>(text[i])]; };
  const std::size_t n = text.size();
  run_count_ = 0;
  while (at < n && run_count_ < kRunsAtOnce) {
    const std::size_t begin = at;
    Run& run = runs_[run_count_++];
    run.begin = static_cast<std::uint32_t>(begin);
    std::size_t white = white_at(text, at, table);
    if (white > 0) {
      while (at < n && (white = white_at(text, at, table)) > 0) at += white;
      run.length = static_cast<std::uint32_t>(at - begin);
      run.place = kWhiteRun;
      continue;
    }
    // Bytes inside a character never begin white space, so this may step by bytes.
    do {
      at = unusual.next(at + 1);
      while (at < n && !may_be_white(at)) at = unusual.next(at + 1);
    } while (at < n && white_at(text, at, table) == 0);
    run.length = static_cast<std::uint32_t>(at - begin);
    run.place = kNotKept;
    // Zeros at the end of a piece could not be told from those behind it.
    if (run.length <= kLongestKept && text[at - 1] != '\0') {
      to_key(text.data() + begin, run.length, begin + 16 <= n, run.key);
      const std::size_t place = entry_of(run.key);
      __builtin_prefetch(&entries_[place]);
      __builtin_prefetch(&entries_[place ^ 1]);
      run.place = static_cast<std::int32_t>(place);
    }
    // The space behind a piece belongs to it.
    if (at < n && text[at] == ' ') ++at;
  }
  return at;
}

void WordCutter::cut(std::string_view text, std::vector<Word>& words, bool with_white) {
  count_ = 0;
  starts_.clear();
  bool any_white = false;
  UnusualBytes unusual(text);
  for (std::size_t at = 0; at < text.size();) {
    at = find_runs(text, unusual, at);
    for (std::size_t i = 0; i < run_count_; ++i) {
      const Run& run = runs_[i];
      if (run.place != kWhiteRun) {
        add_piece(text, run, words);
        continue;
      }
      if (words.size() == count_) words.resize(2 * count_ + 1);
      words[count_++] = {0, run.begin, run.length, 0, 0, kWhite, 0};
      any_white = true;
    }
  }
  words.resize(count_);
  if (!starts_.empty()) retokenize(text, words);
  if (any_white && !with_white) {
    words.erase(std::remove_if(words.begin(), words.end(), [](const Word& word) { return (word.flags & kWhite) != 0; }),
                words.end());
  }
}

// spaCy looks for special cases over the words of the whole text: all places, the longest first and then the leftmost; a place
// counts as taken even when nothing comes of it because its words stand apart.
void WordCutter::retokenize(std::string_view text, std::vector<Word>& words) {
  const English& rules = English::rules();
  const auto own = [&](const Word& word) { return text.substr(word.begin, word.length); };
  spans_.clear();
  for (const std::uint32_t i : starts_) {
    if (!rules.may_follow(words[i].starts, i + 1 < words.size() ? text[words[i + 1].begin] : '\0')) continue;
    for (const SpecialSequence& sequence : rules.sequences(words[i].starts)) {
      const std::size_t count = sequence.words.size();
      if (i + count > words.size()) continue;
      std::size_t same = 1;
      while (same < count && own(words[i + same]) == sequence.words[same]) ++same;
      if (same == count) spans_.push_back({i, static_cast<std::uint32_t>(i + count), sequence.special});
    }
  }
  if (spans_.empty()) return;
  std::sort(spans_.begin(), spans_.end(), [](const Span& a, const Span& b) {
    const std::uint32_t x = a.last - a.first, y = b.last - b.first;
    return x != y ? x > y : a.first < b.first;
  });
  std::vector<char> taken(words.size(), 0);
  std::vector<Span> kept;
  for (const Span& span : spans_) {
    if (!taken[span.first] && !taken[span.last - 1]) kept.push_back(span);
    for (std::uint32_t i = span.first; i < span.last; ++i) taken[i] = 1;
  }
  std::sort(kept.begin(), kept.end(), [](const Span& a, const Span& b) { return a.first < b.first; });
  std::vector<Word> out;
  std::size_t next = 0;
  for (const Span& span : kept) {
    const SpecialCase& special = rules.special_case(span.special);
    const Word &first = words[span.first], &last = words[span.last - 1];
    if (last.begin + last.length - first.begin != special.text.size()) continue;  // its words stand apart
    out.insert(out.end(), words.begin() + static_cast<std::ptrdiff_t>(next), words.begin() + static_cast<std::ptrdiff_t>(span.first));
    std::uint32_t begin = first.begin;
    for (const std::uint32_t length : special.lengths) {
      out.push_back(describe(text, begin, length));
      begin += length;
    }
    next = span.last;
  }
  out.insert(out.end(), words.begin() + static_cast<std::ptrdiff_t>(next), words.end());
  words.swap(out);
}

namespace {

std::mutex store_lock;
std::vector<std::unique_ptr<WordCutter>>& store() {
  static std::vector<std::unique_ptr<WordCutter>> cutters;
  return cutters;
}

constexpr std::size_t kMostStored = 16;

}  // namespace

BorrowedCutter::BorrowedCutter() {
  const std::lock_guard<std::mutex> lock(store_lock);
  if (store().empty()) {
    cutter_ = std::make_unique<WordCutter>();
  } else {
    cutter_ = std::move(store().back());
    store().pop_back();
  }
}

BorrowedCutter::~BorrowedCutter() {
  const std::lock_guard<std::mutex> lock(store_lock);
  if (store().size() < kMostStored) store().push_back(std::move(cutter_));
}

std::size_t count_sentences(const std::vector<Word>& words) {
  std::size_t sentences = 1;
  bool ended = false;
  for (const Word& word : words) {
    const bool ends = (word.flags & kEndsSentence) != 0;
    if (ended && !ends && (word.flags & kAllPunctuation) == 0) {
      ++sentences;
      ended = false;
    } else if (ends) {
      ended = true;
    }
  }
  return sentences;
}

}  // namespace lora
