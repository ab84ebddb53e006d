#include "experiments/inspect/flops.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace bitstate::experiments {
namespace {

constexpr std::size_t b_of_selective_scan = 3;  // the input whose columns are the states of a channel

/// Of one element of the result.
double per_element(const Tape& tape, const Node& node) {
  const auto cols = [&](std::size_t input) { return static_cast<double>(tape[node.inputs[input]].cols); };
  const std::string_view op = node.op->name;
  if (op == "linear") return 2.0 * cols(0);
  if (op.starts_with("scan")) return 4.0;  // a complex number is two elements
  if (op == "selective_scan") return 9.0 * cols(b_of_selective_scan);
  if (op == "causal_conv") return 2.0 * cols(1);
  return 1.0;
}

}  // namespace

Flops flops_of(const Tape& tape, const Node& node) {
  if (node.op == nullptr) return {};
  const double forward = static_cast<double>(node.size()) * per_element(tape, node);
  const auto operands = node.inputs.first(std::min<std::size_t>(node.inputs.size(), 2));  // not a bias
  const auto needed = std::count_if(operands.begin(), operands.end(),
                                    [&](Value input) { return input.exists() && tape[input].needs_gradient; });
  return {forward, forward * static_cast<double>(needed)};
}

}  // namespace bitstate::experiments
