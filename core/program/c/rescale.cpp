// The one rounding of a program in C (docs/numerics.md, sections 3 and 9.1): by half of a product where export proves
// that the other half does not count.
#include "core/program/c/functions.h"
#include "core/program/c/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace bitstate::program {
namespace {

constexpr std::string_view rescale_text = R"(/* a m 2^-k, rounded half up */
static int64_t $N(int64_t a, int32_t m, unsigned k) {
  return (a * m + ((int64_t)1 << (k - 1))) >> k;
}
)";

constexpr std::string_view rescale_low_text = R"(/* a m 2^-k, rounded half up, for k < 32 */
static int64_t $N(int32_t a, int32_t m, unsigned k) {
  const int64_t p = (int64_t)a * m + ((int32_t)1 << (k - 1));
  const int32_t high = (int32_t)(p >> 32);
  return (high >> k) * INT64_C(4294967296) + ((uint32_t)p >> k | (uint32_t)high << (32 - k));
}
)";

constexpr std::string_view rescale_high_text = R"(/* a m 2^-(33 + k), rounded half up */
static int32_t $N(int32_t a, int32_t m, unsigned k) {
  return (((int32_t)((int64_t)a * m >> 32) >> k) + 1) >> 1;
}
)";

constexpr std::string_view clamp_text = R"(static $Z $N($Z v, $Z lo, $Z hi) {
  return v < lo ? lo : v > hi ? hi : v;
}
)";

constexpr std::int64_t int32_end = std::int64_t{1} << 31;
constexpr std::int64_t high_half = 33;  ///< the least shift that only reads it

bool is_zero(const FixedPoint& f) { return f.multiplier == 0; }

/// The least and the greatest shift of factors that are not 0; 33 where there is none.
std::pair<std::int64_t, std::int64_t> shifts_of(std::span<const FixedPoint> factors) {
  std::int64_t least = 64, most = 0;
  for (const FixedPoint& f : factors) {
    if (is_zero(f)) continue;
    least = std::min(least, f.shift);
    most = std::max(most, f.shift);
  }
  return most == 0 ? std::pair{high_half, high_half} : std::pair{least, most};
}

/// By how many bits values are shifted up so that the low half of their products does not count.
std::int64_t up_of(std::int64_t least_shift) { return std::max<std::int64_t>(high_half - least_shift, 0); }

bool fits_high_half(std::int64_t up, std::int64_t largest) { return up < 31 && largest << up < int32_end; }

}  // namespace

bool c_rescales_narrowly(std::span<const FixedPoint> factors, std::int64_t largest) {
  return fits_high_half(up_of(shifts_of(factors).first), largest);
}

void CFunctions::need_rescale() { define("rescale", rescale_text, {}); }
void CFunctions::need_rescale_high() { define("rescale_high", rescale_high_text, {}); }
void CFunctions::need_clamp() { define("clamp", clamp_text, {{'Z', "int64_t"}}); }

std::string CFunctions::clamp_of(bool narrow) {
  if (narrow) return define("clamp_narrow", clamp_text, {{'Z', "int32_t"}});
  need_clamp();
  return prefix_ + "_clamp";
}

CRescale CFunctions::rescaled(std::span<const FixedPoint> factors, std::int64_t largest, std::string_view name,
                              std::string_view index) {
  const auto [least, most] = shifts_of(factors);
  const std::int64_t up = up_of(least);
  CRescale scaled;
  for (const FixedPoint& f : factors) {
    scaled.largest = std::max(scaled.largest, std::abs(bitstate::rescale(largest, f)));
    scaled.largest = std::max(scaled.largest, std::abs(bitstate::rescale(-largest, f)));
  }
  std::vector<FixedPoint> given(factors.begin(), factors.end());
  scaled.narrow = fits_high_half(up, largest);
  if (scaled.narrow) {
    for (FixedPoint& f : given)
      f.shift = std::clamp<std::int64_t>((is_zero(f) ? least : f.shift) + up - high_half, 0, 31);
    need_rescale_high();
    scaled.function = prefix_ + "_rescale_high";
  } else if (most < 32) {
    scaled.function = define("rescale_low", rescale_low_text, {});
  } else {
    need_rescale();
    scaled.function = prefix_ + "_rescale";
  }
  scaled.operand = constants_.factors(given, name, index);
  scaled.operand.suffix += scaled.narrow ? "h" : (most < 32 ? "l" : "");
  if (scaled.narrow && up > 0) {
    const std::string parameter = fmt::format("{}_up", name);
    scaled.operand.suffix += "u";
    scaled.operand.parameter += ", int32_t " + parameter;
    scaled.operand.argument += ", " + c_number(std::int64_t{1} << up);
    scaled.up = " * " + parameter;
  }
  return scaled;
}

std::string CRescale::of(std::string_view value) const {
  return fmt::format("{}({}{}, {})", function, value, up, operand.element);
}

}  // namespace bitstate::program
