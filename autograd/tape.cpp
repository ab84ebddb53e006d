#include "autograd/tape.h"

#include "core/error.h"
#include "core/program/run/operands.h"
#include "core/ranges.h"

#include <algorithm>
#include <limits>
#include <new>

namespace bitstate {
namespace {

constexpr std::size_t reader_rows = 32;  // of RowReader: they stay in the L1 cache

/// Codes of a row, so that kernels read and write whole vectors beyond a row's end.
std::size_t stride_of(std::size_t cols) { return program::rounded_up(cols, program::vector_columns); }

/// Of so many rows; kernels read and write beyond the last one.
std::size_t bytes_of_codes(std::size_t rows, std::size_t stride, program::Width width) {
  return (rows * stride + program::row_multiple) * program::bytes_of(width);
}

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

void Tape::Memory::clear() {
  arena.reset();
  spare.clear();
  passing.clear();
  in_backward = false;
}

void Tape::begin(const Pass& pass) {
  nodes_.clear();
  visits_.clear();
  parts_.clear();
  memory_.clear();
  aside_.clear();
  scratch_.reset();
  pass_ = pass;
}

Value Tape::input(std::size_t rows, std::size_t cols, const float* data) {
  Node node;
  node.rows = rows;
  node.cols = cols;
  node.real = const_cast<float*>(data);  // leaves are never written to
  nodes_.push_back(node);
  return last();
}

Value Tape::input(const CodedRows& rows) {
  Node node;
  node.rows = rows.rows;
  node.cols = rows.cols;
  node.codes = rows.codes;
  node.scale = rows.scale;
  node.layout = rows.layout;
  node.bound = rows.bound;
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

Node& Tape::push_bare(const Op& op, std::span<const Value> inputs, std::size_t rows, std::size_t cols) {
  require(cols == 0 || rows <= std::numeric_limits<std::size_t>::max() / cols, op.name,
          "a result of {} rows and {} columns is too large", rows, cols);
  if (rows * cols > std::numeric_limits<std::size_t>::max() / 2 / sizeof(float)) throw std::bad_alloc();
  Node node;
  node.op = &op;
  node.rows = rows;
  node.cols = cols;
  node.constant = true;
  node.held = op.traits.reads_result;
  auto* const kept = memory_.arena.array<Value>(inputs.size());
  std::copy(inputs.begin(), inputs.end(), kept);
  node.inputs = {kept, inputs.size()};
  for (const Value v : inputs) {
    if (!v.exists()) continue;
    Node& input = (*this)[v];
    ++input.readers;
    input.held = input.held || op.traits.reads_operands;
    node.needs_gradient = node.needs_gradient || input.needs_gradient;
    node.constant = node.constant && input.constant;
  }
  nodes_.push_back(node);
  return nodes_.back();
}

const program::Kernels& Tape::kernels() {
  static const program::Kernels& fastest = program::kernels_of(program::best_isa());
  return fastest;
}

program::MutableCodes Tape::new_codes(Node& node, program::Width width) {
  const std::size_t stride = stride_of(node.cols);
  const std::size_t bytes = bytes_of_codes(node.rows, stride, width);
  node.codes = {take(bytes), width, stride};
  return {const_cast<void*>(node.codes.data), width, stride};
}

std::int32_t* Tape::new_codes32(Node& node) {
  auto* const codes = memory_.arena.array<std::int32_t>(node.size() + program::row_multiple);
  node.codes = {codes, program::Width::four, node.cols};
  return codes;
}

program::MutableCodes Tape::scratch_codes(std::size_t rows, std::size_t cols, program::Width width) {
  const std::size_t stride = stride_of(cols);
  return {scratch_.array<std::byte>(bytes_of_codes(rows, stride, width)), width, stride};
}

program::Width Tape::width(Value v) const {
  const Node& node = (*this)[v];
  constexpr program::Width unknown{};
  return node.codes.width != unknown ? node.codes.width : program::width_of(-node.bound, node.bound);
}

program::Codes Tape::codes(Value v) {
  Node& node = (*this)[v];
  require(node.has_codes(), "tape", "a value of {} has no codes", node.op == nullptr ? "a leaf" : node.op->name);
  if (node.codes.data == nullptr) {
    const program::MutableCodes to = new_codes(node, width(v));
    by_blocks(node.rows,
              [&](RowRange rows) { node.op->compute(*this, node, rows, nullptr, program::rows_from(to, rows.first)); });
  }
  return node.codes;
}

bool Tape::is_light(Value v) const {
  const Node& node = (*this)[v];
  if (node.codes.data != nullptr || node.light) return true;
  if (!node.table && !(node.has_codes() && node.op->traits.light)) return false;
  return std::all_of(node.inputs.begin(), node.inputs.end(),
                     [this](Value input) { return !input.exists() || (*this)[input].constant || is_light(input); });
}

void Tape::hold(Value v) {
  if (is_light(v)) {
    (*this)[v].light = true;
  } else {
    static_cast<void>(codes(v));
  }
}

program::Codes Tape::code_rows(Value v, RowRange rows) {
  const Node& node = (*this)[v];
  if (node.codes.data != nullptr || !node.has_codes() || (node.readers > 1 && !node.light)) {
    return program::rows_from(codes(v), rows.first);
  }
  const program::MutableCodes to = scratch_codes(rows.count, node.cols, width(v));
  node.op->compute(*this, node, rows, nullptr, to);
  return {to.data, to.width, to.stride};
}

std::vector<std::int32_t> Tape::codes32(Value v) {
  const program::Codes from = codes(v);
  const Node& node = (*this)[v];
  std::vector<std::int32_t> all(node.size());
  program::with_type(from, [&](const auto* in) {
    for (std::size_t r = 0; r < node.rows; ++r) {
      program::copy_codes(in + r * from.stride, node.cols, all.data() + r * node.cols);
    }
  });
  return all;
}

const float* Tape::rows(Value v, RowRange rows, float* scratch) {
  const Node& node = (*this)[v];
  if (node.real != nullptr || !node.has_codes()) return value(v) + rows.first * node.cols;
  for (std::size_t row = 0; row < rows.count; row += block_rows) {
    const Arena::Scope scope(scratch_);
    const RowRange block{rows.first + row, std::min(block_rows, rows.count - row)};
    kernels::dequantize(block.first, block.count, node.cols, {node.layout, node.scale}, code_rows(v, block),
                        scratch + row * node.cols);
  }
  return scratch;
}

RowReader::RowReader(Tape& tape, Value v)
    : tape_(tape),
      value_(v),
      rows_(tape[v].rows),
      cols_(tape[v].cols),
      scratch_(tape.scratch().array<float>(reader_rows * cols_)) {}

void RowReader::load(std::size_t row) {
  first_ = row / reader_rows * reader_rows;
  count_ = std::min(reader_rows, rows_ - first_);
  block_ = tape_.rows(value_, {first_, count_}, scratch_);
}

const float* Tape::value(Value v) {
  Node& node = (*this)[v];
  if (node.real != nullptr || (node.op == nullptr && !node.has_codes())) return node.real;
  float* const real = new_real(node);
  if (memory_.in_backward) memory_.passing.push_back(v.id);
  if (node.has_codes()) {
    by_blocks(node.rows, [&](RowRange part) { static_cast<void>(rows(v, part, real + part.first * node.cols)); });
  } else if (node.op->evaluate != nullptr) {
    node.op->evaluate(*this, node, real);
  } else {
    require(node.op->elementwise != nullptr, "tape", "the numbers of {} were given back", node.op->name);
    node.op->elementwise->map(node.size(), value(node.inputs[0]), real);
  }
  node.real = real;
  return real;
}

/// Gives back the arrays of all nodes that neither backward() nor a node without memory is to read.
void Tape::give_back_unread() {
  std::vector<bool> needed(nodes_.size());
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    const Node& node = nodes_[i];
    needed[i] = needed[i] || node.held || node.readers == 0;
    if (!needed[i] || node.real != nullptr || node.codes.data != nullptr) continue;
    for (const Value input : node.inputs) {
      if (input.exists()) needed[input.id] = true;  // it is computed from them
    }
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = nodes_[i];
    if (needed[i] || node.op == nullptr || node.constant) continue;
    if (node.real != nullptr) give_back(node.size(), std::exchange(node.real, nullptr));
    if (node.codes.data != nullptr && node.op->compute != nullptr) {
      const void* const codes = std::exchange(node.codes.data, nullptr);
      memory_.spare.push_back({bytes_of_codes(node.rows, node.codes.stride, node.codes.width),
                               static_cast<std::byte*>(const_cast<void*>(codes))});
    }
  }
}

std::size_t Tape::given_back_bytes() const {
  std::size_t bytes = 0;
  for (const Spare& one : memory_.spare) bytes += Arena::taken_by(one.bytes);
  return bytes;
}

std::byte* Tape::take(std::size_t bytes) {
  for (std::size_t i = memory_.spare.size(); i-- > 0;) {
    if (memory_.spare[i].bytes != bytes) continue;
    std::byte* const memory = memory_.spare[i].memory;
    memory_.spare.erase(memory_.spare.begin() + static_cast<std::ptrdiff_t>(i));
    return memory;
  }
  return memory_.arena.array<std::byte>(bytes);
}

float* Tape::gradient(Value v) {
  if (!v.exists()) return nullptr;
  Node& node = (*this)[v];
  if (!node.needs_gradient) return nullptr;
  if (node.gradient == nullptr) {
    node.gradient = new_real(node);
    std::fill(node.gradient, node.gradient + node.size(), 0.0F);
  }
  return node.gradient;
}

float* Tape::first_gradient(Value v) {
  if (!v.exists()) return nullptr;
  Node& node = (*this)[v];
  if (!node.needs_gradient || node.gradient != nullptr) return nullptr;
  node.gradient = new_real(node);
  return node.gradient;
}

void Tape::pass_on(Value v, const Node& node) {
  if (!v.exists()) return;
  Node& to = (*this)[v];
  if (!to.needs_gradient) return;
  if (to.gradient == nullptr) {
    to.gradient = std::exchange(nodes_[handle(node).id].gradient, nullptr);
    return;
  }
  for (std::size_t i = 0; i < node.size(); ++i) to.gradient[i] += node.gradient[i];
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

void Tape::compute(Value v) {
  if ((*this)[v].has_codes()) {
    static_cast<void>(codes(v));
  } else {
    static_cast<void>(value(v));
  }
}

void Tape::backward(Value v, std::span<const float> seed) {
  float* const g = gradient(v);
  if (g == nullptr) return;
  compute(v);  // what v depends on is computed then, and with it which codes are clamped
  const std::size_t size = nodes_[v.id].size();
  if (seed.empty()) {
    require(size == 1, "tape", "backward from {} elements needs a seed of as many elements", size);
    g[0] += 1.0F;
  } else {
    require(seed.size() == size, "tape", "the seed has {} elements, but the value has {}", seed.size(), size);
    for (std::size_t i = 0; i < size; ++i) g[i] += seed[i];
  }
  run_backward(v.id, 0);
}

/// From node `last` back to node `first`. An op may put nodes behind `last`, and take them off again (TapePart).
void Tape::run_backward(std::size_t last, std::size_t first) {
  memory_.in_backward = true;
  for (std::size_t i = last + 1; i-- > first;) {
    if (nodes_[i].op == nullptr || nodes_[i].gradient == nullptr) continue;
    const Arena::Scope scope(scratch_);
    nodes_[i].op->backward(*this, nodes_[i]);
    for (const std::uint32_t id : memory_.passing) {
      give_back(nodes_[id].size(), std::exchange(nodes_[id].real, nullptr));
    }
    memory_.passing.clear();
    if (nodes_[i].gradient == nullptr) continue;  // it was passed on
    give_back(nodes_[i].size(), nodes_[i].gradient);
    nodes_[i].gradient = nullptr;
  }
  memory_.in_backward = false;
}

TapePart::TapePart(Tape& tape, bool again)
    : tape_(tape), first_node_(tape.nodes_.size()), first_visit_(tape.visits_.size()) {
  std::swap(tape_.memory_, tape_.aside_);
  tape_.memory_.clear();
  tape_.pass_.results_only = false;
  tape_.repeats_ = again;
}

TapePart::~TapePart() {
  std::swap(tape_.memory_, tape_.aside_);
  tape_.nodes_.resize(first_node_);
  tape_.visits_.erase(tape_.visits_.begin() + static_cast<std::ptrdiff_t>(first_visit_), tape_.visits_.end());
  tape_.pass_.results_only = true;
  tape_.repeats_ = false;
}

void TapePart::backward(Value v, float* gradient) {
  tape_.compute(v);
  tape_[v].gradient = gradient;
  tape_.run_backward(v.id, first_node_);
}

}  // namespace bitstate
