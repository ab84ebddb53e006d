#include "autograd/export.h"

#include "autograd/two_levels.h"
#include "core/error.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace bitstate {
namespace {

/// The nodes that `output` depends on, but for constants.
std::vector<bool> needed_for(const Tape& tape, Value output) {
  std::vector<bool> needed(output.id + 1, false);
  needed[output.id] = true;
  for (std::uint32_t id = output.id + 1; id-- > 0;) {
    if (!needed[id]) continue;
    for (const Value input : tape.nodes()[id].inputs) {
      if (input.exists() && !tape[input].constant) needed[input.id] = true;
    }
  }
  return needed;
}

std::string place_of(const Node& node) {
  const std::string name(node.op == nullptr ? "the input" : node.op->name);
  return node.site == nullptr ? name : name + " of " + node.site->site;
}

/// What the codes of a weight, or of some of its rows (ops::part), are made of.
program::Levels levels_of(Tape& tape, const Node& node) {
  if (node.site == nullptr || !node.site->has_two_levels()) return {};
  const Node& whole = node.rows == node.site->channels ? node : tape[node.inputs[0]];
  program::Levels levels = two_levels_of(*whole.site, {tape.value(whole.inputs[0]), whole.size()}).levels;
  const auto groups = static_cast<std::ptrdiff_t>(levels.groups(whole.cols));
  const auto from = levels.steps.begin() + (node.scale - whole.scale) * groups;
  levels.steps = {from, from + static_cast<std::ptrdiff_t>(node.rows) * groups};
  return levels;
}

std::vector<double> scales_of_node(const Node& node) {
  return {node.scale, node.scale + kernels::scale_count(node.layout, node.rows, node.cols)};
}

/// Of the weight of a node that is a linear map or a product with a row of constants.
program::WeightScales weight_scales(const Tape& tape, const Node& node, std::size_t number) {
  const Node& weight = tape[node.inputs[1]];
  program::WeightScales scales;
  scales.number = number;
  scales.bias = node.inputs.size() > 2 && node.inputs[2].exists();
  scales.weight = scales_of_node(weight);
  scales.result = scales_of_node(node);
  if (weight.site == nullptr) return scales;
  scales.site = weight.site->site;
  scales.bits = weight.site->spec.bits;
  scales.symmetric = weight.site->spec.symmetry == QuantSpec::Symmetry::symmetric;
  return scales;
}

}  // namespace

Lowering::Lowering(Tape& tape, program::Program& program)
    : tape_(tape), program_(program), values_(tape.nodes().size(), -1) {}

program::Ref Lowering::value(Value v) const {
  require(values_[v.id] >= 0, "export", "{} needs codes of {}, which is computed in float",
          place_of(tape_.nodes()[current_]), place_of(tape_[v]));
  return static_cast<program::Ref>(values_[v.id]);
}

std::vector<std::int32_t> Lowering::codes(Value v) const { return tape_.codes32(v); }

std::uint32_t Lowering::bits_of(const std::int32_t* codes, std::size_t count) {
  std::uint32_t bits = 2;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t magnitude = codes[i] < 0 ? ~static_cast<std::uint32_t>(codes[i]) : std::uint32_t(codes[i]);
    bits = std::max(bits, static_cast<std::uint32_t>(std::bit_width(magnitude)) + 1);
  }
  return bits;
}

program::Matrix Lowering::matrix(Value v) const {
  const Node& node = tape_[v];
  const int bits = node.site == nullptr ? 0 : node.site->spec.bits;
  std::vector<std::int32_t> all = codes(v);
  const std::uint32_t needed = bits_of(all.data(), all.size());
  const auto is_sign = [](std::int32_t c) { return c == 1 || c == -1; };
  const bool signs = bits == 1 && std::all_of(all.begin(), all.end(), is_sign);
  return {static_cast<std::uint32_t>(node.rows), static_cast<std::uint32_t>(node.cols),
          signs ? 1 : std::max(needed, static_cast<std::uint32_t>(bits)), std::move(all), levels_of(tape_, node)};
}

void Lowering::emit(program::Instruction instruction) {
  const bool weighted =
      std::holds_alternative<program::Linear>(instruction) || std::holds_alternative<program::Scale>(instruction);
  program_.instructions.push_back(std::move(instruction));
  values_[current_] = static_cast<std::int64_t>(program_.instructions.size());
  if (weighted) weights_.push_back(weight_scales(tape_, tape_.nodes()[current_], program_.instructions.size()));
}

void Lowering::real_input(Value raw, const Grid& grid, bool one_bit) {
  program_.input = {static_cast<std::uint32_t>(tape_[raw].cols), false, one_bit, grid};
  if (one_bit) {
    program_.input.grid.lo = -1;
    program_.input.grid.hi = 1;
  }
  values_[current_] = 0;
}

program::Ref Lowering::token_input(std::int32_t vocabulary) {
  program_.input = {1, true, false, {1.0F, 0, vocabulary - 1}};
  return 0;
}

void Lowering::coded_input(const Node& leaf) {
  const auto bound = static_cast<std::int32_t>(leaf.bound);
  program_.input = {static_cast<std::uint32_t>(leaf.cols), false, false, {leaf.scale[0], -bound, bound}};
  values_[current_] = 0;
}

void Lowering::lower(Value output) {
  const std::vector<bool> needed = needed_for(tape_, output);
  for (current_ = 0; current_ <= output.id; ++current_) {
    const Node& node = tape_.nodes()[current_];
    if (!needed[current_] || node.table || node.by_token) continue;
    if (node.op == nullptr) {
      if (node.has_codes()) coded_input(node);
      continue;
    }
    require(node.op->lower != nullptr && node.has_codes() && !node.rounded_float, "export", "{} is computed in float",
            place_of(node));
    node.op->lower(*this, node);
  }
}

program::Program export_program(Tape& tape, Value output, std::string name, bool classes, std::size_t padded_length,
                                std::vector<program::WeightScales>* weights) {
  program::Program program;
  program.name = std::move(name);
  program.padded_length = static_cast<std::uint32_t>(padded_length);
  Lowering lowering(tape, program);
  lowering.lower(output);
  if (weights != nullptr) *weights = lowering.weights();
  const Node& y = tape[output];
  const std::size_t scales = kernels::scale_count(y.layout, y.rows, y.cols);
  program.output = {classes, {y.scale, y.scale + scales}};
  program::analyse(program);
  return program;
}

}  // namespace bitstate
