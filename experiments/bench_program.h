// How fast an integer program runs on one thread, on each instruction set, and next to it the float model.
#pragma once

#include "core/program/kernels.h"
#include "core/program/program.h"

#include <cstddef>
#include <functional>
#include <vector>

namespace bitstate::experiments {

/// Figures of one instruction set.
struct IsaSpeed {
  program::Isa isa = program::Isa::plain;
  double sequence_seconds = 0.0;  ///< a whole sequence by Runner::run(), the fastest round
  double speedup = 0.0;           ///< over the float model, the median of all rounds; 0: no float model was given
  double step_seconds = 0.0;      ///< one row by Runner::step(), the fastest round; 0: the program cannot stream
};

struct ProgramSpeed {
  std::size_t length = 0;               ///< steps of a sequence
  std::vector<IsaSpeed> isas;           ///< those this machine has, the slowest kind first
  double float_sequence_seconds = 0.0;  ///< 0: no float model was given
};

/// Times `program` on random input codes, in CPU time of this thread. `float_sequence`, which may be empty, computes
/// one sequence of `length` steps by the float model, in this thread. What is timed takes turns, round by round, for
/// about `seconds` in all: what else the machine does to caches and clock rates meets all of them. Throws Error for
/// length 0.
[[nodiscard]] ProgramSpeed bench_program(const program::Program& program, std::size_t length,
                                         const std::function<void()>& float_sequence, double seconds = 3.0);

}  // namespace bitstate::experiments
