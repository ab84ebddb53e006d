// The norms of rows (docs/numerics.md, sections 5, 9.1 and 10) in C.
#include "core/program/c/functions.h"
#include "core/program/c/text.h"

#include <fmt/format.h>

#include <cstdint>

namespace bitstate::program {
namespace {

// $I: the type of sums and differences; $R: what makes y[c] of a difference d
constexpr std::string_view norm_text =
    R"(static void $N($G, $B, int fraction, int64_t epsilon, const $X *x, $Y *y, uint32_t n) {
  const $I count = ($I)n;
  $I sum = 0;
  int64_t w = epsilon;
  uint32_t c;
  for (c = 0; c < n; ++c) sum += x[c];
  for (c = 0; c < n; ++c) {
    const $I d = count * x[c] - sum;
    w += (int64_t)d * d;
  }
  {
$S    for (c = 0; c < n; ++c) {
      const $I d = count * x[c] - sum;
      y[c] = ($Y)($R * $F + $E);
    }
  }
}
)";

constexpr std::string_view rms_text =
    R"(static void $N($G, int fraction, int64_t epsilon, const $X *x, $Y *y, uint32_t groups, uint32_t width) {
  uint32_t first, c;
  for (first = 0; first < groups * width; first += width) {
    int64_t w = epsilon;
    for (c = first; c < first + width; ++c) w += (int64_t)x[c] * x[c];
    {
$S      for (c = first; c < first + width; ++c) {
        const $I d = x[c];
        y[c] = ($Y)($R * $F);
      }
    }
  }
}
)";

// What is made of w for all columns, and p of a column.
constexpr std::string_view shifts_wide_text = R"(const int half_log = $P_half_log(w), shift = 30 + half_log - fraction;
const int64_t inverse = $P_inverse(w, half_log);
)";
constexpr std::string_view normed_wide_text = "((d * inverse + ((int64_t)1 << (shift - 1))) >> shift)";

constexpr std::string_view shifts_narrow_text =
    R"(const int half_log = $P_half_log(w), shift = half_log - fraction - 3; /* beyond 33 */
const int32_t inverse = (int32_t)$P_inverse(w, half_log), up = shift < 0 ? (int32_t)1 << -shift : 1;
const unsigned k = shift < 0 ? 0 : (unsigned)shift;
)";
constexpr std::string_view normed_narrow_text = "$P_rescale_high(d * up, inverse, k)";

constexpr std::string_view half_log_text = R"(/* floor(log2(w) / 2) */
static int $N(int64_t w) {
  int half_log = 0;
  while ((w >>= 2) > 0) ++half_log;
  return half_log;
}
)";

constexpr std::string_view inverse_text = R"(/* 2^(30 + half_log) / sqrt(w) */
static int64_t $N(int64_t w, int half_log) {
  return ((int64_t)1 << 60) / $P_root((uint64_t)w << (2 * (30 - half_log)));
}
)";

constexpr std::string_view root_text = R"(/* floor(sqrt(v)) of 2^60 <= v < 2^62, bit by bit */
static int64_t $N(uint64_t v) {
  uint64_t root = 0, bit;
  for (bit = (uint64_t)1 << 60; bit != 0; bit >>= 2) {
    if (v >= root + bit) {
      v -= root + bit;
      root = (root >> 1) + bit;
    } else {
      root >>= 1;
    }
  }
  return (int64_t)root;
}
)";

/// |d| < 2^(t + 1), so that |d up| < 2^(F + 4).
constexpr std::int32_t most_fraction = 27;

}  // namespace

std::string CFunctions::define_norm(std::string_view kind, std::string_view body, bool narrow, unsigned depth,
                                    const Fillers& own) {
  define("root", root_text, {});
  define("half_log", half_log_text, {});
  define("inverse", inverse_text, {});
  if (narrow) need_rescale_high();
  const std::string scales = c_indented(narrow ? shifts_narrow_text : shifts_wide_text, depth);
  Fillers fillers{
      {'I', narrow ? "int32_t" : "int64_t"}, {'S', scales}, {'R', narrow ? normed_narrow_text : normed_wide_text}};
  fillers.insert(fillers.end(), own.begin(), own.end());
  return define(fmt::format("{}{}", kind, narrow ? "" : "_wide"), c_fill(body, fillers), {});
}

std::string CFunctions::compute(const LayerNorm& i, std::size_t number) {
  const CValue& x = memory_.value(i.x);
  const CValue& y = memory_.value(static_cast<Ref>(number));
  const COperand scale = constants_.numbers(i.scale, "scale", "c");
  const COperand bias = constants_.numbers(i.bias, "bias", "c");
  const auto largest = 2 * static_cast<std::int64_t>(x.cols) * infos_[i.x].magnitude();
  const bool narrow = largest < std::int64_t{1} << 31 && i.fraction <= most_fraction;
  const std::string function =
      define_norm(fmt::format("norm_{}_{}_i{}_i{}", scale.suffix, bias.suffix, x.bits, y.bits), norm_text, narrow, 4,
                  {{'N', "$N"},
                   {'G', scale.parameter},
                   {'B', bias.parameter},
                   {'X', c_type(x.bits)},
                   {'Y', c_type(y.bits)},
                   {'F', scale.element},
                   {'E', bias.element}});
  return fmt::format("{}({}, {}, {}, {}, {}, {}, {});", function, scale.argument, bias.argument, i.fraction,
                     c_number(i.epsilon), x.at, y.at, y.cols);
}

std::string CFunctions::compute(const RmsNorm& i, std::size_t number) {
  const CValue& x = memory_.value(i.x);
  const CValue& y = memory_.value(static_cast<Ref>(number));
  const COperand scale = constants_.numbers(i.scale, "scale", "c");
  const std::string function = define_norm(
      fmt::format("rms_{}_i{}_i{}", scale.suffix, x.bits, y.bits), rms_text, i.fraction <= most_fraction, 6,
      {{'N', "$N"}, {'G', scale.parameter}, {'X', c_type(x.bits)}, {'Y', c_type(y.bits)}, {'F', scale.element}});
  return fmt::format("{}({}, {}, {}, {}, {}, {}, {});", function, scale.argument, i.fraction, c_number(i.epsilon), x.at,
                     y.at, i.groups, y.cols / i.groups);
}

}  // namespace bitstate::program
