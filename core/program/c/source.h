// An integer program as C99 for microcontrollers: no heap, no floats, nothing of a C library but <stdint.h>.
#pragma once

#include "core/program/program.h"
#include "core/tuning/head.h"
#include "core/tuning/layer.h"

#include <cstddef>
#include <cstdint>
#include <optional>
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

/// An ADC whose counts a model reads: number = count * lsb + offset, in the units that its data had.
struct CAdc {
  unsigned bits = 12;               ///< 1 to 16
  bool is_signed = false;           ///< counts are -2^(bits-1) to 2^(bits-1) - 1, else 0 to 2^bits - 1
  std::vector<double> lsb;          ///< finite and not 0; one, or one per column
  std::vector<double> offset{0.0};  ///< finite; one, or one per column

  [[nodiscard]] std::int32_t lowest() const { return is_signed ? -(1 << (bits - 1)) : 0; }
  [[nodiscard]] std::int32_t highest() const { return (1 << (is_signed ? bits - 1 : bits)) - 1; }
};

/// What a header may say and hold beyond the program.
struct CExtras {
  std::vector<std::string> notes = {};  ///< lines of its first comment
  std::optional<CAdc> adc = {};         ///< NAME_encode_adc is for it
  /// The head is a struct NAME_head in RAM, which NAME_tune trains; every function that computes logits takes it.
  std::optional<TrainableHead> head = {};
  /// The top layer is trained with the head: both are a struct NAME_top, which a step takes, too.
  std::optional<TrainableLayer> layer = {};
};

/// Texts of the files NAME.h, NAME.c and NAME_test.c, and of a program that is not to be shipped: it reads sequences
/// from the file of its first argument (steps, then codes, all int32) and writes to that of the second the output codes
/// of each and, with classes, its class (int32). `tuner`, with a trainable head, reads such a file, takes a step behind
/// each row of logits, on the classes 0, 1, ... in turn, and writes the losses and, at last, the weights and the
/// biases, then the numbers of a layer.
struct CSource {
  std::string header, source, self_test, driver, tuner;
  std::string multiplier;  ///< the macro NAME_MULTIPLIER; empty where nothing depends on it
};

/// Throws UsageError for a name that no model can have in C: that is no identifier or a keyword of C or C++, or that
/// would give a file the name of another.
void check_c_name(std::string_view name);

/// The C of a program. Where a recurrence multiplies by narrow numbers, NAME_MULTIPLIER chooses between products and
/// additions: 1 or 0, by the target's own macros unless it is given; the codes are the same. Every identifier begins
/// with `name`, every macro with its capitals. The model is a stream: RAM is one NAME_state, NAME_step takes the codes
/// of one step. A program with a backward scan cannot stream: NAME_run takes a whole sequence, and NAME_state holds
/// what its passes need of every step, of `max_steps` steps at most (0: of the longest in `tests`; never less than the
/// padded length). The self-test runs `tests` (at least one), compares every code and prints the 64-bit FNV-1a hash of
/// the output codes (little-endian int32). Throws UsageError where check_c_name() does and for an ADC that does not fit
/// the input, Error for sequences that do not fit the program or are longer than `max_steps`, and where analyse() does.
[[nodiscard]] CSource c_source(const Program& program, std::string_view name, std::span<const CTestSequence> tests,
                               std::size_t max_steps = 0, const CExtras& extras = {});

/// The hash that the self-test prints: FNV-1a over the codes of all sequences, one after the other.
[[nodiscard]] std::uint64_t c_test_hash(std::span<const CTestSequence> tests);

}  // namespace bitstate::program
