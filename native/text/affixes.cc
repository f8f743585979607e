// Each function is one of spaCy's regular expressions, spelled out: the alternatives in their order for prefixes and infixes,
// the leftmost start for suffixes.
#include "text/affixes.h"

#include <algorithm>
#include <cstdint>

#include "text/classes.h"

namespace lora {

namespace {

const std::string_view kUnits[] = {
#include "text/units.inc"
};

constexpr char32_t kEllipsis = 0x2026, kDash = 0x2014, kEnDash = 0x2013, kApostrophe = 0x2019, kDegree = 0xB0;

bool digit(char32_t c) { return c >= '0' && c <= '9'; }

bool is(const PieceText& piece, std::size_t at, int bits) { return (piece.classes[at] & bits) != 0; }

std::size_t dots(const PieceText& piece, std::size_t at, std::size_t end) {
  std::size_t count = 0;
  while (at + count < end && piece.characters[at + count] == '.') ++count;
  return count;
}

// Characters of the first alternative of "- – — -- --- —— ~" that stands here and has a letter behind it.
std::size_t hyphen(const PieceText& piece, std::size_t at, std::size_t end) {
  const auto& c = piece.characters;
  const auto letter = [&](std::size_t behind) { return behind < end && is(piece, behind, kAlpha); };
  if (c[at] == '~' || c[at] == kEnDash) return letter(at + 1) ? 1 : 0;
  if (c[at] != '-' && c[at] != kDash) return 0;
  const std::size_t most = c[at] == '-' ? 3 : 2;
  for (std::size_t length = 1; length <= most && at + length <= end && c[at + length - 1] == c[at]; ++length) {
    if (letter(at + length)) return length;
  }
  return 0;
}

bool url_rest(const PieceText& piece, std::size_t at, std::size_t end) {
  const auto& c = piece.characters;
  if (at < end && c[at] == ':') {
    std::size_t digits = 0;
    while (at + 1 + digits < end && is(piece, at + 1 + digits, kDigit)) ++digits;
    if (digits < 2 || digits > 5) return false;
    at += 1 + digits;
  }
  return at == end || c[at] == '/' || c[at] == '?' || c[at] == '#';
}

// A letter or digit of a host's name.
bool host_letter(char32_t c) {
  return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= 0xA1 && c <= 0xFFFF);
}

bool public_address(const PieceText& piece, std::size_t at, std::size_t end) {
  int part[4] = {0, 0, 0, 0};
  std::size_t lengths[4] = {0, 0, 0, 0};
  bool leading[4] = {false, false, false, false};
  for (int i = 0; i < 4; ++i) {
    if (i > 0 && (at >= end || piece.characters[at++] != '.')) return false;
    leading[i] = at < end && piece.characters[at] == '0';
    while (at < end && digit(piece.characters[at]) && lengths[i] < 4) {
      part[i] = part[i] * 10 + static_cast<int>(piece.characters[at++] - '0');
      ++lengths[i];
    }
    if (lengths[i] < 1 || lengths[i] > 3) return false;
  }
  if (at != end || part[0] < 1 || part[0] > 223 || leading[0] || part[3] < 1 || part[3] > 254 || leading[3]) return false;
  for (const int i : {1, 2}) {
    if (part[i] > 255 || (lengths[i] == 3 && leading[i])) return false;
  }
  const bool own = part[0] == 10 || part[0] == 127 || (part[0] == 169 && part[1] == 254 && lengths[1] == 3) ||
                   (part[0] == 192 && part[1] == 168 && lengths[1] == 3) ||
                   (part[0] == 172 && part[1] >= 16 && part[1] <= 31 && lengths[1] == 2);
  return !own;
}

bool named_host(const PieceText& piece, std::size_t at, std::size_t end) {
  const auto& c = piece.characters;
  std::size_t labels = 0;
  for (;;) {
    std::size_t stop = at;
    while (stop < end && c[stop] != '.') ++stop;
    if (stop == end) break;
    const std::size_t length = stop - at;
    if (length < 1 || length > 64 || !host_letter(c[at]) || !host_letter(c[stop - 1])) return false;
    for (std::size_t i = at; i < stop; ++i) {
      if (!host_letter(c[i]) && c[i] != '_' && c[i] != '-') return false;
    }
    ++labels;
    at = stop + 1;
  }
  if (labels == 0 || end - at < 2 || end - at > 63) return false;
  for (std::size_t i = at; i < end; ++i) {
    if (!is(piece, i, kLower)) return false;
  }
  return true;
}

bool url_host(const PieceText& piece, std::size_t begin, std::size_t end) {
  std::size_t stop = begin;
  const auto& c = piece.characters;
  while (stop < end && c[stop] != '/' && c[stop] != '?' && c[stop] != '#' && c[stop] != ':') ++stop;
  return url_rest(piece, stop, end) && (public_address(piece, begin, stop) || named_host(piece, begin, stop));
}

}  // namespace

void PieceText::read(std::string_view text) {
  const std::uint16_t* const table = class_table();
  whole = text;
  count = 0;
  if (bytes.size() <= text.size()) {
    characters.resize(text.size());
    classes.resize(text.size());
    bytes.resize(text.size() + 1);
  }
  for (std::size_t at = 0; at < text.size(); ++count) {
    bytes[count] = at;
    characters[count] = next_character(text, at);
    classes[count] = table[characters[count]];
  }
  bytes[count] = text.size();
}

std::size_t prefix_length(const PieceText& piece, std::size_t begin, std::size_t end) {
  const auto& c = piece.characters;
  if (begin >= end) return 0;
  if (is(piece, begin, kPrefix)) return 1;
  if (c[begin] == '+') return begin + 1 < end && digit(c[begin + 1]) ? 0 : 1;
  if (c[begin] == '.') {
    const std::size_t run = dots(piece, begin, end);
    return run > 1 ? run : 0;
  }
  if (c[begin] == 'U') return begin + 2 < end && c[begin + 1] == 'S' && c[begin + 2] == '$' ? 3 : 0;
  if (c[begin] == 'C' || c[begin] == 'A') return begin + 1 < end && c[begin + 1] == '$' ? 2 : 0;
  return 0;
}

std::size_t suffix_length(const PieceText& piece, std::size_t begin, std::size_t end) {
  const auto& c = piece.characters;
  if (begin >= end) return 0;
  const std::size_t n = end - begin;
  const char32_t last = c[end - 1];
  const auto back = [&](std::size_t by) { return c[end - by]; };
  std::size_t longest = is(piece, end - 1, kSuffix) ? 1 : 0;
  if (last == kEllipsis && n > 1 && back(2) == kEllipsis) longest = 2;
  if ((last == 's' || last == 'S') && n > 1 && (back(2) == '\'' || back(2) == kApostrophe)) longest = 2;
  if (last == '+' && n > 1 && digit(back(2))) longest = 1;
  if (last == '.') {
    std::size_t run = 0;
    while (run < n && back(run + 1) == '.') ++run;
    if (run > 1) return run;
    if (n > 1 && is(piece, end - 2, kBeforeDot)) longest = 1;
    if (n > 2 && is(piece, end - 2, kUpper) && is(piece, end - 3, kUpper)) longest = 1;
    if (n > 2 && back(3) == kDegree && std::u32string_view(U"FfCcKk").find(back(2)) != std::u32string_view::npos) longest = 1;
  }
  // A unit has to have a digit before it, so there is one place where it can begin.
  std::size_t from_digit = 0;
  while (from_digit < n && from_digit < 9 && !digit(back(from_digit + 1))) ++from_digit;
  if (from_digit > longest && from_digit < n && digit(back(from_digit + 1))) {
    const std::string_view tail = piece.text(end - from_digit, end);
    if (std::find(std::begin(kUnits), std::end(kUnits), tail) != std::end(kUnits)) longest = from_digit;
  }
  return longest;
}

void infixes(const PieceText& piece, std::size_t begin, std::size_t end, std::vector<std::pair<std::size_t, std::size_t>>& out) {
  out.clear();
  const auto& c = piece.characters;
  const auto before = [&](std::size_t at, int bits, bool digits) {
    return at > begin && (is(piece, at - 1, bits) || (digits && digit(c[at - 1])));
  };
  const auto behind = [&](std::size_t at, int bits) { return at + 1 < end && is(piece, at + 1, bits); };
  for (std::size_t at = begin; at < end;) {
    std::size_t length = 0;
    const char32_t x = c[at];
    if (digit(x) || (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z')) {
      ++at;
      continue;
    }
    if (x == '.') {
      const std::size_t run = dots(piece, at, end);
      if (run > 1) length = run;
      else if (before(at, kLower | kQuote, false) && behind(at, kUpper | kQuote)) length = 1;
    } else if (x == kEllipsis || is(piece, at, kIcon)) {
      length = 1;
    } else if (x < 0x80 || x == kDash || x == kEnDash) {
      if ((x == '+' || x == '-' || x == '*' || x == '^') && at > begin && digit(c[at - 1]) && at + 1 < end &&
          (digit(c[at + 1]) || c[at + 1] == '-')) {
        length = 1;
      } else if (x == ',') {
        length = before(at, kAlpha, false) && behind(at, kAlpha) ? 1 : 0;
      } else if (before(at, kAlpha, true)) {
        length = hyphen(piece, at, end);
        if (length == 0 && (x == ':' || x == '<' || x == '>' || x == '=' || x == '/')) length = behind(at, kAlpha) ? 1 : 0;
      }
    }
    if (length > 0) out.emplace_back(at, at + length);
    at += length > 0 ? length : 1;
  }
}

bool is_url(const PieceText& piece, std::size_t begin, std::size_t end) {
  const auto& c = piece.characters;
  if (piece.text(begin, end).find('.') == std::string_view::npos) return false;  // neither a name nor an address
  std::size_t starts[2] = {begin, begin};
  std::size_t scheme = begin;
  while (scheme < end && (is(piece, scheme, kWordLetter) || c[scheme] == '+' || c[scheme] == '-' || c[scheme] == '.')) ++scheme;
  if (scheme - begin >= 2 && scheme + 2 < end && c[scheme] == ':' && c[scheme + 1] == '/' && c[scheme + 2] == '/') {
    starts[1] = scheme + 3;
  }
  for (const std::size_t start : starts) {
    if (url_host(piece, start, end)) return true;
    for (std::size_t at = start + 1; at < end; ++at) {
      if (c[at] == '@' && url_host(piece, at + 1, end)) return true;
    }
  }
  return false;
}

}  // namespace lora
