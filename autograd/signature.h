// A signature of the integer arithmetic: a hash of the codes of a fixed sample of programs and forward passes.
#pragma once

#include "core/program/program.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace bitstate {

/// Gives the output codes of a program for the input codes of one sequence [steps, cols].
using RunProgram =
    std::function<std::vector<std::int32_t>(const program::Program& program, std::span<const std::int32_t> input)>;

/// 16 hexadecimal digits: the beginning of the SHA-256 of all codes that a fixed set of tiny programs and of tiny
/// quantized forward passes compute from drawn inputs. Nothing in it depends on the machine, the instruction set or the
/// number of threads: inputs and constants are drawn as integers, and no sum of floats and no function of the
/// mathematical library is in the way from them to a code. The programs are those of every instruction, and those of
/// the forward passes; `run` runs them.
[[nodiscard]] std::string signature(const RunProgram& run);

/// Of program::Runner on the fastest instruction set of this machine.
[[nodiscard]] std::string signature();

}  // namespace bitstate
