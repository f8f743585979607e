// Text is cut at white space; each piece between is cut once and remembered, because a few thousand pieces make up most text.
#include "text/words.h"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "text/classes.h"
#include "text/english.h"
#include "text/xxhash.h"

namespace lora {

namespace {

constexpr std::size_t kEntries = 1 << 15;
constexpr std::size_t kMostUsed = kEntries / 4 * 3;
constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15ULL | 1;

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
  word.power = 1;
  for (const char c : own) {
    word.hash = word.hash * kBase + static_cast<unsigned char>(c) + 1;
    word.power *= kBase;
  }
  return word;
}

// A quick hash of a short piece; equality is checked.
std::uint64_t piece_hash(const char* at, std::size_t length) {
  std::uint64_t hash = length * kBase;
  while (length >= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    hash = (hash ^ word) * 0xff51afd7ed558ccdULL;
    hash ^= hash >> 32;
    at += 8;
    length -= 8;
  }
  std::uint64_t rest = 0;
  for (std::size_t i = 0; i < length; ++i) rest = (rest << 8) | static_cast<unsigned char>(at[i]);
  hash = (hash ^ rest) * 0xff51afd7ed558ccdULL;
  return hash ^ (hash >> 29);
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

WordCutter::WordCutter() : entries_(kEntries) { class_table(); }

void WordCutter::forget() {
  std::fill(entries_.begin(), entries_.end(), Entry{});
  pieces_.clear();
  used_ = 0;
}

void WordCutter::add_piece(std::string_view text, std::uint32_t at, std::vector<Word>& words) {
  const bool keep = text.size() <= kLongestKept;
  const std::uint64_t hash = keep ? piece_hash(text.data(), text.size()) : 0;
  std::size_t slot = hash % kEntries;
  if (keep) {
    for (; entries_[slot].count != 0; slot = (slot + 1) % kEntries) {
      const Entry& entry = entries_[slot];
      if (entry.hash != hash || entry.key_length != text.size() || std::memcmp(entry.key, text.data(), text.size()) != 0) continue;
      words.push_back(entry.word);
      words.back().begin += at;
      for (std::uint32_t i = 1; i < entry.count; ++i) {
        words.push_back(pieces_[entry.pieces + i - 1]);
        words.back().begin += at;
      }
      return;
    }
  }
  const English& rules = English::rules();
  const std::int32_t special = rules.special(text);
  lengths_.clear();
  if (special >= 0) lengths_ = rules.special_case(static_cast<std::uint32_t>(special)).lengths;
  else if (std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); })) {
    lengths_.push_back(static_cast<std::uint32_t>(text.size()));
  } else {
    rules.cut(text, true, lengths_);
  }
  cut_.clear();
  std::uint32_t begin = 0;
  for (const std::uint32_t length : lengths_) {
    cut_.push_back(describe(text, begin, length));
    begin += length;
  }
  if (keep && !cut_.empty()) {
    if (used_ == kMostUsed) {
      forget();
      slot = hash % kEntries;
    }
    Entry& entry = entries_[slot];
    entry.hash = hash;
    std::memcpy(entry.key, text.data(), text.size());
    entry.key_length = static_cast<std::uint8_t>(text.size());
    entry.count = static_cast<std::uint8_t>(cut_.size());
    entry.pieces = static_cast<std::uint32_t>(pieces_.size());
    entry.word = cut_.front();
    pieces_.insert(pieces_.end(), cut_.begin() + 1, cut_.end());
    ++used_;
  }
  for (Word word : cut_) {
    word.begin += at;
    words.push_back(word);
  }
}

void WordCutter::cut(std::string_view text, std::vector<Word>& words, bool with_white) {
  words.clear();
  const std::uint16_t* const table = class_table();
  static const WhiteBytes white_bytes;
  bool any_starts = false;
  std::size_t at = 0;
  const std::size_t n = text.size();
  bool after_word = false;
  while (at < n) {
    std::size_t begin = at;
    std::size_t white = white_at(text, at, table);
    if (white > 0) {
      // The first space behind a word belongs to it; what is left of the run is white space on its own.
      if (after_word && text[at] == ' ') begin = ++at;
      while (at < n && (white = white_at(text, at, table)) > 0) at += white;
      if (at > begin) {
        Word word;
        word.begin = static_cast<std::uint32_t>(begin);
        word.length = static_cast<std::uint32_t>(at - begin);
        word.flags = kWhite;
        words.push_back(word);
      }
      after_word = false;
      continue;
    }
    // Bytes inside a character never begin white space, so this may step by bytes.
    do {
      ++at;
      while (at < n && !white_bytes.may[static_cast<unsigned char>(text[at])]) ++at;
    } while (at < n && white_at(text, at, table) == 0);
    const std::size_t first = words.size();
    add_piece(text.substr(begin, at - begin), static_cast<std::uint32_t>(begin), words);
    for (std::size_t i = first; i < words.size(); ++i) any_starts |= words[i].starts != 0;
    after_word = true;
  }
  if (any_starts) retokenize(text, words);
  if (!with_white) {
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
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i].starts == 0) continue;
    for (const SpecialSequence& sequence : rules.sequences(words[i].starts)) {
      const std::size_t count = sequence.words.size();
      if (i + count > words.size()) continue;
      std::size_t same = 1;
      while (same < count && own(words[i + same]) == sequence.words[same]) ++same;
      if (same == count) spans_.push_back({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i + count), sequence.special});
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
