// An integer program computed by the formulas of core/program/instructions.h, number by number in int64.
#pragma once

#include "core/program/program.h"

#include <cstdint>
#include <span>
#include <vector>

namespace bitstate::tests {

/// Where a rescale rounds a half: up, as docs/numerics.md says, or down, which is wrong.
enum class Halves : std::uint8_t { up, down };

/// The codes of the last value, [steps, cols] or [1, cols], for the input [steps, cols]. The program must have passed
/// program::analyse(); padding of short sequences is not known here.
std::vector<std::int32_t> plain_run(const program::Program& program, std::span<const std::int32_t> input,
                                    Halves halves = Halves::up);

}  // namespace bitstate::tests
