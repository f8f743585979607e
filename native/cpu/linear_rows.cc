// Grouping of rows by adapter, and rows of activations read, packed and written.
#include "cpu/linear_rows.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "abi/philox.h"

namespace lora::cpu {

Groups groups_of(Workspace& workspace, const lora_route& route, std::int64_t rows, const std::int32_t* index,
                 bool adapters) {
  Groups g{};
  g.of_row = workspace.take<std::int32_t>(rows);
  if (!adapters) {
    std::fill(g.of_row, g.of_row + rows, -1);
    return g;
  }
  g.slot = workspace.take<std::int32_t>(route.segments);
  g.runs = workspace.take<Groups::Run>(route.segments);
  std::int64_t row = 0;
  for (std::int32_t s = 0; s < route.segments; ++s) {
    const std::int64_t begin = row;
    while (row < rows && (index == nullptr ? row : index[row]) < route.begin[s + 1]) ++row;
    std::int32_t group = -1;
    if (row > begin && route.slot[s] >= 0) {
      const std::int32_t* at = std::find(g.slot, g.slot + g.count, route.slot[s]);
      group = static_cast<std::int32_t>(at - g.slot);
      if (group == g.count) g.slot[g.count++] = route.slot[s];
      const bool goes_on = g.run_count > 0 && g.runs[g.run_count - 1].group == group &&
                           g.runs[g.run_count - 1].end == begin;
      if (goes_on) g.runs[g.run_count - 1].end = row;
      else g.runs[g.run_count++] = {group, begin, row};
    }
    std::fill(g.of_row + begin, g.of_row + row, group);
  }
  if (row != rows) {
    throw Error(Code::kInvalidArgument, "route", "expected segments that cover all " + std::to_string(rows) +
                                                     " rows, got " + std::to_string(row) + " rows covered");
  }
  return g;
}

Rows rows_of(Workspace& workspace, const Kernels& kernels, const Groups& groups, std::int64_t begin,
             std::int64_t count) {
  Rows r{};
  r.count = count;
  r.tiles = (count + kernels.tile_rows - 1) / kernels.tile_rows;
  std::int64_t changes = 0;
  for (std::int64_t i = 1; i < count; ++i) changes += groups.of_row[begin + i] != groups.of_row[begin + i - 1];
  std::int32_t* tile_piece = workspace.take<std::int32_t>(r.tiles + 1);
  Piece* pieces = workspace.take<Piece>(r.tiles + changes);
  std::int32_t n = 0;
  for (std::int64_t tile = 0; tile < r.tiles; ++tile) {
    tile_piece[tile] = n;
    const std::int64_t first = tile * kernels.tile_rows, last = std::min(first + kernels.tile_rows, count);
    for (std::int64_t i = first; i < last; ++i) {
      const std::int32_t group = groups.of_row[begin + i];
      if (i == first || group != pieces[n - 1].group) pieces[n++] = {static_cast<std::int32_t>(i - first), 0, group};
      ++pieces[n - 1].rows;
    }
  }
  tile_piece[r.tiles] = n;
  r.tile_piece = tile_piece;
  r.pieces = pieces;
  return r;
}

Source source_of(const lora_tensor& t, const char* where, const std::int32_t* index) {
  if (t.dtype != LORA_F32 && t.dtype != LORA_BF16) {
    throw Error(Code::kUnsupported, where,
                std::string("expected activations of f32 or bf16, got ") + name_of(t.dtype));
  }
  return {t.data, t.dtype, t.shape[1], index};
}

void pack_tile(const Kernels& kernels, const Source& source, std::int64_t first, int rows, std::int64_t from,
               std::int64_t count, float* out) {
  const void* at[kMostTileRows];
  for (int i = 0; i < rows; ++i) {
    at[i] = static_cast<const char*>(source.data) +
            (source.row(first + i) * source.columns + from) * static_cast<std::int64_t>(size_of(source.type));
  }
  if (source.type == LORA_F32) {
    kernels.pack_f32(reinterpret_cast<const float* const*>(at), rows, count, out, kernels.tile_rows);
  } else {
    kernels.pack_bf16(reinterpret_cast<const bf16* const*>(at), rows, count, out, kernels.tile_rows);
  }
}

void write_row(const Kernels& kernels, const float* from, std::int64_t count, const lora_tensor& to, std::int64_t row) {
  if (to.data == nullptr) return;
  if (to.dtype == LORA_F32) {
    std::copy(from, from + count, static_cast<float*>(to.data) + row * count);
  } else {
    kernels.narrow(from, count, static_cast<bf16*>(to.data) + row * count);
  }
}

void read_row(const Kernels& kernels, const Source& source, std::int64_t row, std::int64_t from, std::int64_t count,
              float* out) {
  const std::int64_t at = source.row(row) * source.columns + from;
  if (source.type == LORA_F32) {
    std::memcpy(out, static_cast<const float*>(source.data) + at, sizeof(float) * count);
  } else {
    kernels.widen(static_cast<const bf16*>(source.data) + at, count, out);
  }
}

Drop Dropout::of(std::int64_t row, std::int32_t group) const {
  const std::int32_t slot = groups->slot[group];
  const float p = pair->drop[slot];
  const std::int64_t t = index == nullptr ? row : index[row];
  const std::uint32_t threshold = lora_drop_threshold(p);
  return {pair->streams.seed[slot], static_cast<std::uint32_t>(route->row_dev[t]), pair->site,
          pair->streams.tick[slot], threshold, static_cast<float>(lora_drop_keep(threshold))};
}

}  // namespace lora::cpu
