// The integer program of a model: instructions on codes (docs/numerics.md), in the order in which they are computed.
// Value 0 is the input, value i + 1 the result of instruction i. Values are arrays [steps, cols] of int32, or [1, cols]
// from a pool on; core/program/instructions.h has the instructions.
#pragma once

#include "core/grid.h"
#include "core/program/instructions.h"
#include "core/units.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace bitstate::program {

/// What enters: rows of `cols` real numbers, of which code = clamp(floor(x / scale + 1/2), lo, hi), or token ids.
struct Input {
  std::uint32_t cols = 1;
  bool tokens = false;               ///< ids from grid.lo = 0 to grid.hi; cols is 1
  bool one_bit = false;              ///< code 1 for x >= 0, else -1
  Grid grid;                         ///< its scale is not needed on codes
  Units units{};                     ///< of the data: the real numbers are standardised by them; empty for tokens
  std::vector<std::string> names{};  ///< of the columns, as the data have them; empty: they have none
  bool operator==(const Input&) const = default;
};

/// The last value of the program leaves it: logits [1, classes], or outputs [steps, cols].
struct Output {
  bool classes = false;      ///< the answer is the first largest of the logits
  std::vector<float> scale;  ///< real value = code * scale; one, or one per column
  Units units{};             ///< of the target: restored() makes its values of real values; empty for classes
  std::vector<std::string> class_names{};  ///< one per class, as the data have them; empty: classes are numbers
  std::vector<std::string> names{};        ///< of the columns of values, likewise; empty for classes
  bool operator==(const Output&) const = default;
};

struct Program {
  std::string name;      ///< of the data set
  std::string settings;  ///< of the run that trained it, as lines of an .ini file; may be empty
  Input input;
  std::vector<Instruction> instructions;
  Output output;
  /// A backward scan begins in the padding of sequences shorter than this, as it did in training; 0: no padding.
  std::uint32_t padded_length = 0;
  bool operator==(const Program&) const = default;
};

/// What is known of a value before anything runs.
struct ValueInfo {
  std::size_t cols = 0;
  std::int64_t lo = 0;   ///< no code is smaller,
  std::int64_t hi = 0;   ///< none larger
  bool per_step = true;  ///< [steps, cols]; else [1, cols]

  /// No code has a larger absolute value.
  [[nodiscard]] std::int64_t magnitude() const { return hi > -lo ? hi : -lo; }
};

/// One element per value, the input first. Proves that no intermediate result of any input leaves its type. Throws
/// Error, naming the instruction and what is wrong, for a program of which this is not so, or whose parts do not fit
/// together.
std::vector<ValueInfo> analyse(const Program& program);

/// The code of padding: of the number 0, or the token 0.
[[nodiscard]] std::int32_t padding_code(const Input& input);

/// Bounds for scans that analyse() accepts. Of the magnitude of a component of lambda x, for components up to `bound`.
[[nodiscard]] std::int64_t product_bound(const Scan& scan, std::int64_t bound);
/// Of a residue.
[[nodiscard]] std::int64_t residue_bound(const Scan& scan);
/// Of what is added of it in a step; 0 for no residue.
[[nodiscard]] std::int64_t carried_bound(const Scan& scan);

/// Whether the codes of a step depend on no later one.
[[nodiscard]] bool can_stream(const Program& program);

/// SHA-256 of instructions, references and sizes, without the constants: equal for models of one architecture.
[[nodiscard]] std::string architecture_digest(const Program& program);

/// Codes of real inputs that are standardised already (core/units.h); ids for tokens must be there as they are. Throws
/// Error for a NaN or an infinity, and where there are not as many codes as inputs.
void encode_input(const Program& program, std::span<const float> x, std::span<std::int32_t> codes);
/// Of `count` inputs, to as many codes.
inline void encode_input(const Program& program, const float* x, std::size_t count, std::int32_t* codes) {
  encode_input(program, std::span(x, count), std::span(codes, count));
}

/// What a device would need.
struct Cost {
  std::uint64_t weight_bits = 0;      ///< constants that are multiplied by or looked up, at their bits
  std::uint64_t constant_bits = 0;    ///< everything else: biases, factors, bounds
  std::uint64_t state_bytes = 0;      ///< kept from one step to the next
  std::uint64_t multiplications = 0;  ///< of one step
  std::uint64_t memory_bytes = 0;     ///< read and written in one step: constants, values, state
};
[[nodiscard]] Cost cost_of(const Program& program);

}  // namespace bitstate::program
