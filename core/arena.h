// A bump allocator: everything one forward and backward pass needs, given back all at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

namespace bitstate {

/// Hands out 64-byte aligned memory; reset() gives all of it back at once. After a reset the memory is one block as
/// large as the largest pass so far, so that equal passes never reach malloc again. Not thread-safe: a worker owns its
/// arena.
class Arena {
 public:
  /// `count` uninitialised objects of a plain type. Throws std::bad_alloc.
  template <class T>
  T* array(std::size_t count) {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
    if (count > std::numeric_limits<std::size_t>::max() / 2 / sizeof(T)) throw std::bad_alloc();
    return static_cast<T*>(allocate(count * sizeof(T)));
  }

  void reset();
  [[nodiscard]] std::size_t used_bytes() const { return used_; }
  /// What `bytes` take of it.
  [[nodiscard]] static constexpr std::size_t taken_by(std::size_t bytes) {
    return (bytes + alignment - 1) / alignment * alignment;
  }
  [[nodiscard]] std::size_t peak_bytes() const { return peak_; }

  /// Gives back what was handed out while it lived.
  class Scope {
   public:
    explicit Scope(Arena& arena)
        : arena_(arena), blocks_(arena.blocks_.size()), offset_(arena.offset_), used_(arena.used_) {}
    ~Scope() { arena_.release(blocks_, offset_, used_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Arena& arena_;
    std::size_t blocks_, offset_, used_;
  };

 private:
  static constexpr std::size_t alignment = 64;

  struct Free {
    void operator()(std::byte* p) const;
  };
  struct Block {
    std::unique_ptr<std::byte, Free> memory;
    std::size_t size = 0;
  };

  void* allocate(std::size_t bytes);
  void release(std::size_t blocks, std::size_t offset, std::size_t used);
  void add_block(std::size_t bytes);

  std::vector<Block> blocks_;
  std::size_t offset_ = 0;  // in the last block
  std::size_t used_ = 0;    // in all blocks
  std::size_t peak_ = 0;
};

}  // namespace bitstate
