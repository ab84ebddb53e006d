// The integer programs of random models, with sequences and the codes that the quantized forward has for them.
#pragma once

#include "core/program/program.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace bitstate::tests {

struct RandomSequence {
  std::vector<std::int32_t> input;     ///< codes or token ids [steps, cols]
  std::vector<std::int32_t> expected;  ///< [steps, outputs], or [1, classes]
};

struct RandomProgram {
  program::Program program;
  std::vector<RandomSequence> sequences;  ///< may be none
};

/// The program of random_model(number); nothing where something on its way from the input is float.
std::optional<RandomProgram> random_program(std::uint64_t number);

/// As random_program, of the first sequence alone, which ends in padding of zeros; the program pads it, too. Nothing
/// where the model needs no padding.
std::optional<RandomProgram> padded_program(std::uint64_t number);

}  // namespace bitstate::tests
