// Written from the published rules and held against datatrove's answers, decision and reason, in test/lib/curate/quality.test.ts.
// Ratios are divisions of doubles in the order in which Python makes them, so that borderline texts fall on the same side.
#include "text/quality.h"

#include <algorithm>
#include <cstring>

#include "text/classes.h"
#include "text/lines.h"
#include "text/xxhash.h"

namespace lora {

namespace {

double ratio(std::size_t part, std::size_t whole) { return static_cast<double>(part) / static_cast<double>(whole); }

constexpr std::string_view kBullet = "\xE2\x80\xA2", kEllipsis = "\xE2\x80\xA6";

bool has(const std::string& text, std::string_view part) {
  return memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
}

// Lower case of what can matter to a search for ASCII letters: A to Z and the Kelvin sign.
void lower(std::string_view text, std::string& out) {
  out.assign(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  for (std::size_t at = out.find("\xE2\x84\xAA"); at != std::string::npos; at = out.find("\xE2\x84\xAA", at)) out.replace(at, 3, "k");
}

// Marks of citations as encyclopedias have them: [12], [edit], [citation needed].
std::string without_citations(std::string_view line) {
  std::string out;
  for (std::size_t at = 0; at < line.size();) {
    if (line[at] == '[') {
      const std::string_view rest = line.substr(at);
      std::size_t end = 1;
      while (end < rest.size()) {
        std::size_t behind = end;
        if (!(class_table()[next_character(rest, behind)] & kDigit)) break;
        end = behind;
      }
      std::size_t length = end < rest.size() && rest[end] == ']' ? end + 1 : 0;
      if (starts_with(rest, "[edit]")) length = 6;
      if (starts_with(rest, "[citation needed]")) length = 17;
      if (length > 0) {
        at += length;
        continue;
      }
    }
    out.push_back(line[at++]);
  }
  return out;
}

// Words between white space: how many, and the longest one's characters.
void count_plain_words(std::string_view line, std::size_t& count, std::size_t& longest) {
  count = longest = 0;
  std::size_t length = 0;
  const std::uint16_t* const table = class_table();
  for (std::size_t at = 0; at < line.size();) {
    if (table[next_character(line, at)] & kSpace) {
      length = 0;
    } else {
      count += length == 0;
      longest = std::max(longest, ++length);
    }
  }
}

}  // namespace

void QualityFilters::new_table(std::size_t items) {
  std::size_t size = 64;
  while (size < items * 2) size *= 2;
  if (table_.size() < size) {
    table_.assign(size, Slot{});
    epoch_ = 0;
  }
  mask_ = size - 1;
  if (++epoch_ == 0) {
    std::fill(table_.begin(), table_.end(), Slot{});
    epoch_ = 1;
  }
}

// The slot of this hash in the table of now; its epoch is another one when the hash is new.
QualityFilters::Slot& QualityFilters::find(std::uint64_t hash) {
  std::size_t at = (hash ^ (hash >> 31)) & mask_;
  while (table_[at].epoch == epoch_ && table_[at].hash != hash) at = (at + 1) & mask_;
  return table_[at];
}

QualityFilters::Duplicates QualityFilters::duplicates(const std::vector<std::string_view>& parts) {
  Duplicates out;
  if (parts.size() < 2) return out;
  new_table(parts.size());
  for (const std::string_view part : parts) {
    const std::uint64_t hash = xxh64(part);
    Slot& slot = find(hash);
    if (slot.epoch == epoch_) {
      ++out.elements;
      out.characters += count_characters(part);
    } else {
      slot = {hash, epoch_, 1};
    }
  }
  return out;
}

Reason QualityFilters::gopher_quality(std::string_view text) {
  std::size_t real = 0, letters = 0, characters = 0;
  unsigned stop_words = 0;
  for (const Word& word : words_) {
    if (!(word.flags & kAllSymbols)) {
      ++real;
      characters += word.characters;
    }
    letters += (word.flags & kHasLetter) != 0;
    if (word.stop) stop_words |= 1u << word.stop;
  }
  const std::size_t count = words_.size();
  if (static_cast<double>(real) < limits_.min_words) return kGopherShort;
  if (static_cast<double>(real) > limits_.max_words) return kGopherLong;
  if (real == 0 || count == 0) return kEmpty;  // only where the limits were lowered
  const double average = ratio(characters, real);
  if (average < limits_.min_average) return kGopherBelowAverage;
  if (average > limits_.max_average) return kGopherAboveAverage;
  if (ratio(count_of(text, "#"), count) > limits_.max_symbols) return kGopherHashes;
  if (ratio(count_of(text, "...") + count_of(text, kEllipsis), count) > limits_.max_symbols) return kGopherEllipsis;
  split_lines(text, parts_);
  std::size_t bullets = 0, ellipses = 0;
  for (const std::string_view line : parts_) {
    const std::string_view left = left_stripped(line);
    bullets += starts_with(left, kBullet) || starts_with(left, "-");
    const std::string_view right = right_stripped(line);
    ellipses += ends_with(right, "...") || ends_with(right, kEllipsis);
  }
  if (ratio(bullets, parts_.size()) > limits_.max_bullets) return kGopherBullets;
  if (ratio(ellipses, parts_.size()) > limits_.max_ellipsis) return kGopherEndEllipsis;
  if (ratio(letters, count) < limits_.min_alpha) return kGopherAlpha;
  if (static_cast<double>(__builtin_popcount(stop_words)) < limits_.min_stop_words) return kGopherStopWords;
  return kKeep;
}

Reason QualityFilters::repeated_grams() {
  const std::size_t count = words_.size();
  const double whole = static_cast<double>(characters_);
  // Of the n words from each place on: a hash that knows where words end for the first three, one of the joined bytes then.
  grams_.assign(count, 0);
  lengths_.assign(count, 0);
  for (std::size_t i = 0; i < count; ++i) {
    grams_[i] = words_[i].hash;
    lengths_[i] = words_[i].characters;
  }
  for (std::size_t n = 2; n <= 4 && n <= count; ++n) {
    new_table(count);
    std::size_t most = 0;
    std::uint32_t best = 0;  // where the one that comes most often came first; of several the earliest
    first_.resize(table_.size());
    for (std::size_t i = 0; i + n <= count; ++i) {
      const Word& last = words_[i + n - 1];
      grams_[i] = (grams_[i] * last.power + last.hash) * 0xff51afd7ed558ccdULL + n;
      lengths_[i] += last.characters + 1;
      Slot& slot = find(grams_[i]);
      std::uint32_t& first = first_[static_cast<std::size_t>(&slot - table_.data())];
      if (slot.epoch != epoch_) {
        slot = {grams_[i], epoch_, 0};
        first = static_cast<std::uint32_t>(i);
      }
      if (++slot.count > most || (slot.count == most && first < best)) {
        most = slot.count;
        best = first;
      }
    }
    if (static_cast<double>(lengths_[best] * most) / whole > limits_.top[n - 2]) return static_cast<Reason>(kTop2 + n - 2);
  }
  for (std::size_t i = 0; i < count; ++i) {
    grams_[i] = words_[i].hash;
    lengths_[i] = words_[i].characters;
  }
  for (std::size_t n = 2; n <= 10 && n <= count; ++n) {
    for (std::size_t i = 0; i + n <= count; ++i) {
      const Word& last = words_[i + n - 1];
      grams_[i] = grams_[i] * last.power + last.hash;
      lengths_[i] += last.characters;
    }
    if (n < 5) continue;
    new_table(count);
    std::size_t repeated = 0;
    for (std::size_t i = 0; i + n <= count;) {
      Slot& slot = find(grams_[i]);
      if (slot.epoch == epoch_) {
        repeated += lengths_[i];
        i += n;
      } else {
        slot = {grams_[i], epoch_, 1};
        ++i;
      }
    }
    if (static_cast<double>(repeated) / whole > limits_.dup[n - 5]) return static_cast<Reason>(kDup5 + n - 5);
  }
  return kKeep;
}

Reason QualityFilters::gopher_repetition(std::string_view text) {
  if (text.empty()) return kEmpty;
  split_at_newlines(stripped(text), 2, parts_);
  Duplicates found = duplicates(parts_);
  if (ratio(found.elements, parts_.size()) > limits_.dup_paragraphs) return kDupParagraphs;
  if (ratio(found.characters, characters_) > limits_.dup_paragraph_characters) return kDupParagraphCharacters;
  split_at_newlines(text, 1, parts_);
  found = duplicates(parts_);
  if (ratio(found.elements, parts_.size()) > limits_.dup_lines) return kDupLines;
  if (ratio(found.characters, characters_) > limits_.dup_line_characters) return kDupLineCharacters;
  return repeated_grams();
}

Reason QualityFilters::c4(std::string_view text) {
  static constexpr std::string_view kPolicies[] = {"terms of use", "privacy policy", "cookie policy", "uses cookies",
                                                   "use of cookies", "use cookies"};
  split_lines(text, parts_);
  std::size_t sentences = 0;
  std::string kept, lowered;
  for (const std::string_view part : parts_) {
    const std::string_view line = stripped(part);
    std::size_t count = 0, longest = 0;
    count_plain_words(line, count, longest);
    if (static_cast<double>(longest) > limits_.max_word_length) continue;
    kept = without_citations(line);
    if (kept.empty() || std::strchr(".?!\"'", kept.back()) == nullptr || ends_with(kept, "...")) continue;
    if (static_cast<double>(count) < limits_.min_words_in_line) continue;
    lower(kept, lowered);
    if (has(lowered, "lorem ipsum")) return kC4LoremIpsum;
    if (has(lowered, "javascript")) continue;
    if (kept.find('{') != std::string::npos) return kC4Bracket;
    if (std::any_of(std::begin(kPolicies), std::end(kPolicies),
                    [&](std::string_view policy) { return has(lowered, policy); })) {
      continue;
    }
    cutter_->cut(kept, line_words_, true);
    sentences += count_sentences(line_words_);
  }
  return static_cast<double>(sentences) < limits_.min_sentences ? kC4Sentences : kKeep;
}

Reason QualityFilters::fineweb(std::string_view text) {
  const std::uint16_t* const table = class_table();
  parts_.clear();
  std::size_t new_lines = 0, ended = 0, brief = 0;
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    if (!left_stripped(line).empty()) {
      parts_.push_back(line);
      std::size_t last = line.size() - 1;
      while (last > 0 && (static_cast<unsigned char>(line[last]) & 0xC0) == 0x80) --last;
      ended += (table[next_character(line, last)] & kTerminal) != 0;
      brief += static_cast<double>(count_characters(line)) <= limits_.short_line_length;
    }
    if (end == text.size()) break;
    ++new_lines;
    begin = end + 1;
  }
  if (parts_.empty()) return kWebEmpty;
  if (ratio(ended, parts_.size()) < limits_.line_punctuation) return kWebPunctuation;
  if (ratio(brief, parts_.size()) > limits_.short_lines) return kWebShortLines;
  if (ratio(duplicates(parts_).characters, characters_ - new_lines) > limits_.duplicate_characters) return kWebDuplicates;
  if (ratio(new_lines, words_.size()) > limits_.new_lines) return kWebList;
  return kKeep;
}

void QualityFilters::judge(std::string_view text, int which, std::uint8_t reasons[4]) {
  std::fill(reasons, reasons + 4, static_cast<std::uint8_t>(kKeep));
  characters_ = count_characters(text);
  if (which & (kGopherQuality | kGopherRepetition | kFineWeb)) cutter_->cut(text, words_, false);
  if (which & kGopherQuality) reasons[0] = gopher_quality(text);
  if (which & kGopherRepetition) reasons[1] = gopher_repetition(text);
  if (which & kC4) reasons[2] = c4(text);
  if (which & kFineWeb) reasons[3] = fineweb(text);
}

}  // namespace lora
