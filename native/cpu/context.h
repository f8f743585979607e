// What every CPU operation is handed: the threads, the instruction set, and scratch memory. One per device.
#ifndef LORA_CPU_CONTEXT_H
#define LORA_CPU_CONTEXT_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "abi/backend.h"
#include "base/parallel.h"
#include "cpu/isa.h"

namespace lora::cpu {

struct Kernels;  // kernels.h

// Scratch memory that is taken in order and given back all at once when its Scope ends. Grows when it must: what
// was taken stays where it is, and the pieces become one when nothing is taken. Not for use from several threads:
// take before the parallel loop.
class Workspace {
 public:
  Workspace() = default;
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  class Scope {
   public:
    explicit Scope(Workspace& w) : workspace_(w), block_(w.block_), used_(w.used_), total_(w.total_) {}
    ~Scope() { workspace_.rewind(block_, used_, total_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Workspace& workspace_;
    std::size_t block_, used_, total_;
  };

  // `count` elements, 64-byte aligned, with what was there before in them.
  template <class T>
  T* take(std::int64_t count) {
    return static_cast<T*>(take_bytes(static_cast<std::size_t>(count) * sizeof(T)));
  }

  void* take_bytes(std::size_t bytes);
  void reserve(std::size_t bytes);  // while nothing is taken
  std::size_t bytes() const;

 private:
  struct Block {
    void* data;
    std::size_t bytes;
  };

  void rewind(std::size_t block, std::size_t used, std::size_t total);
  void add_block(std::size_t bytes);

  std::vector<Block> blocks_;
  std::size_t block_ = 0, used_ = 0;  // the block being cut, and how far
  std::size_t total_ = 0, most_ = 0;  // taken now, and at most so far
};

// Scratch that a device opened with these limits reserves; operations on batches within them rarely need more.
std::size_t workspace_needs(const lora_limits& limits);

struct CpuContext {
  ThreadPool pool;
  const Isa isa;
  const Kernels& kernels;  // of that isa
  Workspace workspace;

  // limits.threads 0: one thread per core. Reserves scratch for the sizes that limits names.
  explicit CpuContext(const lora_limits& limits, Isa isa = pick_isa());
};

}  // namespace lora::cpu
#endif
