// Counter-based random numbers (Philox4x32-10, Salmon et al. 2011): a value is a function of seed, stream and index,
// so nothing depends on the order or the thread in which values are drawn.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace bitstate {

/// Four 32-bit words for (seed, stream, index).
std::array<std::uint32_t, 4> random_words(std::uint64_t seed, std::uint64_t stream, std::uint64_t index);

/// The stream that belongs to a name: the 64-bit FNV-1a hash, mixed with `salt`.
std::uint64_t random_stream(std::string_view name, std::uint64_t salt = 0);

/// A draw source that is a pure function of (seed, stream, index).
struct Random {
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;

  /// Uniform in [0, 1), 53 random bits.
  [[nodiscard]] double uniform(std::uint64_t index) const;
  /// Standard normal (Box-Muller on the words of one index).
  [[nodiscard]] double normal(std::uint64_t index) const;
  /// Normal truncated to (-2, 2), by inversion of the distribution function.
  [[nodiscard]] double truncated_normal(std::uint64_t index) const;
  /// Uniform integer in [0, n), n >= 1, without modulo bias beyond 2^-64.
  [[nodiscard]] std::uint64_t below(std::uint64_t n, std::uint64_t index) const;
};

}  // namespace bitstate
