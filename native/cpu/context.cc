// Scratch memory as a list of blocks, of which there is one again as soon as nothing is taken.
#include "cpu/context.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string>

#include "base/error.h"
#include "cpu/kernels.h"

namespace lora::cpu {
namespace {

constexpr std::size_t kAlign = 64;
constexpr std::size_t kSmallestBlock = std::size_t{1} << 20;

std::size_t aligned(std::size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

}  // namespace

Workspace::~Workspace() {
  for (const Block& b : blocks_) std::free(b.data);
}

void Workspace::add_block(std::size_t bytes) {
  blocks_.reserve(blocks_.size() + 1);
  void* data = std::aligned_alloc(kAlign, aligned(bytes));
  if (data == nullptr) {
    throw Error(Code::kOutOfMemory, "CPU workspace",
                "expected room for " + std::to_string(bytes) + " bytes of scratch memory, got none; use fewer "
                "tokens per batch");
  }
  blocks_.push_back({data, aligned(bytes)});
}

void* Workspace::take_bytes(std::size_t bytes) {
  bytes = aligned(std::max<std::size_t>(bytes, 1));
  if (total_ == 0 && !blocks_.empty() && most_ > blocks_.front().bytes) reserve(most_);
  while (block_ < blocks_.size() && used_ + bytes > blocks_[block_].bytes) {
    ++block_;
    used_ = 0;
  }
  if (block_ == blocks_.size()) add_block(std::max(bytes, kSmallestBlock));
  void* taken = static_cast<char*>(blocks_[block_].data) + used_;
  used_ += bytes;
  total_ += bytes;
  most_ = std::max(most_, total_);
  return taken;
}

void Workspace::reserve(std::size_t bytes) {
  if (total_ != 0 || (!blocks_.empty() && blocks_.front().bytes >= bytes)) return;
  for (const Block& b : blocks_) std::free(b.data);
  blocks_.clear();
  block_ = used_ = 0;
  add_block(std::max(bytes, kSmallestBlock));
}

void Workspace::rewind(std::size_t block, std::size_t used, std::size_t total) {
  block_ = block;
  used_ = used;
  total_ = total;
}

std::size_t Workspace::bytes() const {
  std::size_t sum = 0;
  for (const Block& b : blocks_) sum += b.bytes;
  return sum;
}

// Packed rows of two wide siblings and what they give, one part of the head's logits, A and B of a few adapters as
// panels. Pages that are never used
// cost nothing; what needs more, grows.
std::size_t workspace_needs(const lora_limits& limits) {
  const std::int64_t rows = std::min<std::int64_t>(std::max<std::int64_t>(limits.tokens, 0), 2048);
  const std::int64_t wide = rows * std::max<std::int64_t>(limits.widest, 0) * 4 * 3;
  const std::int64_t logits = std::min<std::int64_t>(rows * std::max<std::int64_t>(limits.vocabulary, 0) * 4, 128 << 20);
  const std::int64_t adapters = std::min<std::int64_t>(std::max<std::int64_t>(limits.slots, 0), 4) * limits.rank;
  const std::int64_t panels = adapters * (std::max(limits.vocabulary, limits.widest) + limits.widest) * 4;
  return static_cast<std::size_t>(wide + logits + panels);
}

CpuContext::CpuContext(const lora_limits& limits, Isa isa_)
    : pool(limits.threads), isa(isa_), kernels(kernels_of(isa_)) {
  if (const std::size_t bytes = workspace_needs(limits)) workspace.reserve(bytes);
}

}  // namespace lora::cpu
