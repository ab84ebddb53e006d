// Tapes of each form of backward, and evolq_mobiletl_reference.h5, which they are held to.
#pragma once

#include "autograd/backward_forms.h"
#include "autograd/ledger.h"
#include "autograd/tape.h"
#include "tests/support/folders.h"
#include "tests/support/golden.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::tests {

using Values = std::vector<double>;

/// Relative, of the tape against doubles.
inline constexpr double in_float = 2e-5;

inline Golden mobiletl_fixture() { return Golden(fixture_folder() / "evolq_mobiletl_reference.h5"); }

inline std::vector<float> floats(const Values& values) { return {values.begin(), values.end()}; }

inline double cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0.0, aa = 0.0, bb = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += double{a[i]} * double{b[i]};
    aa += double{a[i]} * double{a[i]};
    bb += double{b[i]} * double{b[i]};
  }
  return ab / std::sqrt(aa * bb);
}

/// A tape of a pass with gradients, and leaves whose gradients can be read.
struct Formed {
  Tape tape;
  std::deque<std::vector<float>> data;
  explicit Formed(NormBackward norm, ActBackward act = ActBackward::exact, bool gives_back = false) {
    Pass pass;
    pass.gradients = true;
    pass.norm_backward = norm;
    pass.act_backward = act;
    pass.gives_back = gives_back;
    tape.begin(pass);
  }
  Value leaf(const GoldenMatrix& matrix) {
    data.push_back(floats(matrix.values));
    const Value v = tape.input(matrix.rows, matrix.cols, data.back().data());
    tape.keep_gradient(v);
    return v;
  }
  Value leaf(const Values& values) { return leaf(GoldenMatrix{1, values.size(), values}); }
  [[nodiscard]] std::vector<float> values(Value v) {
    const float* const real = tape.value(v);
    return {real, real + tape[v].size()};
  }
  /// Empty where nothing flowed.
  [[nodiscard]] std::vector<float> gradient(Value v) {
    const float* const g = tape[v].gradient;
    return g == nullptr ? std::vector<float>() : std::vector<float>(g, g + tape[v].size());
  }
  [[nodiscard]] std::size_t kept(std::string_view what) const {
    std::size_t bytes = 0;
    for (const LedgerEntry& entry : ledger(tape)) bytes += entry.what == what ? entry.bytes : 0;
    return bytes;
  }
};

inline constexpr std::array norm_forms{NormBackward::exact, NormBackward::centred, NormBackward::frozen};

}  // namespace bitstate::tests
