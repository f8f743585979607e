// The ranges of classes.inc, spread out once.
#include "text/classes.h"

#include <vector>

namespace lora {

namespace {

struct Range {
  std::uint32_t first, last;
  std::uint16_t bits;
};

const Range kRanges[] = {
#include "text/classes.inc"
};

}  // namespace

const std::uint16_t* class_table() {
  static const std::vector<std::uint16_t> table = [] {
    std::vector<std::uint16_t> out(0x110000, 0);
    for (const Range& range : kRanges) {
      for (std::uint32_t code = range.first; code <= range.last; ++code) out[code] = range.bits;
    }
    return out;
  }();
  return table.data();
}

}  // namespace lora
