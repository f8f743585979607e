// Route: which adapter each row of a batch belongs to, on the host and on the device.
#ifndef LORA_RUNTIME_ROUTE_H
#define LORA_RUNTIME_ROUTE_H

#include <vector>

#include "runtime/memory.h"

namespace lora {

struct Route {
  std::vector<std::int32_t> begin{0};  // [segments + 1]
  std::vector<std::int32_t> slot;      // [segments]
  std::vector<std::int32_t> row;       // [T]: index of each row among the rows of its own slot
  lora_route view{};

  // Adds rows [end of the last segment, end) of one slot; merges with the last segment where the slot is the
  // same.
  void add(std::int32_t end, std::int32_t of_slot);
  // Checks the segments against the batch in words, then numbers the rows of each slot.
  void finish(std::int64_t tokens, std::int64_t slots);
  std::size_t bytes() const { return (begin.size() + slot.size() + row.size()) * sizeof(std::int32_t); }
  static constexpr int kArrays = 3;
  void put(Upload& upload);
};

}  // namespace lora

#endif
