// Models that carry the parameters of the golden values, and the options that the fixture's attributes describe.
#pragma once

#include "models/s5/layer.h"
#include "tests/support/golden.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::tests {

/// Largest relative error allowed between float32 and the fixture's double precision.
inline constexpr double close = 1e-4;

inline std::span<const float> value_of(Tape& tape, Value v) { return {tape.value(v), tape[v].size()}; }

/// Values of the nodes that an op left on the tape, in order.
inline std::vector<std::span<const float>> values_of(Tape& tape, std::string_view op) {
  std::vector<std::span<const float>> found;
  for (const Node& node : tape.nodes()) {
    if (node.op != nullptr && node.op->name == op) found.push_back(value_of(tape, tape.handle(node)));
  }
  return found;
}

/// A model whose parameters are set by the fixture's names, with its flat gradient.
template <class Model>
struct Loaded {
  Model model;
  Inventory inventory;
  std::vector<float> gradient;
  std::vector<double> statistics;
  std::string (*name_of)(std::string_view golden_name) = model_name;

  template <class... Args>
  explicit Loaded(const Args&... args)
      : model(args...),
        inventory(take_inventory(model)),
        gradient(inventory.parameter_count()),
        statistics(inventory.buffer_count()) {}
  Loaded(const Loaded&) = delete;  // the inventory points into the model
  Loaded& operator=(const Loaded&) = delete;

  [[nodiscard]] Parameter& parameter(const std::string& golden_name) const {
    const std::string name = name_of(golden_name);
    CAPTURE(name);
    const auto at = std::find_if(inventory.parameters.begin(), inventory.parameters.end(),
                                 [&](const NamedParameter& entry) { return entry.name == name; });
    REQUIRE(at != inventory.parameters.end());
    return *at->parameter;
  }
  void set(const std::string& golden_name, const GoldenMatrix& value) {
    Tensor& tensor = parameter(golden_name).value;
    REQUIRE(tensor.rows == value.rows);
    REQUIRE(tensor.cols == value.cols);
    tensor = value.tensor();
  }
  /// Sets all parameters; the fixture and the model must have the same ones.
  void load(const Golden& golden, const std::string& group) {
    const auto names = golden.list(group);
    REQUIRE(names.size() == inventory.parameters.size());
    for (const auto& name : names) set(name, golden.parameter(group + "/" + name));
  }
  [[nodiscard]] std::span<const float> gradient_of(const std::string& golden_name) const {
    const Parameter& p = parameter(golden_name);
    return std::span(gradient).subspan(p.offset, p.value.size());
  }
  void check_gradients(const Golden& golden, const std::string& group) const {
    std::size_t found = 0;
    for (const auto& name : golden.list(group)) {
      if (name == "u" || name == "x") continue;  // of the input, checked by the caller
      CAPTURE(name);
      CHECK(relative_error(gradient_of(name), golden.parameter(group + "/" + name).values) <= close);
      ++found;
    }
    CHECK(found == inventory.parameters.size());
  }
  /// A training pass of one lane whose gradient is collected here, from zero.
  [[nodiscard]] Pass training() {
    std::fill(gradient.begin(), gradient.end(), 0.0F);
    Pass pass;
    pass.training = true;
    pass.gradients = true;
    pass.gradient = gradient;
    pass.statistics = statistics;
    return pass;
  }
};

inline ops::Discretization discretization_of(const std::string& name) {
  REQUIRE((name == "zoh" || name == "bilinear"));
  return name == "zoh" ? ops::Discretization::zoh : ops::Discretization::bilinear;
}

/// The options that a case's attributes describe.
inline S5LayerOptions layer_options(const Golden& golden, const std::string& group) {
  S5LayerOptions options;
  options.sizes.H = golden.count(group, "H");
  options.sizes.P_full = golden.count(group, "P_full");
  options.sizes.blocks = golden.count(group, "J");
  options.sizes.conj_sym = golden.flag(group, "conj_sym");
  options.sizes.bidirectional = golden.flag(group, "bidirectional");
  if (golden.has(group, "discretization")) {
    options.discretize.method = discretization_of(golden.text(group, "discretization"));
  }
  if (golden.has(group, "clip_eigs")) options.discretize.clip_eigs = golden.flag(group, "clip_eigs");
  if (golden.has(group, "step_rescale")) options.discretize.step_rescale = golden.number(group, "step_rescale");
  if (golden.has(group, "activation")) {
    options.activation = activation_of(golden.text(group, "activation"));
    options.prenorm = golden.flag(group, "prenorm");
    const std::string norm = golden.text(group, "norm");
    REQUIRE((norm == "batch" || norm == "layer"));
    options.batchnorm = norm == "batch";
  }
  return options;
}

}  // namespace bitstate::tests
