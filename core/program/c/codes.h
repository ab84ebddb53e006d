// Between the numbers of a user and codes, in C: macros and static inline functions of the header.
#pragma once

#include "core/program/c/header.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bitstate::program {

/// The code of a count in one column: clamp((count multiplier + added) >> shift, lo, hi), but where `corrections` say
/// another; with one bit 1 where the shifted sum is not negative, else -1.
struct AdcLine {
  struct Correction {
    std::int32_t count = 0, code = 0;
  };
  std::int64_t multiplier = 0;  ///< below 2^31
  std::int64_t added = 0;
  unsigned shift = 0;
  std::vector<Correction> corrections;  ///< where rounding in single precision leaves the line
};

/// The codes of all counts, the lowest first, in column `c`: as `bitstate run` encodes count * lsb + offset, which is
/// computed in double precision.
[[nodiscard]] std::vector<std::int32_t> adc_codes(const Input& input, const CAdc& adc, std::size_t c);

/// Equal to adc_codes() for every count.
[[nodiscard]] AdcLine adc_line(const Input& input, const CAdc& adc, std::size_t c);

/// Throws UsageError for an ADC that does not fit the input.
void check_adc(const Input& input, const CAdc& adc);

/// NAME_INPUT_SCALE and its like: initialisers of arrays of float, one number per column; macros, so that no float is
/// in a program that has no use for it.
[[nodiscard]] std::string c_units_text(const CModel& model);

/// NAME_encode, NAME_decode and, with an ADC, NAME_encode_adc. Those that use floats are left out under NAME_NO_FLOAT.
[[nodiscard]] std::string c_codes_text(const CModel& model, const CExtras& extras);

}  // namespace bitstate::program
