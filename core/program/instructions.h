// The instructions of an integer program (docs/numerics.md). Each says here what it is: its operands, the rows and the
// shape of its result, the order in which it must see the steps, what it keeps between them, and how its operands and
// its result lie in memory. What goes over a program reads that, or has a function for each instruction; neither has a
// default, so that an instruction that is added does not compile until all know it.
#pragma once

#include "core/fixed_point.h"
#include "core/residue.h"
#include "core/shear.h"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace bitstate::program {

using Ref = std::uint32_t;  ///< a value

/// What the codes of a matrix are made of, where codes c of fewer bits are stored: clamp(rescale(c, step * 2^-shift),
/// bound), with a step for each row and group of columns.
struct Levels {
  std::uint32_t bits = 0;   ///< of c, which is at least -2^(bits - 1) + 1; 0: the codes are stored as they are
  std::uint32_t group = 0;  ///< columns; the last group may have fewer
  std::uint32_t shift = 1;
  std::int32_t bound = 0;
  std::vector<std::int32_t> steps;  ///< [rows, groups], not negative

  [[nodiscard]] std::size_t groups(std::size_t cols) const { return (cols + group - 1) / group; }
  [[nodiscard]] std::int32_t step(std::size_t cols, std::size_t row, std::size_t col) const {
    return steps[row * groups(cols) + col / group];
  }
  /// What a code c becomes.
  [[nodiscard]] std::int32_t code_of(std::int32_t c, std::int32_t step) const {
    const auto code = rescale(c, {step, shift});
    return static_cast<std::int32_t>(code > bound ? bound : (code < -bound ? -bound : code));
  }
  /// A c that becomes this code; nothing where there is none.
  [[nodiscard]] std::optional<std::int32_t> level_of(std::int32_t code, std::int32_t step) const;
  /// Of a step, as it is stored.
  [[nodiscard]] std::uint32_t step_bits() const;
  bool operator==(const Levels&) const = default;
};

/// Constant codes [rows, cols], row-major, that fit `bits` bits (two's complement).
struct Matrix {
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;
  std::uint32_t bits = 0;
  std::vector<std::int32_t> codes;
  Levels levels{};

  /// The codes of few bits that these are made of, where there are levels.
  [[nodiscard]] Matrix few_bits() const;
  /// What is stored of it.
  [[nodiscard]] std::uint64_t stored_bits() const;
  bool operator==(const Matrix&) const = default;
};

/// The rows of a result: one for each row of the operands, or one at the end of the sequence, which is made of all its
/// true steps or of the last of them.
enum class Rows : std::uint8_t { same, all, last };

/// The order in which the steps of a sequence must be seen. An instruction that does not say `any` may look at all the
/// steps before the one at hand.
enum class Order : std::uint8_t { any, forward, backward };

/// Where a result may lie: shared says that column c is written after the last read of column c, so that it may replace
/// an operand.
enum class Place : std::uint8_t { shared, own };

/// The type of the operands: any that holds their codes, or one that holds the constants, too, which they are
/// multiplied by.
enum class Types : std::uint8_t { any, common };

/// What the kernels can do with a result before they store it.
enum class Then : std::uint8_t { nothing, rescale };

/// What of the constants is read at a step: everything, or one entry of a table for each column or row.
enum class Constants : std::uint8_t { all, some };

/// How many numbers an instruction keeps from one step to the next. They are 0 before the first step.
struct Kept {
  std::size_t codes = 0;  ///< int32
  std::size_t sums = 0;   ///< int64
  bool operator==(const Kept&) const = default;
};

/// What is the same for all instructions of a kind. There are no defaults.
struct Traits {
  std::string_view name;  ///< in files and messages
  Rows rows;
  Place place;
  Types types;
  Then then;
  Constants constants;

  consteval Traits(std::string_view n, Rows r, Place p, Types t, Then after, Constants c)
      : name(n), rows(r), place(p), types(t), then(after), constants(c) {}
};

/// Whether it reads rows at each step and gives one row at the end.
constexpr bool is_pool(const Traits& traits) { return traits.rows != Rows::same; }

/// y_o = sum_i W_oi x_i + b_o
struct Linear {
  static constexpr Traits traits{"linear", Rows::same, Place::own, Types::common, Then::rescale, Constants::all};
  Ref x = 0;
  Matrix weight;
  std::vector<std::int32_t> bias;  ///< [rows]

  [[nodiscard]] std::array<Ref, 1> operands() const { return {x}; }
  [[nodiscard]] static constexpr Order order() { return Order::any; }
  [[nodiscard]] static constexpr Kept kept(std::size_t) { return {}; }
  [[nodiscard]] std::string shape() const;
  bool operator==(const Linear&) const = default;
};

/// y_c = clamp(rescale(x_c, factor_c), lo_c, hi_c); each of the three arrays has one element or one per column.
struct Rescale {
  static constexpr Traits traits{"rescale", Rows::same, Place::shared, Types::any, Then::nothing, Constants::all};
  Ref x = 0;
  std::vector<FixedPoint> factor;
  std::vector<std::int32_t> lo, hi;

  [[nodiscard]] std::array<Ref, 1> operands() const { return {x}; }
  [[nodiscard]] static constexpr Order order() { return Order::any; }
  [[nodiscard]] static constexpr Kept kept(std::size_t) { return {}; }
  [[nodiscard]] static std::string shape() { return {}; }
  bool operator==(const Rescale&) const = default;
};

/// 1 for x >= 0, else -1
struct Sign {
  static constexpr Traits traits{"sign", Rows::same, Place::shared, Types::any, Then::nothing, Constants::all};
  Ref x = 0;

  [[nodiscard]] std::array<Ref, 1> operands() const { return {x}; }
  [[nodiscard]] static constexpr Order order() { return Order::any; }
  [[nodiscard]] static constexpr Kept kept(std::size_t) { return {}; }
  [[nodiscard]] static std::string shape() { return {}; }
  bool operator==(const Sign&) const = default;
};

/// a_c b_c
struct Product {
  static constexpr Traits traits{"product", Rows::same, Place::shared, Types::any, Then::rescale, Constants::all};
  Ref a = 0;
  Ref b = 0;

  [[nodiscard]] std::array<Ref, 2> operands() const { return {a, b}; }
  [[nodiscard]] static constexpr Order order() { return Order::any; }
  [[nodiscard]] static constexpr Kept kept(std::size_t) { return {}; }
  [[nodiscard]] static std::string shape() { return {}; }
  bool operator==(const Product&) const = default;
};

/// x_c row_c
struct Scale {
  static constexpr Traits traits{"scale", Rows::same, Place::shared, Types::any, Then::rescale, Constants::all};
  Ref x = 0;
  std::vector<std::int32_t> row;  ///< [cols]

  [[nodiscard]] std::array<Ref, 1> operands() const { return {x}; }
  [[nodiscard]] static constexpr Order order() { return Order::any; }
  [[nodiscard]] static constexpr Kept kept(std::size_t) { return {}; }
  [[nodiscard]] static std::string shape() { return {}; }
  bool operator==(const Scale&) const = default;
};

/// rescale(a_c, a_factor_c) + rescale(b_c, b_factor_c); one factor, or one per column.
struct Sum {
  static constexpr Traits traits{"sum", Rows::same, Place::shared, Types::any, Then::rescale, Constants::all};
  Ref a = 0;
  Ref b = 0;
  std::vector<FixedPoint> a_factor, b_factor;

  [[nodiscard]] std::array<Ref, 2> operands() const { return {a, b}; }
  [[nodiscard]] static constexpr Order order() { return Order::any; }
  [[nodiscard]] static constexpr Kept kept(std::size_t) { return {}; }
  [[nodiscard]] static std::string shape() { return {}; }
  bool operator==(const Sum&) const = default;
};

/// rescale(x_c, factor_c) + row_c; factors may be negative or 0.
struct AddRow {
  static constexpr Traits traits{"add_row", Rows::same, Place::shared, Types::any, Then::rescale, Constants::all};
  Ref x = 0;
  std::vector<FixedPoint> factor;  ///< one, or one per column
  std::vector<std::int32_t> row;   ///< [cols]

  [[nodiscard]] std::array<Ref, 1> operands() const { return {x}; }
  [[nodiscard]] static constexpr Order order() { return Order::any; }
  [[nodiscard]] static constexpr Kept kept(std::size_t) { return {}; }
  [[nodiscard]] static std::string shape() { return {}; }
  bool operator==(const AddRow&) const = default;
};

/// Section 5: p_c = (d_c rho + 2^(k-1)) >> k,  y_c = p_c scale_c + bias_c
struct LayerNorm {
  static constexpr Traits traits{"layer_norm", Rows::same, Place::shared, Types::any, Then::rescale, Constants::all};
  Ref x = 0;
  std::vector<std::int32_t> scale, bias;  ///< [cols]
  std::int32_t fraction = 0;              ///< F
  std::int64_t epsilon = 1;               ///< E

  [[nodiscard]] std::array<Ref, 1> operands() const { return {x}; }
  [[nodiscard]] static constexpr Order order() { return Order::any; }
  [[nodiscard]] static constexpr Kept kept(std::size_t) { return {}; }
  [[nodiscard]] static std::string shape() { return {}; }
  bool operator==(const LayerNorm&) const = default;
};

/// Section 10: p_c = (x_c rho + 2^(k-1)) >> k,  y_c = p_c scale_c, rho and k of each group of columns.
struct RmsNorm {
  static constexpr Traits traits{"rms_norm", Rows::same, Place::own, Types::any, Then::rescale, Constants::all};
  Ref x = 0;
  std::vector<std::int32_t> scale;  ///< [cols]
  std::uint32_t groups = 1;
  std::int32_t fraction = 0;  ///< F
  std::int64_t epsilon = 1;   ///< E

  [[nodiscard]] std::array<Ref, 1> operands() const { return {x}; }
  [[nodiscard]] static constexpr Order order() { return Order::any; }
  [[nodiscard]] static constexpr Kept kept(std::size_t) { return {}; }
  [[nodiscard]] std::string shape() const;
  bool operator==(const RmsNorm&) const = default;
};

/// Section 10: y_c = sum_k weight_ck x_c of step t - K + 1 + k, + bias_c; x is 0 before the first step.
struct Conv {
  static constexpr Traits traits{"conv", Rows::same, Place::own, Types::any, Then::rescale, Constants::all};
  Ref x = 0;
  bool backward = false;           ///< from the last step to the first
  Matrix weight;                   ///< [cols, K]
  std::vector<std::int32_t> bias;  ///< [cols]

  [[nodiscard]] std::array<Ref, 1> operands() const { return {x}; }
  [[nodiscard]] Order order() const { return backward ? Order::backward : Order::forward; }
  /// The last K - 1 rows of x, the oldest first.
  [[nodiscard]] Kept kept(std::size_t cols) const { return {(weight.cols - 1) * cols, 0}; }
  [[nodiscard]] std::string shape() const;
  bool operator==(const Conv&) const = default;
};

/// H x with the Hadamard matrix of as many rows as x has columns (core/kernels/hadamard.h).
struct Rotate {
  static constexpr Traits traits{"rotate", Rows::same, Place::own, Types::any, Then::nothing, Constants::all};
  Ref x = 0;

  [[nodiscard]] std::array<Ref, 1> operands() const { return {x}; }
  [[nodiscard]] static constexpr Order order() { return Order::any; }
  [[nodiscard]] static constexpr Kept kept(std::size_t) { return {}; }
  [[nodiscard]] static std::string shape() { return {}; }
  bool operator==(const Rotate&) const = default;
};

/// entries[x_c - first] of the only row, or of row of_column[c]; of row c where it is empty.
struct Table {
  static constexpr Traits traits{"table", Rows::same, Place::shared, Types::any, Then::nothing, Constants::some};
  Ref x = 0;
  std::int32_t first = 0;
  Matrix entries;
  std::vector<std::int32_t> of_column = {};

  /// Where the row of each column begins in the entries; empty: there is only one.
  [[nodiscard]] std::vector<std::int32_t> offsets() const;
  [[nodiscard]] std::array<Ref, 1> operands() const { return {x}; }
  [[nodiscard]] static constexpr Order order() { return Order::any; }
  [[nodiscard]] static constexpr Kept kept(std::size_t) { return {}; }
  [[nodiscard]] static std::string shape() { return {}; }
  bool operator==(const Table&) const = default;
};

/// Row x of the table: x is the program's input of token ids.
struct Embedding {
  static constexpr Traits traits{"embedding", Rows::same, Place::own, Types::any, Then::nothing, Constants::some};
  Ref x = 0;
  Matrix table;

  [[nodiscard]] std::array<Ref, 1> operands() const { return {x}; }
  [[nodiscard]] static constexpr Order order() { return Order::any; }
  [[nodiscard]] static constexpr Kept kept(std::size_t) { return {}; }
  [[nodiscard]] std::string shape() const;
  bool operator==(const Embedding&) const = default;
};

/// Section 6: x_l = clamp(rescale(lambda x_{l-1} + clamp(rescale(u_l, from_input)) + e, s_lambda)), planar [re | im].
struct Scan {
  static constexpr Traits traits{"scan", Rows::same, Place::own, Types::any, Then::nothing, Constants::all};
  Ref x = 0;              ///< codes of B u [2P]
  bool backward = false;  ///< from the last step to the first
  Residue residue = Residue::none;
  std::int32_t shift = 0;  ///< s_lambda = 2^-shift, or -1: s_lambda is to_state
  std::uint32_t lambda_bits = 0;
  std::int32_t bound = 0;              ///< of the state
  std::int64_t limit = 0;              ///< of the rescaled input
  FixedPoint to_state;                 ///< s_lambda
  FixedPoint to_inner;                 ///< 1 / s_lambda
  std::vector<std::int32_t> lambda;    ///< [2P]
  std::vector<FixedPoint> from_input;  ///< [2P]

  [[nodiscard]] std::array<Ref, 1> operands() const { return {x}; }
  [[nodiscard]] Order order() const { return backward ? Order::backward : Order::forward; }
  [[nodiscard]] static constexpr Kept kept(std::size_t cols) { return {cols, cols}; }
  [[nodiscard]] std::string shape() const;
  bool operator==(const Scan&) const = default;
};

/// Section 6, form=shear: a state of pairs (x, y), planar, whose y reads the new x. All sums are in units of 2^-15.
struct ScanShear {
  static constexpr Traits traits{"scan_shear", Rows::same, Place::own, Types::any, Then::nothing, Constants::all};
  Ref x = 0;                     ///< codes of B u [2P]
  bool backward = false;         ///< from the last step to the first
  bool feedback = false;         ///< the residue e is carried on; else e = 0
  std::uint32_t step_bits = 0;   ///< of n, with its sign
  std::uint32_t decay_bits = 0;  ///< of m, without; 1: the decay is a power of two
  std::int32_t bound = 0;        ///< of the state
  std::int64_t limit = 0;        ///< of the rescaled input
  std::vector<std::int32_t> sign, decay, decay_shift, step, step_shift;  ///< [P], as in Shear
  std::vector<FixedPoint> from_input;                                    ///< [2P]

  [[nodiscard]] Shear at(std::size_t p) const { return {sign[p], decay[p], decay_shift[p], step[p], step_shift[p]}; }
  void add(const Shear& shear);

  [[nodiscard]] std::array<Ref, 1> operands() const { return {x}; }
  [[nodiscard]] Order order() const { return backward ? Order::backward : Order::forward; }
  [[nodiscard]] static constexpr Kept kept(std::size_t cols) { return {cols, cols}; }
  [[nodiscard]] std::string shape() const;
  bool operator==(const ScanShear&) const = default;
};

/// Section 10: h = clamp((decay h + w + e + 2^14) >> 15, bound), y_c = sum_n C_n h_cn, for `states` states of each
/// column.
struct SelectiveScan {
  static constexpr Traits traits{"selective_scan", Rows::same, Place::own, Types::any, Then::nothing, Constants::all};
  Ref u = 0, dt = 0;  ///< [cols], [heads]
  Ref b = 0, c = 0;   ///< [groups states]
  bool backward = false;
  Residue residue = Residue::none;
  std::uint32_t groups = 1;
  std::uint32_t states = 1;
  std::int32_t first = 0;                      ///< delta[dt - first] is the step
  std::int32_t fraction = 0;                   ///< f
  std::int32_t input_bound = 0;                ///< of v
  std::int32_t bound = 0;                      ///< of h
  std::int64_t limit = 0;                      ///< of w
  std::vector<std::int32_t> delta;             ///< steps at the scale 2^-f
  Matrix rate;                                 ///< alpha [heads, states or 1]
  std::vector<FixedPoint> to_input, to_inner;  ///< of v and of w; one, or one per column

  [[nodiscard]] std::array<Ref, 4> operands() const { return {u, dt, b, c}; }
  [[nodiscard]] Order order() const { return backward ? Order::backward : Order::forward; }
  /// h [cols, states], then e.
  [[nodiscard]] Kept kept(std::size_t cols) const { return {(residue == Residue::none ? 1 : 2) * cols * states, 0}; }
  [[nodiscard]] std::string shape() const;
  bool operator==(const SelectiveScan&) const = default;
};

/// floor((2^(F+1) sum_t x_t + n) / 2n) over the n true steps
struct MeanPool {
  static constexpr Traits traits{"mean_pool", Rows::all, Place::own, Types::any, Then::nothing, Constants::all};
  Ref x = 0;
  std::int32_t fraction = 0;  ///< F

  [[nodiscard]] std::array<Ref, 1> operands() const { return {x}; }
  [[nodiscard]] static constexpr Order order() { return Order::any; }
  [[nodiscard]] static constexpr Kept kept(std::size_t cols) { return {0, cols}; }
  [[nodiscard]] static std::string shape() { return {}; }
  bool operator==(const MeanPool&) const = default;
};

/// The last true step.
struct Last {
  static constexpr Traits traits{"last", Rows::last, Place::own, Types::any, Then::nothing, Constants::all};
  Ref x = 0;

  [[nodiscard]] std::array<Ref, 1> operands() const { return {x}; }
  [[nodiscard]] static constexpr Order order() { return Order::any; }
  [[nodiscard]] static constexpr Kept kept(std::size_t cols) { return {cols, 0}; }
  [[nodiscard]] static std::string shape() { return {}; }
  bool operator==(const Last&) const = default;
};

/// [a | b]
struct Concatenate {
  static constexpr Traits traits{"concatenate", Rows::same, Place::own, Types::any, Then::nothing, Constants::all};
  Ref a = 0;
  Ref b = 0;

  [[nodiscard]] std::array<Ref, 2> operands() const { return {a, b}; }
  [[nodiscard]] static constexpr Order order() { return Order::any; }
  [[nodiscard]] static constexpr Kept kept(std::size_t) { return {}; }
  [[nodiscard]] static std::string shape() { return {}; }
  bool operator==(const Concatenate&) const = default;
};

/// What every instruction has. `operands` are values before it. `kept` takes the columns of the result; `shape` are the
/// sizes and flags, beside the operands, by which two architectures differ.
template <class I>
concept IsInstruction = std::is_aggregate_v<I> && std::equality_comparable<I> && requires(const I& i) {
  requires std::same_as<decltype(I::traits), const Traits>;
  { std::get<0>(i.operands()) } -> std::convertible_to<Ref>;
  { i.order() } -> std::same_as<Order>;
  { i.kept(std::size_t{1}) } -> std::same_as<Kept>;
  { i.shape() } -> std::same_as<std::string>;
};

/// An instruction that keeps nothing from one step to the next.
template <class I>
concept KeepsNothing = IsInstruction<I> && std::bool_constant<I::kept(1) == Kept{}>::value;

template <IsInstruction... I>
using OneOf = std::variant<I...>;

using Instruction = OneOf<Linear, Rescale, Sign, Product, Scale, Sum, AddRow, LayerNorm, RmsNorm, Conv, Rotate, Table,
                          Embedding, Scan, ScanShear, SelectiveScan, MeanPool, Last, Concatenate>;

[[nodiscard]] const Traits& traits_of(const Instruction& instruction);
[[nodiscard]] std::vector<Ref> operands_of(const Instruction& instruction);
[[nodiscard]] Order order_of(const Instruction& instruction);
/// `cols` are those of the result.
[[nodiscard]] Kept kept_of(const Instruction& instruction, std::size_t cols);

/// "linear", "rescale", ...
inline std::string_view name_of(const Instruction& instruction) { return traits_of(instruction).name; }

}  // namespace bitstate::program
