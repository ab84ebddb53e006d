// Random draws of a search, one after the other: the same for a seed on every machine and for any number of threads.
#pragma once

#include "core/random.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bitstate::experiments {

class Draws {
 public:
  /// `what` separates the draws of one search from those of another.
  Draws(std::uint64_t seed, std::string_view what) : random_{seed, random_stream(what)} {}

  /// A whole number below n, n >= 1.
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_.below(n, next_++)); }
  bool chance(double probability) { return random_.uniform(next_++) < probability; }

 private:
  Random random_;
  std::uint64_t next_ = 0;
};

}  // namespace bitstate::experiments
