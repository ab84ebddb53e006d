#include "core/program/instructions.h"

#include <fmt/format.h>

#include <numeric>

namespace bitstate::program {

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
