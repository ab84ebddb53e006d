#include "experiments/training/frozen_prefix.h"

#include "core/error.h"
#include "core/program/run/operands.h"
#include "experiments/training/export_model.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

namespace bitstate {
namespace {

/// Memory for codes as a tape lays them out: kernels read and write whole vectors beyond the end of a row.
void make_room(PrefixRows& result) {
  result.stride = program::rounded_up(result.cols, program::vector_columns);
  const std::size_t codes = result.rows * result.stride + program::row_multiple;
  result.codes.assign(codes * program::bytes_of(result.width), std::byte{0});
}

/// Puts `from` [rows, cols] where row `first` of `to` is, whose codes have the same width.
void copy_rows(const program::Codes& from, std::size_t rows, std::size_t cols, const program::MutableCodes& to,
               std::size_t first) {
  const std::size_t size = program::bytes_of(to.width);
  for (std::size_t r = 0; r < rows; ++r) {
    const auto* const row = static_cast<const std::byte*>(from.data) + r * from.stride * size;
    std::copy_n(row, cols * size, static_cast<std::byte*>(to.data) + (first + r) * to.stride * size);
  }
}

PrefixRows rows_of(Tape& tape, Value v) {
  tape.compute(v);
  const Node& node = tape[v];
  PrefixRows result;
  result.rows = node.rows;
  result.cols = node.cols;
  if (!node.has_codes()) {
    result.real.assign(node.real, node.real + node.size());
    return result;
  }
  result.width = node.codes.width;
  result.scale.assign(node.scale, node.scale + kernels::scale_count(node.layout, node.rows, node.cols));
  result.layout = node.layout;
  result.bound = node.bound;
  make_room(result);
  copy_rows(node.codes, node.rows, node.cols, {result.codes.data(), result.width, result.stride}, 0);
  return result;
}

CodedRows coded(const PrefixRows& rows) {
  return {rows.rows,         rows.cols,   {rows.codes.data(), rows.width, rows.stride},
          rows.scale.data(), rows.layout, rows.bound};
}

/// Throws UsageError unless the model has a part for each of its layers, and what is behind the first `parts` of them
/// reads no parameter that is frozen.
void check_parts(const Model& model, const Inventory& inventory, std::size_t parts, const datasets::Example& example) {
  std::vector<std::size_t> rows{example.length};
  std::vector<std::int32_t> tokens = example.tokens;
  if (!example.second.empty()) {
    rows.push_back(example.second.size());
    tokens.insert(tokens.end(), example.second.begin(), example.second.end());
  }
  Tape tape;
  tape.begin({});
  const Value output = model.forward(tape, {{rows, rows}, example.x, tokens});
  const std::size_t layers = inventory.layer_count();
  require<UsageError>(tape.parts().size() == layers, "top_blocks",
                      "expected a model that computes its layers one after the other (ops::recomputed); this one has "
                      "{} layers, and its forward has {}",
                      layers, tape.parts().size());
  const std::size_t border = parts == 0 ? tape.entering().id : tape.parts()[parts - 1].id;
  std::vector<bool> behind(tape.nodes().size());
  behind[output.id] = true;
  for (std::size_t id = output.id + 1; id-- > 0;) {
    const Node& node = tape.nodes()[id];
    if (!behind[id] || id == border) continue;
    for (const Value input : node.inputs) {
      if (input.exists()) behind[input.id] = true;
    }
    for (const NamedParameter& entry : inventory.parameters) {
      require<UsageError>(
          !entry.parameter->frozen || node.real == nullptr || node.real != entry.parameter->value.data.data(),
          "top_blocks",
          "the head multiplies by {}, which is frozen with what is below the layers that train; train "
          "a model with a head of its own (--tie_embeddings=false)",
          entry.name);
    }
  }
}

}  // namespace

FrozenPrefix::FrozenPrefix(const Model& model, const Inventory& inventory, std::size_t parts,
                           const datasets::Example& example)
    : model_(model), parts_(parts) {
  check_parts(model, inventory, parts, example);
  program_ = IntegerForward::of(model, example, 0, parts);
  if (!program_) return;
  Tape tape;
  header_ = rows_of(tape, forward_example(model, example, 0, tape, true, parts));
  header_.codes.clear();
}

PrefixRows FrozenPrefix::operator()(Tape& tape, const Batch& one) const {
  const Sequences& sequences = one.sequences;
  const bool padded = sequences.rows[0] != sequences.lengths[0];  // a layer computes padding from what it sees there
  const auto codes = program_ && !padded ? program_->codes(one) : std::nullopt;
  if (!codes) return evaluated(tape, one);
  PrefixRows result = header_;
  result.rows = sequences.rows[0];
  make_room(result);
  program::with_type(program::MutableCodes{result.codes.data(), result.width, result.stride}, [&](auto* to) {
    for (std::size_t r = 0; r < result.rows; ++r) {
      program::copy_codes(codes->data() + r * result.cols, result.cols, to + r * result.stride);
    }
  });
  return result;
}

PrefixRows FrozenPrefix::evaluated(Tape& tape, const Batch& one) const {
  Pass pass;
  pass.results_only = true;
  tape.begin(pass);
  Batch batch = one;
  batch.parts_end = parts_;
  return rows_of(tape, model_.forward(tape, batch));
}

Value prefix_leaf(Tape& tape, std::span<const std::shared_ptr<const PrefixRows>> sequences) {
  const PrefixRows& first = *sequences[0];
  if (sequences.size() == 1) {
    return first.has_codes() ? tape.input(coded(first)) : tape.input(first.rows, first.cols, first.real.data());
  }
  PrefixRows all = first;
  const bool per_row = first.layout == kernels::ScaleLayout::per_row;
  for (const auto& more : sequences.subspan(1)) {
    require(more->has_codes() == first.has_codes() && more->layout == first.layout && more->width == first.width &&
                (per_row || more->scale == first.scale),
            "top_blocks",
            "the results of the frozen layers have different scales in two sequences of a pass; batch normalization "
            "needs ranges that are kept");
    all.rows += more->rows;
    all.bound = std::max(all.bound, more->bound);
    if (per_row) all.scale.insert(all.scale.end(), more->scale.begin(), more->scale.end());
  }
  const auto keep = [&](const auto& values) {
    auto* const kept = tape.arena().array<std::remove_cvref_t<decltype(values[0])>>(values.size());
    std::copy(values.begin(), values.end(), kept);
    return kept;
  };
  if (!first.has_codes()) {
    float* const real = tape.arena().array<float>(all.rows * all.cols);
    float* at = real;
    for (const auto& each : sequences) at = std::copy(each->real.begin(), each->real.end(), at);
    return tape.input(all.rows, all.cols, real);
  }
  const std::size_t codes = (all.rows * all.stride + program::row_multiple) * program::bytes_of(all.width);
  const program::MutableCodes to{tape.arena().array<std::byte>(codes), all.width, all.stride};
  std::size_t row = 0;
  for (const auto& each : sequences) {
    copy_rows(coded(*each).codes, each->rows, each->cols, to, row);
    row += each->rows;
  }
  return tape.input(
      CodedRows{all.rows, all.cols, {to.data, to.width, to.stride}, keep(all.scale), all.layout, all.bound});
}

}  // namespace bitstate
