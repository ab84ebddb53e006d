#include "core/program/instructions.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace bitstate::program {

std::optional<std::int32_t> Levels::level_of(std::int32_t code, std::int32_t step) const {
  const std::int32_t most = (1 << (bits - 1)) - 1;
  const double ratio = step == 0 ? 0.0 : std::ldexp(static_cast<double>(code), static_cast<int>(shift)) / step;
  const auto near = static_cast<std::int32_t>(std::clamp<double>(std::round(ratio), -most, most));
  for (const std::int32_t c : {near, near - 1, near + 1}) {
    if (std::abs(c) <= most && code_of(c, step) == code) return c;
  }
  return std::nullopt;
}

std::uint32_t Levels::step_bits() const {
  std::uint32_t most = 0;
  for (const std::int32_t step : steps) most = std::max(most, static_cast<std::uint32_t>(step));
  return static_cast<std::uint32_t>(std::bit_width(most)) <= 15 ? 16 : 32;
}

Matrix Matrix::few_bits() const {
  Matrix few{rows, cols, levels.bits, codes, {}};
  for (std::size_t k = 0; k < codes.size(); ++k) {
    few.codes[k] = levels.level_of(codes[k], levels.step(cols, k / cols, k % cols)).value();
  }
  return few;
}

std::uint64_t Matrix::stored_bits() const {
  if (levels.bits == 0) return std::uint64_t{bits} * codes.size();
  return std::uint64_t{levels.bits} * codes.size() + std::uint64_t{levels.step_bits()} * levels.steps.size();
}

std::string Linear::shape() const { return fmt::format("{}x{}", weight.rows, weight.cols); }

std::vector<std::int32_t> Table::offsets() const {
  if (entries.rows == 1) return {};
  std::vector<std::int32_t> rows = of_column;
  if (rows.empty()) {
    rows.resize(entries.rows);
    std::iota(rows.begin(), rows.end(), 0);
  }
  for (std::int32_t& row : rows) row *= static_cast<std::int32_t>(entries.cols);
  return rows;
}

std::string Embedding::shape() const { return fmt::format("{}x{}", table.rows, table.cols); }
std::string Scan::shape() const { return fmt::format("{} {}", lambda.size(), backward); }
std::string RmsNorm::shape() const { return fmt::format("{}", groups); }
std::string Conv::shape() const { return fmt::format("{}x{} {}", weight.rows, weight.cols, backward); }
std::string SelectiveScan::shape() const {
  return fmt::format("{} {} {}x{} {}", states, groups, rate.rows, rate.cols, backward);
}
std::string ScanShear::shape() const { return fmt::format("{} {}", 2 * sign.size(), backward); }

void ScanShear::add(const Shear& shear) {
  sign.push_back(shear.sign);
  decay.push_back(shear.decay);
  decay_shift.push_back(shear.decay_shift);
  step.push_back(shear.step);
  step_shift.push_back(shear.step_shift);
}

const Traits& traits_of(const Instruction& instruction) {
  return std::visit([]<class I>(const I&) -> const Traits& { return I::traits; }, instruction);
}

std::vector<Ref> operands_of(const Instruction& instruction) {
  return std::visit(
      [](const auto& i) {
        const auto operands = i.operands();
        return std::vector<Ref>(operands.begin(), operands.end());
      },
      instruction);
}

Order order_of(const Instruction& instruction) {
  return std::visit([](const auto& i) { return i.order(); }, instruction);
}

Kept kept_of(const Instruction& instruction, std::size_t cols) {
  return std::visit([&](const auto& i) { return i.kept(cols); }, instruction);
}

}  // namespace bitstate::program
