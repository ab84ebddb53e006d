// An integer program as C99 for microcontrollers: no heap, no floats, nothing of a C library but <stdint.h>.
#pragma once

#include "core/program/program.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::program {

/// A sequence for the self-test.
struct CTestSequence {
  std::vector<std::int32_t> input;     ///< codes or token ids [steps, cols]
  std::vector<std::int32_t> expected;  ///< what Runner::run gives: [steps, outputs], or [1, outputs]
};

/// Texts of the files NAME.h, NAME.c and NAME_test.c.
struct CSource {
  std::string header, source, self_test;
};

/// The C of a program. Every identifier begins with `name`, every macro with its capitals. The model is a stream: RAM
/// is one NAME_state, NAME_step takes the codes of one step. A program with a backward scan cannot stream: NAME_run
/// takes a whole sequence, and NAME_state holds what its passes need of every step, of `max_steps` steps at most (0: of
/// the longest in `tests`; never less than the padded length). The self-test runs `tests` (at least one), compares
/// every code and prints the 64-bit FNV-1a hash of the output codes (little-endian int32). Throws UsageError for a name
/// that is no C identifier, Error for sequences that do not fit the program or are longer than `max_steps`, and where
/// analyse() does.
[[nodiscard]] CSource c_source(const Program& program, std::string_view name, std::span<const CTestSequence> tests,
                               std::size_t max_steps = 0);

/// The hash that the self-test prints: FNV-1a over the codes of all sequences, one after the other.
[[nodiscard]] std::uint64_t c_test_hash(std::span<const CTestSequence> tests);

}  // namespace bitstate::program
