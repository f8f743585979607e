// Checks segments once per batch, so that no operation has to.
#include "runtime/route.h"

namespace lora {

void Route::add(std::int32_t end, std::int32_t of_slot) {
  if (end == begin.back()) {
    return;
  }
  if (!slot.empty() && slot.back() == of_slot) {
    begin.back() = end;
    return;
  }
  begin.push_back(end);
  slot.push_back(of_slot);
}

void Route::finish(std::int64_t tokens, std::int64_t slots) {
  if (begin.front() != 0 || begin.back() != tokens) {
    throw invalid_argument("segments", text("segments that cover rows 0 to ", tokens),
                           text("segments from ", begin.front(), " to ", begin.back()));
  }
  row.assign(static_cast<std::size_t>(tokens), 0);
  std::vector<std::int32_t> next(static_cast<std::size_t>(slots) + 1, 0);
  for (std::size_t i = 0; i < slot.size(); ++i) {
    if (slot[i] < -1 || slot[i] >= slots) {
      throw invalid_argument("segments", text("slots from -1 to ", slots - 1), text("slot ", slot[i]));
    }
    if (begin[i + 1] < begin[i]) {
      throw invalid_argument("segments", "segment ends that do not go back",
                             text(begin[i + 1], " after ", begin[i]));
    }
    std::int32_t& counter = next[static_cast<std::size_t>(slot[i] < 0 ? slots : slot[i])];
    for (std::int32_t t = begin[i]; t < begin[i + 1]; ++t) {
      row[static_cast<std::size_t>(t)] = counter++;
    }
  }
}

void Route::put(Upload& upload) {
  const auto segments = static_cast<std::int64_t>(slot.size());
  view.begin = begin.data();
  view.slot = slot.data();
  view.segments = static_cast<std::int32_t>(segments);
  view.begin_dev = static_cast<const std::int32_t*>(upload.put(begin.data(), LORA_I32, {segments + 1}).data);
  view.slot_dev = static_cast<const std::int32_t*>(upload.put(slot.data(), LORA_I32, {segments}).data);
  view.row_dev = static_cast<const std::int32_t*>(
      upload.put(row.data(), LORA_I32, {static_cast<std::int64_t>(row.size())}).data);
}

}  // namespace lora
