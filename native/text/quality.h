// The quality filters of datatrove over one text: Gopher's quality and repetition rules, C4's and FineWeb's, each answering with
// the reason why a text goes, or kKeep.
#ifndef LORA_TEXT_QUALITY_H
#define LORA_TEXT_QUALITY_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/grams.h"
#include "text/places.h"
#include "text/words.h"

namespace lora {

// In the order of REASONS in lib/curate/quality.ts.
enum Reason : std::uint8_t {
  kKeep,
  kGopherShort, kGopherLong, kGopherBelowAverage, kGopherAboveAverage, kGopherHashes, kGopherEllipsis, kGopherBullets,
  kGopherEndEllipsis, kGopherAlpha, kGopherStopWords,
  kDupParagraphs, kDupParagraphCharacters, kDupLines, kDupLineCharacters,
  kTop2, kTop3, kTop4, kDup5, kDup6, kDup7, kDup8, kDup9, kDup10,
  kC4LoremIpsum, kC4Bracket, kC4Sentences,
  kWebEmpty, kWebPunctuation, kWebShortLines, kWebDuplicates, kWebList,
  kEmpty  // where datatrove would divide by nothing
};

// datatrove's defaults.
struct QualityLimits {
  double min_words = 50, max_words = 100000, min_average = 3, max_average = 10, max_symbols = 0.1, max_bullets = 0.9,
         max_ellipsis = 0.3, min_alpha = 0.8, min_stop_words = 2;
  double dup_lines = 0.3, dup_paragraphs = 0.3, dup_line_characters = 0.2, dup_paragraph_characters = 0.2;
  double top[3] = {0.2, 0.18, 0.16}, dup[6] = {0.15, 0.14, 0.13, 0.12, 0.11, 0.10};
  double min_sentences = 5, min_words_in_line = 3, max_word_length = 1000;
  double line_punctuation = 0.12, short_lines = 0.67, short_line_length = 30, duplicate_characters = 0.01, new_lines = 0.3;
};

enum Filter : int { kGopherQuality = 1, kGopherRepetition = 2, kC4 = 4, kFineWeb = 8 };

class QualityFilters {
 public:
  explicit QualityFilters(const QualityLimits& limits) : limits_(limits) {}

  // One reason for each of the four filters, in the order of Filter; kKeep for those not in `which`.
  void judge(std::string_view text, int which, std::uint8_t reasons[4]);

 private:
  struct Duplicates {
    std::size_t elements = 0, characters = 0;
  };

  Reason gopher_quality(std::string_view text);
  Reason gopher_repetition(std::string_view text);
  Reason c4(std::string_view text);
  Reason fineweb(std::string_view text);

  const std::vector<Word>& words(std::string_view text);
  Duplicates duplicates(const std::vector<std::string_view>& parts);
  Reason repeated_grams(std::string_view text);

  QualityLimits limits_;
  BorrowedCutter cutter_;
  std::vector<Word> words_, line_words_;
  bool cut_ = false;  // words_ are those of the text
  std::size_t characters_ = 0;
  Places places_;
  Grams grams_;
  std::vector<std::string_view> parts_;
  std::vector<std::uint64_t> hashes_;
  std::string lowered_, cited_;
};

}  // namespace lora

#endif
