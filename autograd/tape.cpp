#include "autograd/tape.h"

#include "core/error.h"

#include <algorithm>

namespace bitstate {

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
  const Value v = input(tensor.rows, tensor.cols, tensor.data.data());
  nodes_[v.id].constant = true;
  if (pass_.gradients) {
    require(parameter.offset + tensor.size() <= pass_.gradient.size(), "tape",
            "a parameter of {} elements at offset {} does not fit a gradient of {} elements", tensor.size(),
            parameter.offset, pass_.gradient.size());
    nodes_[v.id].needs_gradient = true;
    nodes_[v.id].gradient = pass_.gradient.data() + parameter.offset;
  }
  return v;
}

Node& Tape::push(const Op& op, std::initializer_list<Value> inputs, std::size_t rows, std::size_t cols) {
  Node node;
  node.op = &op;
  node.rows = rows;
  node.cols = cols;
  node.constant = true;
  std::size_t i = 0;
  for (const Value v : inputs) {
    node.inputs[i++] = v;
    if (!v.exists()) continue;
    node.needs_gradient = node.needs_gradient || nodes_[v.id].needs_gradient;
    node.constant = node.constant && nodes_[v.id].constant;
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
  Node& node = nodes_[v.id];
  if (!node.needs_gradient) return nullptr;
  if (node.gradient == nullptr) {
    node.gradient = take_buffer(node.size());
    std::fill(node.gradient, node.gradient + node.size(), 0.0F);
  }
  return node.gradient;
}

void Tape::backward(Value v, std::span<const float> seed) {
  float* const g = gradient(v);
  if (g == nullptr) return;
  const std::size_t size = nodes_[v.id].size();
  if (seed.empty()) {
    require(size == 1, "tape", "backward from {} elements needs a seed of as many", size);
    g[0] += 1.0F;
  } else {
    require(seed.size() == size, "tape", "the seed has {} elements, the value {}", seed.size(), size);
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
