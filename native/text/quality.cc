// Written from the published rules and held against datatrove's answers, decision and reason, in test/lib/curate/quality.test.ts.
// Ratios are divisions of doubles in the order in which Python makes them, so that borderline texts fall on the same side.
#include "text/quality.h"

#include <algorithm>
#include <cstring>

#include "text/classes.h"
#include "text/lines.h"
#include "text/scan.h"
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

// Words between white space, and the longest one's characters. Counting ends at `enough` words where no word can be longer than
// `longest_allowed`.
void count_plain_words(std::string_view line, double enough, double longest_allowed, std::size_t& count, std::size_t& longest) {
  count = longest = 0;
  std::size_t length = 0;
  const bool is_short = static_cast<double>(line.size()) <= longest_allowed;
  const std::uint16_t* const table = class_table();
  for (std::size_t at = 0; at < line.size();) {
    if (table[next_character(line, at)] & kSpace) {
      length = 0;
      if (is_short && static_cast<double>(count) >= enough) return;
    } else {
      count += length == 0;
      longest = std::max(longest, ++length);
    }
  }
}

// Pieces between white space: each is a word or more.
std::size_t count_pieces(std::string_view text) {
  const std::uint16_t* const table = class_table();
  std::size_t count = 0;
  UnusualBytes unusual(text);
  for (std::size_t at = 0; at < text.size();) {
    if (table[next_character(text, at)] & kSpace) continue;
    ++count;
    do {
      at = unusual.next(at);
      std::size_t behind = at;
      if (at < text.size() && (table[next_character(text, behind)] & kSpace)) break;
      at = behind;
    } while (at < text.size());
  }
  return count;
}

constexpr std::string_view kLorem = "lorem ipsum", kScript = "javascript";
constexpr std::string_view kPolicies[] = {"terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies",
                                          "use cookies"};

bool has_policy(const std::string& lowered) {
  return std::any_of(std::begin(kPolicies), std::end(kPolicies), [&](std::string_view policy) { return has(lowered, policy); });
}

}  // namespace

// Words are cut when the first filter asks for them.
const std::vector<Word>& QualityFilters::words(std::string_view text) {
  if (!cut_) cutter_->cut(text, words_, false);
  cut_ = true;
  return words_;
}

QualityFilters::Duplicates QualityFilters::duplicates(const std::vector<std::string_view>& parts) {
  Duplicates out;
  if (parts.size() < 2) return out;
  places_.clear(parts.size());
  hashes_.resize(parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    hashes_[i] = xxh64(parts[i]);
    if (places_.first(hashes_[i], static_cast<std::uint32_t>(i), [&](std::uint32_t other) { return hashes_[other]; }) == i) continue;
    ++out.elements;
    out.characters += count_characters(parts[i]);
  }
  return out;
}

Reason QualityFilters::gopher_quality(std::string_view text) {
  std::size_t real = 0, letters = 0, characters = 0;
  unsigned stop_words = 0;
  for (const Word& word : words(text)) {
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

Reason QualityFilters::repeated_grams(std::string_view text) {
  const double whole = static_cast<double>(characters_);
  const auto too_many = [&](std::size_t characters, double limit) { return static_cast<double>(characters) / whole > limit; };
  // Characters that are certainly no more than the limit allows.
  const auto enough = [&](double limit) {
    std::size_t some = limit > 0 ? static_cast<std::size_t>(std::min(limit, 1e6) * whole) : 0;
    while (some > 0 && too_many(some, limit)) --some;
    return some;
  };
  grams_.take(words(text), true);
  for (std::size_t n = 2; n <= 4; ++n) {
    const double limit = limits_.top[n - 2];
    if (too_many(grams_.most_common(n, enough(limit)), limit)) return static_cast<Reason>(kTop2 + n - 2);
  }
  grams_.take(words_, false);
  for (std::size_t n = 5; n <= 10; ++n) {
    const double limit = limits_.dup[n - 5];
    if (too_many(grams_.repeated(n, enough(limit)), limit)) return static_cast<Reason>(kDup5 + n - 5);
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
  return repeated_grams(text);
}

Reason QualityFilters::c4(std::string_view text) {
  split_lines(text, parts_);
  lower(text, lowered_);
  // What is nowhere in the text is in no line, unless a citation is taken out of its middle.
  const bool any_phrase = has(lowered_, kLorem) || has(lowered_, kScript) || has_policy(lowered_);
  const bool any_bracket = text.find('{') != std::string_view::npos, any_citation = text.find('[') != std::string_view::npos;
  std::size_t sentences = 0;
  for (const std::string_view part : parts_) {
    const std::string_view line = stripped(part);
    std::string_view kept = line;
    const bool cited = any_citation && line.find('[') != std::string_view::npos;
    if (cited) kept = cited_ = without_citations(line);
    if (kept.empty() || std::strchr(".?!\"'", kept.back()) == nullptr || ends_with(kept, "...")) continue;
    std::size_t count = 0, longest = 0;
    count_plain_words(line, limits_.min_words_in_line, limits_.max_word_length, count, longest);
    if (static_cast<double>(longest) > limits_.max_word_length || static_cast<double>(count) < limits_.min_words_in_line) continue;
    const bool look = any_phrase || cited;
    if (look) lower(kept, lowered_);
    if (look && has(lowered_, kLorem)) return kC4LoremIpsum;
    if (look && has(lowered_, kScript)) continue;
    if (any_bracket && kept.find('{') != std::string_view::npos) return kC4Bracket;
    if (look && has_policy(lowered_)) continue;
    // With enough sentences the other lines can only be against the text, and those after it need no cutting.
    if (static_cast<double>(sentences) >= limits_.min_sentences) continue;
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
      brief += static_cast<double>(line.size()) <= limits_.short_line_length ||
               (static_cast<double>(line.size()) <= 4 * limits_.short_line_length &&
                static_cast<double>(count_characters(line)) <= limits_.short_line_length);
    }
    if (end == text.size()) break;
    ++new_lines;
    begin = end + 1;
  }
  if (parts_.empty()) return kWebEmpty;
  if (ratio(ended, parts_.size()) < limits_.line_punctuation) return kWebPunctuation;
  if (ratio(brief, parts_.size()) > limits_.short_lines) return kWebShortLines;
  if (ratio(duplicates(parts_).characters, characters_ - new_lines) > limits_.duplicate_characters) return kWebDuplicates;
  // There are as many words as pieces or more: where pieces suffice, words need not be cut.
  const std::size_t pieces = cut_ ? words_.size() : count_pieces(text);
  if (ratio(new_lines, pieces) > limits_.new_lines && ratio(new_lines, words(text).size()) > limits_.new_lines) return kWebList;
  return kKeep;
}

void QualityFilters::judge(std::string_view text, int which, std::uint8_t reasons[4]) {
  std::fill(reasons, reasons + 4, static_cast<std::uint8_t>(kKeep));
  characters_ = count_characters(text);
  cut_ = false;
  if (which & kGopherQuality) reasons[0] = gopher_quality(text);
  if (which & kGopherRepetition) reasons[1] = gopher_repetition(text);
  if (which & kC4) reasons[2] = c4(text);
  if (which & kFineWeb) reasons[3] = fineweb(text);
}

}  // namespace lora
