#include "core/arena.h"

#include <algorithm>
#include <new>

namespace bitstate {
namespace {
constexpr std::size_t smallest_block = std::size_t{1} << 20U;
}  // namespace

void Arena::Free::operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{alignment}); }

void Arena::add_block(std::size_t bytes) {
  auto* memory = static_cast<std::byte*>(::operator new (bytes, std::align_val_t{alignment}));
  blocks_.push_back({std::unique_ptr<std::byte, Free>(memory), bytes});
  offset_ = 0;
}

void* Arena::allocate(std::size_t bytes) {
  const std::size_t size = taken_by(bytes);
  if (blocks_.empty() || offset_ + size > blocks_.back().size) {
    add_block(std::max(size, blocks_.empty() ? smallest_block : blocks_.back().size));
  }
  void* const result = blocks_.back().memory.get() + offset_;
  offset_ += size;
  used_ += size;
  peak_ = std::max(peak_, used_);
  return result;
}

void Arena::release(std::size_t blocks, std::size_t offset, std::size_t used) {
  if (blocks_.size() > std::max<std::size_t>(blocks, 1)) {
    blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(blocks, 1)), blocks_.end());
  }
  offset_ = blocks == 0 ? 0 : offset;
  used_ = used;
}

void Arena::reset() {
  offset_ = 0;
  used_ = 0;
  if (blocks_.size() > 1) {
    blocks_.clear();
    add_block(peak_);
  }
}

}  // namespace bitstate
