#include "tests/support/models/trace_comparison.h"
#include "tests/support/models/computed.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <vector>

namespace bitstate::tests {
namespace {

using kernels::ScaleLayout;

std::string_view name_of(const Node& node) {
  return node.site != nullptr ? std::string_view(node.site->site) : node.op->name;
}

float scale_of(const Node& node, std::size_t r, std::size_t c) {
  return node.scale[node.layout == ScaleLayout::per_tensor ? 0 : node.layout == ScaleLayout::per_column ? c : r];
}

std::string difference(const PlainRecord& record, const Computed& node) {
  const Plain& x = record.result;
  if (node.cols != x.cols || node.rows != x.rows) {
    return fmt::format("has the size {} x {}, not {} x {}", node.rows, node.cols, x.rows, x.cols);
  }
  if (node.bound != x.bound) return fmt::format("has the bound {}, not {}", node.bound, x.bound);
  for (std::size_t r = 0; r < x.rows; ++r) {
    for (std::size_t c = 0; c < x.cols; ++c) {
      if (scale_of(node, r, c) != x.scale_of(r, c)) {
        return fmt::format("[{}, {}] has the scale {}, not {}", r, c, scale_of(node, r, c), x.scale_of(r, c));
      }
      const std::int64_t code = node.codes[r * node.cols + c];
      if (code != x.code(r, c)) return fmt::format("[{}, {}] has the code {}, not {}", r, c, code, x.code(r, c));
    }
  }
  return {};
}

/// For every node of the tape whether it is computed from the data.
std::vector<bool> from_data(const Tape& tape, const Batch& batch) {
  std::vector<bool> data;
  for (const Node& node : tape.nodes()) {
    bool depends = node.op == nullptr ? node.real == batch.x.data() : node.op->name == "embedding";
    for (const Value v : node.inputs) depends = depends || (v.exists() && data[v.id]);
    data.push_back(depends);
  }
  return data;
}

bool is_function(const Node& node) {
  return node.op != nullptr && (node.op->name == "gelu" || node.op->name == "qgelu" || node.op->name == "sigmoid" ||
                                node.op->name == "hard_sigmoid");
}

/// An embedding without codes, or its sum with the bias: a function of one token.
bool is_of_token(const Tape& tape, const Node& node) {
  if (node.has_codes()) return false;
  if (node.op->name != "sum") return node.op->name == "embedding";
  const Node& rows = tape[node.inputs[0]];
  return rows.op != nullptr && rows.op->name == "embedding";
}

/// Whether the node computes on codes, or is a function between codes, or tokens, and a quantizer.
bool is_integer(const Tape& tape, std::size_t i) {
  const Node& node = tape.nodes()[i];
  const auto input = [&](std::size_t k) -> const Node& { return tape[node.inputs[k]]; };
  if (is_function(node)) {
    const bool one_code =
        input(0).has_codes() && input(0).layout == ScaleLayout::per_tensor && input(0).bound <= 1 << 15;
    return one_code && std::any_of(tape.nodes().begin(), tape.nodes().end(), [&](const Node& next) {
             return next.site != nullptr && next.has_codes() && next.inputs[0].id == i;
           });
  }
  if (is_of_token(tape, node)) return true;
  const bool scan = node.op->name == "scan" || node.op->name == "scan_shear";
  if (!node.has_codes() || !scan) return node.has_codes();
  if (!input(0).has_codes() || !input(1).has_codes()) return false;
  const double s = double{input(0).scale[0]};
  int exponent = 0;
  const bool power = std::frexp(s, &exponent) == 0.5 && exponent <= 1 && exponent >= -39;
  if (power) return true;
  const bool decayed = node.site->spec.rounding == QuantSpec::Rounding::decayed;
  const double of_residue = 2.0 * static_cast<double>(input(0).bound) * (1.0 / s + 10.0);
  return 0x1.0p30 * s >= (decayed ? 5.0 : 4.0) * static_cast<double>(node.bound) &&
         (!decayed || of_residue <= 0x3.0p30);
}

/// The first operation in float and how many nodes with codes that depend on the data come before it.
struct FloatAt {
  std::string name = {};
  std::size_t before = 0;
};

FloatAt first_float(const Tape& tape, const Batch& batch) {
  const std::vector<bool> data = from_data(tape, batch);
  FloatAt at;
  for (std::size_t i = 0; i < data.size(); ++i) {
    const Node& node = tape.nodes()[i];
    if (!data[i] || node.op == nullptr) continue;
    if (!is_integer(tape, i)) {
      at.name = name_of(node);
      return at;
    }
    at.before += node.has_codes() ? 1 : 0;
  }
  return at;
}

}  // namespace

Comparison compare(const PlainTrace& expected, Tape& tape, const Batch& batch) {
  std::map<std::string_view, std::vector<const Node*>> nodes;
  std::size_t with_codes = 0;
  for (const Node& node : tape.nodes()) {
    if (node.op == nullptr || !node.has_codes()) continue;
    nodes[name_of(node)].push_back(&node);
    ++with_codes;
  }
  std::map<std::string_view, std::size_t> place;
  Comparison result;
  std::size_t of_data = 0;
  for (const PlainRecord& record : expected.records) {
    const std::size_t i = place[record.name]++;
    const auto& candidates = nodes[record.name];
    if (i >= candidates.size()) {
      result.difference = fmt::format("{} {} has no codes", record.name, i);
      return result;
    }
    const std::string found = difference(record, computed(tape, *candidates[i]));
    if (!found.empty()) {
      result.difference = fmt::format("{} {} {}", record.name, i, found);
      return result;
    }
    ++result.nodes;
    of_data += record.constant ? 0 : 1;
  }
  const FloatAt at = first_float(tape, batch);
  if (at.name != expected.float_at || (!at.name.empty() && at.before != of_data)) {
    result.difference = fmt::format("float begins at \"{}\" after {} nodes, not at \"{}\" after {}", at.name, at.before,
                                    expected.float_at, of_data);
  } else if (expected.is_integer() && with_codes != expected.records.size()) {
    result.difference = fmt::format("{} nodes have codes, not {}", with_codes, expected.records.size());
  }
  return result;
}

}  // namespace bitstate::tests
