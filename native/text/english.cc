// How spaCy cuts a piece: as long as something can be cut off at either end it is, unless what is left is a special case; then
// the middle is a special case, a URL, or cut at its infixes.
#include "text/english.h"

#include <string>

#include "text/xxhash.h"

namespace lora {

namespace {

struct Row {
  const char* text;
  std::uint8_t lengths[8];
  bool again;
};

const Row kRows[] = {
#include "text/english.inc"
};

constexpr std::size_t kSlots = 8192;

}  // namespace

void Outline::add(std::string_view text) {
  first_[static_cast<unsigned char>(text.front())] |= std::uint64_t{1} << text.size();
  last_[static_cast<unsigned char>(text.back())] |= std::uint64_t{1} << text.size();
}

const English& English::rules() {
  static const English rules;
  return rules;
}

English::English() : slots_(kSlots, 0) {
  for (const Row& row : kRows) {
    SpecialCase special{row.text, {}};
    for (const std::uint8_t length : row.lengths) {
      if (length > 0) special.lengths.push_back(length);
    }
    std::size_t slot = xxh64(special.text) % kSlots;
    while (slots_[slot] != 0) slot = (slot + 1) % kSlots;
    special_outline_.add(special.text);
    cases_.push_back(std::move(special));
    slots_[slot] = static_cast<std::uint32_t>(cases_.size());
  }
  CutSpace space;
  for (std::size_t i = 0; i < cases_.size(); ++i) {
    if (!kRows[i].again) continue;
    std::vector<std::uint32_t> lengths;
    cut(cases_[i].text, false, space, lengths);
    if (lengths.size() == 1 && cases_[i].lengths.size() == 1) continue;  // one word that would stay as it is
    SpecialSequence sequence;
    std::size_t at = 0;
    for (const std::uint32_t length : lengths) {
      sequence.words.push_back(cases_[i].text.substr(at, length));
      at += length;
    }
    sequence.special = static_cast<std::uint32_t>(i);
    std::uint16_t in = group(sequence.words.front());
    if (in == 0) {
      groups_.emplace_back();
      in = static_cast<std::uint16_t>(groups_.size());
      group_of_[sequence.words.front()] = in;
      group_outline_.add(sequence.words.front());
    }
    Group& group = groups_[in - 1];
    if (sequence.words.size() == 1) {
      group.alone = true;
    } else {
      const auto byte = static_cast<unsigned char>(sequence.words[1].front());
      group.seconds[byte >> 6] |= std::uint64_t{1} << (byte & 63);
    }
    group.sequences.push_back(std::move(sequence));
  }
}

std::int32_t English::special(std::string_view text) const {
  if (!special_outline_.may_have(text)) return -1;
  for (std::size_t slot = xxh64(text) % kSlots; slots_[slot] != 0; slot = (slot + 1) % kSlots) {
    if (cases_[slots_[slot] - 1].text == text) return static_cast<std::int32_t>(slots_[slot] - 1);
  }
  return -1;
}

std::uint16_t English::group(std::string_view word) const {
  if (!group_outline_.may_have(word)) return 0;
  const auto found = group_of_.find(word);
  return found == group_of_.end() ? 0 : found->second;
}

void English::cut(std::string_view text, bool with_specials, CutSpace& space, std::vector<std::uint32_t>& lengths) const {
  PieceText& piece = space.piece;
  piece.read(text);
  const auto is_special = [&](std::size_t begin, std::size_t end) {
    return with_specials && begin < end && special(piece.text(begin, end)) >= 0;
  };
  const auto add = [&](std::size_t begin, std::size_t end) {
    lengths.push_back(static_cast<std::uint32_t>(piece.bytes[end] - piece.bytes[begin]));
  };
  std::size_t begin = 0, end = piece.count;
  std::vector<std::size_t>& suffixes = space.suffixes;
  suffixes.clear();
  for (bool cutting = true; cutting && begin < end && !is_special(begin, end);) {
    const std::size_t before = prefix_length(piece, begin, end);
    if (before > 0 && is_special(begin + before, end)) {
      add(begin, begin + before);
      begin += before;
      break;
    }
    const std::size_t behind = suffix_length(piece, begin + before, end);
    if (behind > 0 && is_special(begin, end - behind)) {
      suffixes.push_back(end - behind);
      end -= behind;
      break;
    }
    if (before > 0) {
      add(begin, begin + before);
      begin += before;
    }
    if (behind > 0) {
      suffixes.push_back(end - behind);
      end -= behind;
    }
    cutting = before > 0 || behind > 0;
  }
  if (begin < end) {
    const std::int32_t index = with_specials ? special(piece.text(begin, end)) : -1;
    if (index >= 0) {
      for (const std::uint32_t length : cases_[static_cast<std::size_t>(index)].lengths) lengths.push_back(length);
    } else {
      infixes(piece, begin, end, space.inside);
      if (space.inside.empty() || is_url(piece, begin, end)) {
        add(begin, end);
      } else {
        std::size_t start = begin;
        for (const auto& [from, to] : space.inside) {
          if (from == begin) continue;
          if (from != start) add(start, from);
          add(from, to);
          start = to;
        }
        if (start < end) add(start, end);
      }
    }
  }
  for (std::size_t i = suffixes.size(); i-- > 0;) {
    const std::size_t until = i == 0 ? piece.count : suffixes[i - 1];
    add(suffixes[i], until);
  }
}

}  // namespace lora
