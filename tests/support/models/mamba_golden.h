// A pass whose leaves are golden values of Mamba.
#pragma once

#include "autograd/ops.h"
#include "tests/support/mamba_fixture.h"
#include "tests/support/models/golden_model.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::tests {

/// The sum of all elements of its inputs, each times a number: attributes point to an array for each input.
inline constexpr Op seeded_op{"seeded", [](Tape& tape, const Node& node) {
                                const auto* const seeds = static_cast<const float* const*>(node.attributes);
                                for (std::size_t i = 0; i < node.inputs.size(); ++i) {
                                  float* const to = tape.gradient(node.inputs[i]);
                                  for (std::size_t k = 0; k < tape[node.inputs[i]].size(); ++k) to[k] += seeds[i][k];
                                }
                              }};

/// A training pass over leaves of data whose gradients are kept.
struct GoldenPass {
  Tape tape;
  std::deque<Tensor> data;  // keeps its addresses

  GoldenPass() {
    Pass pass;
    pass.training = true;
    pass.gradients = true;
    tape.begin(pass);
  }
  Value leaf(Tensor tensor) {
    data.push_back(std::move(tensor));
    const Value v = tape.input(data.back().rows, data.back().cols, data.back().data.data());
    tape.keep_gradient(v);
    return v;
  }
  /// Of the sum over all results of seed . value; those without a value or a seed are left out.
  void backward(const std::vector<std::pair<Value, Tensor>>& results) {
    std::vector<Value> inputs;
    std::vector<const float*> seeds;
    for (const auto& [v, seed] : results) {
      if (!v.exists() || seed.size() == 0) continue;
      REQUIRE(seed.size() == tape[v].size());
      data.push_back(seed);
      inputs.push_back(v);
      seeds.push_back(data.back().data.data());
    }
    Node& node = tape.push(seeded_op, inputs, 1, 1);
    node.attributes = seeds.data();
    tape.backward(tape.last());
  }
  [[nodiscard]] std::span<const float> gradient(Value v) { return {tape[v].gradient, tape[v].size()}; }
  /// Every gradient of the fixture's group is that of the leaf of its name.
  void check(const MambaGolden& golden, const std::string& group,
             const std::vector<std::pair<std::string, Value>>& leaves) {
    for (const auto& name : golden.list(group)) {
      CAPTURE(name);
      const auto at = std::find_if(leaves.begin(), leaves.end(), [&](const auto& leaf) { return leaf.first == name; });
      REQUIRE(at != leaves.end());
      REQUIRE(at->second.exists());
      CHECK(relative_error(gradient(at->second), golden.values(group + "/" + name)) <= close);
    }
  }
};

}  // namespace bitstate::tests
