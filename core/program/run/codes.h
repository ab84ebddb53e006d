// Memory of codes: aligned to cache lines, and seen as arrays of their type.
#pragma once

#include "core/program/run/kernels.h"

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace bitstate::program {

/// For std::vector: begins at a cache line.
template <class T>
struct CacheLineAllocator {
  using value_type = T;
  static constexpr std::align_val_t alignment{64};

  CacheLineAllocator() = default;
  template <class U>
  CacheLineAllocator(const CacheLineAllocator<U>&) {}  // NOLINT(google-explicit-constructor): as allocators are

  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), alignment)); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, alignment); }
  bool operator==(const CacheLineAllocator&) const { return true; }
};

using Bytes = std::vector<std::byte, CacheLineAllocator<std::byte>>;

constexpr std::size_t bytes_of(Width width) { return static_cast<std::size_t>(width); }

/// `n` made a multiple of `of`.
constexpr std::size_t rounded_up(std::size_t n, std::size_t of) { return (n + of - 1) / of * of; }

/// Calls f with the codes as an array of their type.
template <class F>
void with_type(const Codes& x, const F& f) {
  if (x.width == Width::one) {
    f(static_cast<const std::int8_t*>(x.data));
  } else if (x.width == Width::two) {
    f(static_cast<const std::int16_t*>(x.data));
  } else {
    f(static_cast<const std::int32_t*>(x.data));
  }
}

/// As above.
template <class F>
void with_type(const MutableCodes& y, const F& f) {
  if (y.width == Width::one) {
    f(static_cast<std::int8_t*>(y.data));
  } else if (y.width == Width::two) {
    f(static_cast<std::int16_t*>(y.data));
  } else {
    f(static_cast<std::int32_t*>(y.data));
  }
}

/// From row `first` on.
inline Codes rows_from(const Codes& x, std::size_t first) {
  return {static_cast<const char*>(x.data) + first * x.stride * bytes_of(x.width), x.width, x.stride};
}
inline MutableCodes rows_from(const MutableCodes& y, std::size_t first) {
  return {static_cast<char*>(y.data) + first * y.stride * bytes_of(y.width), y.width, y.stride};
}

/// What follows on the rows from `first` on, whose results have rows of `stride` codes.
inline Rescaling rows_from(const Rescaling& then, std::size_t first, std::size_t stride) {
  Rescaling part = then;
  if (part.watch.unclamped != nullptr) part.watch.unclamped += first * stride / 8;
  return part;
}

/// y[i] = x[i]; every code fits y's type.
template <class In, class Out>
void copy_codes(const In* x, std::size_t count, Out* y) {
  for (std::size_t i = 0; i < count; ++i) y[i] = static_cast<Out>(x[i]);
}

}  // namespace bitstate::program
