#include "core/program/c/narrow_pairs.h"

#include "core/shear.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdlib>

namespace bitstate::program {
namespace {

constexpr std::int32_t widest = 127;

unsigned width_of(std::int32_t m) { return std::bit_width(static_cast<std::uint32_t>(std::abs(m))); }

struct NarrowPair {
  std::int32_t turns;
  Shear::Part re, im;

  [[nodiscard]] bool fits() const { return std::abs(re.odd) <= widest && std::abs(im.odd) <= widest; }
  /// Half the rounds of additions that its four products take; those that fit come before those that do not.
  [[nodiscard]] unsigned rounds() const { return width_of(re.odd) + width_of(im.odd) + (fits() ? 0 : 64); }
};

NarrowPair narrowest(std::int32_t re, std::int32_t im) {
  NarrowPair best{};
  for (std::int32_t turns = 0; turns < 4; ++turns) {
    const NarrowPair pair{turns, Shear::odd_part(re - Shear::one), Shear::odd_part(im)};
    if (turns == 0 || pair.rounds() < best.rounds()) best = pair;
    const std::int32_t turned = -re;  // divided by i
    re = im;
    im = turned;
  }
  return best;
}

}  // namespace

std::optional<NarrowPairs> narrow_pairs(const Scan& scan) {
  if (scan.shift != Shear::fraction) return {};
  NarrowPairs pairs;
  const std::size_t states = scan.lambda.size() / 2;
  for (std::size_t p = 0; p < states; ++p) {
    const NarrowPair pair = narrowest(scan.lambda[p], scan.lambda[states + p]);
    if (!pair.fits()) return {};
    pairs.turns.push_back(pair.turns);
    pairs.re.push_back(pair.re.odd);
    pairs.im.push_back(pair.im.odd);
    pairs.re_shift.push_back(Shear::fraction - pair.re.shift);
    pairs.im_shift.push_back(Shear::fraction - pair.im.shift);
  }
  return pairs;
}

}  // namespace bitstate::program
