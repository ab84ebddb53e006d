// Checks the instructions of a program one after the other, and bounds their results.
#pragma once

#include "core/error.h"
#include "core/program/program.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate::program {

class Analyst {
 public:
  static constexpr std::int64_t int32_end = std::int64_t{1} << 31;
  static constexpr std::uint32_t max_cols = 1U << 20;
  static constexpr std::uint32_t max_padding = 1U << 24;
  static constexpr std::uint32_t most_taps = 1U << 10;

  /// Checks the input; `program` must live as long as this.
  explicit Analyst(const Program& program);

  /// What analyse() says.
  std::vector<ValueInfo> values();

 private:
  template <class... Args>
  void check(bool condition, fmt::format_string<Args...> sentence, Args&&... args) const {
    if (condition) return;
    const std::string where = number_ == 0 ? "program"
                                           : fmt::format("program: instruction {}, {}", number_ - 1,
                                                         name_of(program_.instructions[number_ - 1]));
    throw Error(fmt::format("[{}] {}", where, fmt::format(sentence, std::forward<Args>(args)...)));
  }

  [[nodiscard]] const ValueInfo& at(Ref ref) const { return values_[ref]; }

  /// None, or one mean and one deviation for each of the columns.
  void check_units(const Units& units, std::size_t cols, std::string_view what) const;
  /// Whether the operands have one row per step.
  [[nodiscard]] bool check_operands(const Instruction& instruction) const;
  void check_sizes(std::size_t count, std::size_t cols, bool one_is_enough, std::string_view what) const;
  void check_factors(std::span<const FixedPoint> factors, std::size_t cols, bool negative) const;
  void check_matrix(const Matrix& m) const;
  void check_levels(const Matrix& m) const;
  void check_bits(std::span<const std::int32_t> codes, std::uint32_t bits) const;
  void check_selective_shape(const SelectiveScan& i) const;
  /// One number from `lo` to `hi` for each state.
  void check_parts(const std::vector<std::int32_t>& numbers, std::size_t states, std::int32_t lo, std::int32_t hi,
                   std::string_view what) const;
  void check_shear(const Shear& shear) const;

  // Columns and interval of a result; its rows follow from the traits.
  [[nodiscard]] ValueInfo result_of(const Linear& i) const;
  [[nodiscard]] ValueInfo result_of(const Rescale& i) const;
  [[nodiscard]] ValueInfo result_of(const Sign& i) const;
  [[nodiscard]] ValueInfo result_of(const Product& i) const;
  [[nodiscard]] ValueInfo result_of(const Scale& i) const;
  [[nodiscard]] ValueInfo result_of(const Sum& i) const;
  [[nodiscard]] ValueInfo result_of(const AddRow& i) const;
  [[nodiscard]] ValueInfo result_of(const LayerNorm& i) const;
  [[nodiscard]] ValueInfo result_of(const RmsNorm& i) const;
  [[nodiscard]] ValueInfo result_of(const Conv& i) const;
  [[nodiscard]] ValueInfo result_of(const Rotate& i) const;
  [[nodiscard]] ValueInfo result_of(const Table& i) const;
  [[nodiscard]] ValueInfo result_of(const Embedding& i) const;
  [[nodiscard]] ValueInfo result_of(const Scan& i) const;
  [[nodiscard]] ValueInfo result_of(const ScanShear& i) const;
  [[nodiscard]] ValueInfo result_of(const SelectiveScan& i) const;
  [[nodiscard]] ValueInfo result_of(const MeanPool& i) const;
  [[nodiscard]] ValueInfo result_of(const Last& i) const;
  [[nodiscard]] ValueInfo result_of(const Concatenate& i) const;

  const Program& program_;
  std::vector<ValueInfo> values_;
  std::size_t number_ = 0;  // of the value that is looked at
};

}  // namespace bitstate::program
