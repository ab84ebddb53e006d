// How fast an integer program runs on one thread, on each instruction set, and next to it the float model.
#pragma once

#include "core/program/program.h"
#include "core/program/run/kernels.h"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
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
  std::size_t length = 0;                     ///< steps of a sequence
  std::vector<IsaSpeed> isas;                 ///< those this machine has, the slowest kind first
  double float_sequence_seconds = 0.0;        ///< 0: no float model was given
  double onnxruntime_sequence_seconds = 0.0;  ///< the program's ONNX model, the fastest run; 0: not measured
  std::string onnxruntime_missing;            ///< why not
};

/// Times `program` on random input codes, in CPU time of this thread. `float_sequence`, which may be empty, computes
/// one sequence of `length` steps by the float model, in this thread. What is timed takes turns, round by round, for
/// about `seconds` in all: what else the machine does to caches and clock rates meets all of them. Throws Error for
/// length 0.
[[nodiscard]] ProgramSpeed bench_program(const program::Program& program, std::size_t length,
                                         const std::function<void()>& float_sequence, double seconds = 3.0);

/// bench_program() of a program file: against the float model of the run it was exported from, at the length of that
/// run's sequences, and against onnxruntime-node on the same program if node and $BITSTATE_NPM/node_modules, or
/// build/npm/node_modules, have it. Throws Error for a file that is no program, or says nothing of a run.
[[nodiscard]] ProgramSpeed bench_program_file(const std::filesystem::path& file);

/// A line for each thing measured, and the same as one line of JSON.
std::string speed_text(const ProgramSpeed& speed);
std::string to_json(const ProgramSpeed& speed);

}  // namespace bitstate::experiments
