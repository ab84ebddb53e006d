#include "core/program/device/step_work.h"

#include "core/error.h"
#include "core/kernels/hadamard.h"
#include "core/program/c/constants.h"
#include "core/program/c/functions.h"
#include "core/program/c/narrow_pairs.h"

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <variant>

namespace bitstate::program {
namespace {

/// The work of one instruction, whose result has `cols` columns and whose operand is known by `x`.
struct WorkOf {
  const ValueInfo& x;
  std::size_t cols;

  [[nodiscard]] StepWork elements(StepKind kind) const { return {kind, 1, cols, 0, 0}; }

  StepWork operator()(const Linear& i) const {
    const unsigned bits = CConstants::packed_bits(i.weight.codes);
    if (!c_by_rows(i, x.magnitude())) {
      return {bits < 8 ? StepKind::linear_packed : StepKind::linear, 1, i.weight.rows, i.weight.cols,
              i.weight.codes.size()};
    }
    const StepKind kind = bits == 8 ? StepKind::rows_w8 : (bits == 4 ? StepKind::rows_w4 : StepKind::rows_w2);
    const std::size_t rows = i.weight.rows + i.weight.rows % 2;  // an odd last row is computed with the one before
    return {kind, 1, rows, i.weight.cols, rows * i.weight.cols};
  }
  StepWork operator()(const Rescale& i) const {
    return elements(c_rescales_narrowly(i.factor, x.magnitude()) ? StepKind::rescale : StepKind::rescale_wide);
  }
  StepWork operator()(const Sign&) const { return elements(StepKind::sign); }
  StepWork operator()(const Product&) const { return elements(StepKind::product); }
  StepWork operator()(const Scale&) const { return elements(StepKind::scale); }
  StepWork operator()(const Sum&) const { return elements(StepKind::sum); }
  StepWork operator()(const AddRow&) const { return elements(StepKind::add_row); }
  StepWork operator()(const LayerNorm&) const { return elements(StepKind::layer_norm); }
  StepWork operator()(const RmsNorm& i) const { return {StepKind::rms_norm, 1, cols, i.groups, 0}; }
  StepWork operator()(const Conv& i) const { return {StepKind::conv, 1, cols, 0, i.weight.codes.size()}; }
  StepWork operator()(const Rotate&) const {
    const std::size_t base = Hadamard(cols, "device").base();
    const auto halvings = static_cast<std::size_t>(std::bit_width(cols / base) - 1);
    return {StepKind::rotate, 1, cols, 0, cols * (base + halvings)};
  }
  StepWork operator()(const Table&) const { return elements(StepKind::table); }
  StepWork operator()(const Embedding&) const { return elements(StepKind::embedding); }
  StepWork operator()(const Scan& i) const {
    const bool narrow = i.residue != Residue::decayed && narrow_pairs(i).has_value();
    return {narrow ? StepKind::scan_narrow : StepKind::scan, 1, cols / 2, 0, 0};
  }
  StepWork operator()(const ScanShear&) const { return {StepKind::scan_shear, 1, cols / 2, 0, 0}; }
  StepWork operator()(const SelectiveScan& i) const {
    const std::size_t decays = i.rate.cols > 1 ? cols * i.states : i.rate.rows;
    return {StepKind::selective_scan, 1, cols, decays, cols * i.states};
  }
  StepWork operator()(const MeanPool&) const { return elements(StepKind::mean_pool); }
  StepWork operator()(const Last&) const { return elements(StepKind::last); }
  StepWork operator()(const Concatenate&) const { return elements(StepKind::concatenate); }
};

constexpr std::array<std::string_view, step_kinds> kind_names{"calls of functions",
                                                              "input",
                                                              "linear by rows (8 bits)",
                                                              "linear by rows (4 bits)",
                                                              "linear by rows (1 or 2 bits)",
                                                              "linear (8 bits or more)",
                                                              "linear (less than 8 bits)",
                                                              "rescale",
                                                              "rescale in 64 bits",
                                                              "product",
                                                              "scale",
                                                              "sum",
                                                              "add row",
                                                              "layer norm",
                                                              "RMS norm",
                                                              "convolution",
                                                              "rotation",
                                                              "table",
                                                              "embedding",
                                                              "scan",
                                                              "scan of narrow eigenvalues",
                                                              "scan by shears",
                                                              "selective scan",
                                                              "mean over steps",
                                                              "last step",
                                                              "sign",
                                                              "concatenation"};

}  // namespace

std::string_view name_of(StepKind kind) { return kind_names.at(static_cast<std::size_t>(kind)); }

std::vector<StepWork> step_work(const Program& program) {
  require(can_stream(program), "device", "a model with a backward scan reads whole sequences: it has no step to count");
  const std::vector<ValueInfo> infos = analyse(program);
  std::array<StepWork, step_kinds> sums{};
  const auto add = [&](const StepWork& work) {
    StepWork& sum = sums.at(static_cast<std::size_t>(work.kind));
    sum.calls += work.calls;
    sum.elements += work.elements;
    sum.inputs += work.inputs;
    sum.products += work.products;
  };
  add({StepKind::step, 1, 0, 0, 0});
  add({StepKind::input, 1, infos[0].cols, 0, 0});
  for (std::size_t i = 0; i < program.instructions.size(); ++i) {
    const Instruction& instruction = program.instructions[i];
    const ValueInfo& x = infos[operands_of(instruction).front()];
    if (!x.per_step) continue;  // once per sequence
    add({StepKind::step, 0, 1, 0, 0});
    add(std::visit(WorkOf{x, infos[i + 1].cols}, instruction));
  }
  std::vector<StepWork> works;
  for (std::size_t k = 0; k < step_kinds; ++k) {
    sums.at(k).kind = static_cast<StepKind>(k);
    if (sums.at(k).calls > 0) works.push_back(sums.at(k));
  }
  return works;
}

}  // namespace bitstate::program
