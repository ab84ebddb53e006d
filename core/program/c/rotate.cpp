// The product with a Hadamard matrix (docs/numerics.md, section 11) in C, by additions.
#include "core/kernels/hadamard.h"
#include "core/program/c/functions.h"
#include "core/program/c/text.h"

#include <fmt/format.h>

namespace bitstate::program {
namespace {

constexpr std::string_view rotate_text = R"(/* y = (base (x) Sylvester's matrix) x */
static void $N(const int8_t *base, uint32_t rows, const $X *x, $Y *y, uint32_t n) {
  const uint32_t part = n / rows;
  uint32_t i, j, k, half;
  for (i = 0; i < rows; ++i) {
    for (k = 0; k < part; ++k) {
      int32_t sum = 0;
      for (j = 0; j < rows; ++j) sum += base[i * rows + j] * (int32_t)x[j * part + k];
      y[i * part + k] = ($Y)sum;
    }
  }
  for (half = 1; half < part; half *= 2) {
    for (i = 0; i < n; i += 2 * half) {
      for (k = i; k < i + half; ++k) {
        const int32_t a = y[k], b = y[k + half];
        y[k] = ($Y)(a + b);
        y[k + half] = ($Y)(a - b);
      }
    }
  }
}
)";

}  // namespace

std::string CFunctions::compute(const Rotate& i, std::size_t number) {
  const CValue& x = memory_.value(i.x);
  const CValue& y = memory_.value(static_cast<Ref>(number));
  const Hadamard hadamard(x.cols, "c");
  const std::size_t part = x.cols / hadamard.base();
  std::vector<std::int64_t> base;
  for (std::size_t r = 0; r < hadamard.base(); ++r) {
    for (std::size_t c = 0; c < hadamard.base(); ++c) base.push_back(hadamard.entry(r * part, c * part));
  }
  const std::string function = define(fmt::format("rotate_i{}_i{}", x.bits, y.bits), rotate_text,
                                      {{'X', c_type(x.bits)}, {'Y', c_type(y.bits)}});
  return fmt::format("{}({}, {}, {}, {}, {});", function, constants_.array("int8_t", 1, base), hadamard.base(), x.at,
                     y.at, x.cols);
}

}  // namespace bitstate::program
