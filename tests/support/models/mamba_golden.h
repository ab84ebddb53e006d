// The golden values of Mamba in double precision (mamba_reference.h5 of the fixture folder), and a pass whose leaves
// they are.
#pragma once

#include "autograd/ops.h"
#include "core/io/hdf5.h"
#include "tests/support/folders.h"
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

/// The fixture, open for reading. Paths are those of the file: "conv/case_0/in/x".
class MambaGolden {
 public:
  MambaGolden() : file_(fixture_folder() / "mamba_reference.h5") {}

  /// Paths of the groups in `kind`, sorted. One with an attribute that the test does not read fails.
  [[nodiscard]] std::vector<std::string> cases(const std::string& kind, const std::set<std::string>& attributes) const {
    std::vector<std::string> found;
    for (const auto& name : file_.list(kind)) {
      const std::string path = kind + "/" + name;
      CAPTURE(path);
      for (const auto& attribute : file_.attributes(path)) {
        CAPTURE(attribute);
        CHECK(attributes.count(attribute) == 1);
      }
      found.push_back(path);
    }
    return found;
  }
  [[nodiscard]] std::vector<double> values(const std::string& path) const { return file_.read<double>(path).values; }
  [[nodiscard]] std::vector<std::int64_t> integers(const std::string& path) const {
    return file_.read<std::int64_t>(path).values;
  }
  /// Leading axes are merged; a vector [n] is [1, n]. With `rows`, the array is parted into as many.
  [[nodiscard]] Tensor matrix(const std::string& path, std::size_t rows = 0) const {
    const auto array = file_.read<double>(path);
    const std::size_t cols = rows > 0 ? array.values.size() / rows : array.shape.empty() ? 1 : array.shape.back();
    Tensor out(cols == 0 ? 0 : array.values.size() / cols, cols);
    std::transform(array.values.begin(), array.values.end(), out.data.begin(),
                   [](double v) { return static_cast<float>(v); });
    return out;
  }
  /// Empty where there is no such array.
  [[nodiscard]] Tensor matrix_if(const std::string& path) const { return exists(path) ? matrix(path) : Tensor(); }
  [[nodiscard]] bool exists(const std::string& path) const { return file_.exists(path); }
  [[nodiscard]] std::vector<std::string> list(const std::string& group) const { return file_.list(group); }
  [[nodiscard]] double number(const std::string& group, const char* name) const {
    return file_.attribute<double>(group, name);
  }
  [[nodiscard]] std::size_t count(const std::string& group, const char* name) const {
    return static_cast<std::size_t>(file_.attribute<std::int64_t>(group, name));
  }
  [[nodiscard]] std::string text(const std::string& group, const char* name) const {
    return file_.attribute<std::string>(group, name);
  }
  [[nodiscard]] bool flag(const std::string& group, const char* name) const { return count(group, name) != 0; }

 private:
  Hdf5Reader file_;
};

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
