#include "autograd/tape.h"

#include "core/error.h"
#include "core/ranges.h"

#include <algorithm>
#include <limits>

namespace bitstate {
namespace {

/// `count` elements from `offset` on of a span that the caller of a pass gave.
template <class T>
std::span<T> part_of(std::span<T> all, std::size_t offset, std::size_t count, std::string_view name,
                     std::string_view whose) {
  require(offset <= all.size() && count <= all.size() - offset, "tape",
          "Pass::{} has {} elements, {} needs {} from {} on", name, all.size(), whose, count, offset);
  return all.subspan(offset, count);
}

}  // namespace

void Sequences::check(std::string_view op, std::size_t steps) const {
  require(lengths.size() == rows.size(), op, "{} sequences have {} lengths", rows.size(), lengths.size());
  std::size_t left = steps;
  for (std::size_t n = 0; n < rows.size(); ++n) {
    require(lengths[n] >= 1 && lengths[n] <= rows[n], op, "sequence {} has length {} of {} rows", n, lengths[n],
            rows[n]);
    require(rows[n] <= left, op, "the sequences have more rows than the {} of the input", steps);
    left -= rows[n];
  }
  require(left == 0, op, "the sequences have {} rows, the input {}", steps - left, steps);
}

void Tape::begin(const Pass& pass) {
  nodes_.clear();
  visits_.clear();
  spare_.clear();
  arena_.reset();
  pass_ = pass;
}

Value Tape::input(std::size_t rows, std::size_t cols, const float* data) {
  Node node;
  node.rows = rows;
  node.cols = cols;
  node.value = const_cast<float*>(data);  // leaves are never written to
  nodes_.push_back(node);
  return last();
}

Value Tape::parameter(const Parameter& parameter) {
  const Tensor& tensor = parameter.value;
  require(tensor.cols == 0 ? tensor.size() == 0
                           : tensor.size() % tensor.cols == 0 && tensor.size() / tensor.cols == tensor.rows,
          "tape", "a parameter of shape [{}, {}] has {} elements", tensor.rows, tensor.cols, tensor.size());
  const Value v = input(tensor.rows, tensor.cols, tensor.data.data());
  nodes_[v.id].constant = true;
  if (pass_.gradients) {
    nodes_[v.id].needs_gradient = true;
    nodes_[v.id].gradient = part_of(pass_.gradient, parameter.offset, tensor.size(), "gradient", "a parameter").data();
  }
  return v;
}

Node& Tape::push(const Op& op, std::span<const Value> inputs, std::size_t rows, std::size_t cols) {
  require(cols == 0 || rows <= std::numeric_limits<std::size_t>::max() / cols, op.name,
          "a result of {} rows and {} columns is too large", rows, cols);
  Node node;
  node.op = &op;
  node.rows = rows;
  node.cols = cols;
  node.constant = true;
  auto* const kept = arena_.array<Value>(inputs.size());
  std::copy(inputs.begin(), inputs.end(), kept);
  node.inputs = {kept, inputs.size()};
  for (const Value v : inputs) {
    if (!v.exists()) continue;
    const Node& input = (*this)[v];
    node.needs_gradient = node.needs_gradient || input.needs_gradient;
    node.constant = node.constant && input.constant;
  }
  node.value = arena_.array<float>(rows * cols);
  nodes_.push_back(node);
  return nodes_.back();
}

float* Tape::take_buffer(std::size_t size) {
  for (std::size_t i = spare_.size(); i-- > 0;) {
    if (spare_[i].size != size) continue;
    float* const memory = spare_[i].memory;
    spare_.erase(spare_.begin() + static_cast<std::ptrdiff_t>(i));
    return memory;
  }
  return arena_.array<float>(size);
}

float* Tape::gradient(Value v) {
  if (!v.exists()) return nullptr;
  Node& node = (*this)[v];
  if (!node.needs_gradient) return nullptr;
  if (node.gradient == nullptr) {
    node.gradient = take_buffer(node.size());
    std::fill(node.gradient, node.gradient + node.size(), 0.0F);
  }
  return node.gradient;
}

std::span<float> Tape::observed(const Quantizer& site) const {
  return part_of(pass_.observed, site.offset, site.range_count(), "observed", site.site);
}

std::span<std::uint32_t> Tape::counts(const Quantizer& site, std::size_t c) const {
  const std::span all =
      part_of(pass_.counts, site.counts_offset, site.range_count() * histogram_bins, "counts", site.site);
  return all.subspan(c * histogram_bins, histogram_bins);
}

std::span<double> Tape::statistics(std::size_t offset, std::size_t count) const {
  if (pass_.statistics.empty()) return {};
  return part_of(pass_.statistics, offset, count, "statistics", "batch_norm");
}

void Tape::fail_absent(Value v) const {
  require(v.exists(), "tape", "an input is missing: a value that does not exist");
  fail("tape", "value {} is none of the {} on the tape: is it of an earlier pass?", v.id, nodes_.size());
}

void Tape::backward(Value v, std::span<const float> seed) {
  float* const g = gradient(v);
  if (g == nullptr) return;
  const std::size_t size = nodes_[v.id].size();
  if (seed.empty()) {
    require(size == 1, "tape", "backward from {} elements needs a seed of as many elements", size);
    g[0] += 1.0F;
  } else {
    require(seed.size() == size, "tape", "the seed has {} elements, but the value has {}", seed.size(), size);
    for (std::size_t i = 0; i < size; ++i) g[i] += seed[i];
  }
  for (std::size_t i = v.id + 1; i-- > 0;) {
    if (nodes_[i].op == nullptr || nodes_[i].gradient == nullptr) continue;
    nodes_[i].op->backward(*this, nodes_[i]);
    spare_.push_back({nodes_[i].size(), nodes_[i].gradient});
    nodes_[i].gradient = nullptr;
  }
}

}  // namespace bitstate
