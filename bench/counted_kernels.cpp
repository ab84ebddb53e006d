// A kernel of an instruction set, once, on 32 rows of 96 codes of 8 bits. Arguments: the set, and linear8 or linear4 (a
// matrix of 96 x 96 with a rescale) or scan (48 states). bench/count_neon.sh counts what is between the marks.
#include "core/program/run/operands.h"

#include <cstdio>
#include <string_view>
#include <vector>

extern "C" {
[[gnu::noinline]] void span_begins() { __asm__ volatile("nop"); }
[[gnu::noinline]] void span_ends() { __asm__ volatile("nop"); }
}

namespace {

using namespace bitstate;           // NOLINT(google-build-using-namespace)
using namespace bitstate::program;  // NOLINT(google-build-using-namespace)

constexpr std::size_t cols = 96, rows = 32;

/// Codes of up to `bound`, the same at every call.
template <class T>
std::vector<T> codes_up_to(std::uint32_t bound, std::size_t n) {
  std::uint32_t state = 1;
  std::vector<T> codes(n);
  for (T& code : codes) {
    state = state * 1664525U + 1013904223U;
    code = static_cast<T>(static_cast<std::int32_t>((state >> 8) % (2 * bound + 1)) - static_cast<std::int32_t>(bound));
  }
  return codes;
}

void linear(const Kernels& kernels, std::uint32_t weight_bound, const MutableCodes& y) {
  Arena arena;
  const auto weights = codes_up_to<std::int32_t>(weight_bound, cols * cols);
  const auto bias = codes_up_to<std::int32_t>(999, cols);
  const Products products =
      packed_products_of(arena, {{weights.data(), Width::four, cols}, cols, cols, bias}, kernels.operands);
  const FixedPoint factor{1 << 30, 40};
  const std::int32_t lo = -127, hi = 127;
  const Rescaling then =
      rescaling_of(arena, {{&factor, 1}, {&lo, 1}, {&hi, 1}, -127 * 127 * 100, 127 * 127 * 100}, cols);
  const auto narrow = codes_up_to<std::int16_t>(127, rows * cols + row_multiple);
  const std::vector<std::int32_t> wide(narrow.begin(), narrow.end());
  const Codes x =
      kernels.operands == Width::two ? Codes{narrow.data(), Width::two, cols} : Codes{wide.data(), Width::four, cols};
  span_begins();
  kernels.linear(products, &then, rows, x, y);
  span_ends();
}

void scan(const Kernels& kernels, const MutableCodes& y) {
  Arena arena;
  Recurrence s;
  s.states = cols / 2;
  s.shift = 15;
  s.bound = 127;
  s.limit = (std::int64_t{4} * 127) << 15;
  s.lambda = padded_row(arena, codes_up_to<std::int32_t>(20000, cols));
  const FixedPoint factor{1 << 30, 20};
  s.from_input = factors_of(arena, {&factor, 1}, cols);
  const auto b = codes_up_to<std::int8_t>(127, rows * cols + row_multiple);
  std::vector<std::int32_t> x(cols, 0);
  std::vector<std::int64_t> residue(cols, 0);
  span_begins();
  kernels.scan(s, rows, {b.data(), Width::one, cols}, {x.data(), residue.data()}, y);
  span_ends();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view set = argc == 3 ? argv[1] : "", what = argc == 3 ? argv[2] : "";
  for (const Isa isa : {Isa::plain, Isa::neon}) {
    if (set != name_of(isa)) continue;
    std::vector<std::int8_t> codes(rows * cols + row_multiple);
    const MutableCodes y{codes.data(), Width::one, cols};
    if (what == "scan") scan(kernels_of(isa), y);
    if (what == "linear8") linear(kernels_of(isa), 127, y);
    if (what == "linear4") linear(kernels_of(isa), 7, y);
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < rows * cols; ++i) sum = 31 * sum + static_cast<std::uint8_t>(codes[i]);
    std::printf("%u\n", sum);
    return 0;
  }
  std::fprintf(stderr, "usage: counted_kernels plain|neon linear8|linear4|scan\n");
  return 2;
}
