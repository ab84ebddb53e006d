#include "models/s5/balance.h"

#include "core/error.h"
#include "core/random.h"
#include "models/s5/models.h"
#include "tests/support/models/computed.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace bitstate::tests::s5_balance_test {
namespace {

Model made(bool bidirectional, bool conj_sym, bool discrete) {
  S5Options o;
  o.inputs = 3;
  o.outputs = 4;
  o.layers = 2;
  o.layer.sizes.H = 5;
  o.layer.sizes.P_full = 16;
  o.layer.sizes.blocks = 2;
  o.layer.sizes.conj_sym = conj_sym;
  o.layer.sizes.bidirectional = bidirectional;
  o.layer.batchnorm = false;
  Model model = S5Classifier(o, 11);
  for (S5SSM* ssm : ssms(model)) {
    if (discrete) ssm->make_discrete();
  }
  return model;
}

/// Logits of two sequences, and the largest magnitude of each state of each layer.
struct Result {
  std::vector<float> logits;
  std::vector<std::vector<float>> maxima;
};

Result run(const Model& model) {
  const std::vector<std::size_t> rows{40, 23};
  std::vector<float> x(3 * 63);
  const Random random{5, random_stream("balance_test")};
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(random.normal(i));
  Tape tape;
  tape.begin({});
  const Value y = model.forward(tape, {{rows, rows}, x, {}});
  Result result;
  result.logits.assign(tape.value(y), tape.value(y) + tape[y].size());
  for (const Node& node : tape.nodes()) {
    if (node.op == nullptr || node.op->name != "scan") continue;
    std::vector<float> seen(node.cols / 2, 0.0F);
    for (std::size_t i = 0; i < node.size(); ++i) {
      float& m = seen[i % node.cols % seen.size()];
      m = std::max(m, std::fabs(tape.value(tape.handle(node))[i]));
    }
    result.maxima.push_back(seen);
  }
  return result;
}

float spread(const std::vector<float>& maxima) {
  const auto [low, high] = std::minmax_element(maxima.begin(), maxima.end());
  return *high / *low;
}

TEST_CASE("balance: the logits of the float model keep their bits, and the states come within a factor 2") {
  for (const bool conj_sym : {true, false}) {
    for (const bool discrete : {false, true}) {
      CAPTURE(conj_sym);
      CAPTURE(discrete);
      Model model = made(false, conj_sym, discrete);
      const Result before = run(model);
      REQUIRE(before.maxima.size() == 2);
      CHECK(spread(before.maxima[0]) > 2.0F);
      for (std::size_t l = 0; l < 2; ++l) balance_states(*ssms(model)[l], before.maxima[l]);
      const Result after = run(model);
      CHECK(after.logits == before.logits);
      for (std::size_t l = 0; l < 2; ++l) {
        CHECK(spread(after.maxima[l]) <= 2.0F);
        for (std::size_t p = 0; p < after.maxima[l].size(); ++p) {
          int exponent = 0;
          CHECK(std::frexp(after.maxima[l][p] / before.maxima[l][p], &exponent) == 0.5F);
        }
      }
    }
  }
}

TEST_CASE("balance: both directions of a bidirectional SSM read the scaled states, bit for bit") {
  Model model = made(true, true, false);
  const Result before = run(model);
  REQUIRE(before.maxima.size() == 4);
  for (std::size_t l = 0; l < 2; ++l) {
    std::vector<float> maxima = before.maxima[2 * l];
    for (std::size_t p = 0; p < maxima.size(); ++p) maxima[p] = std::max(maxima[p], before.maxima[2 * l + 1][p]);
    balance_states(*ssms(model)[l], maxima);
  }
  CHECK(run(model).logits == before.logits);
}

TEST_CASE("balance: maxima go to their geometric mean by powers of two, and a dead state stays") {
  Model model = made(false, true, false);
  S5SSM& ssm = *ssms(model)[0];
  const Tensor b = ssm.B.value;
  const Tensor c = ssm.C1.value;
  // of the seven live states the geometric mean is 2
  const std::vector<float> maxima{2.0F, 8.0F, 0.5F, 2.5F, 1.6F, 0.0F, 16.0F, 0.25F};
  const std::vector<float> scale{1.0F, 0.25F, 4.0F, 1.0F, 1.0F, 1.0F, 0.125F, 8.0F};
  balance_states(ssm, maxima);
  for (std::size_t r = 0; r < b.rows; ++r) {
    for (std::size_t h = 0; h < b.cols; ++h) {
      CHECK(ssm.B.value(r, h) == b(r, h) * scale[r % 8]);
      CHECK(ssm.C1.value(h, r) == c(h, r) / scale[r % 8]);
    }
  }
  // dead states do not count in the mean: that of 4 and 1 is 2
  const Tensor before = ssm.B.value;
  balance_states(ssm, std::vector<float>{4.0F, 1.0F, 0.0F, 0.0F, 0.0F, 0.0F, 0.0F, 0.0F});
  CHECK(ssm.B.value(0, 0) == before(0, 0) / 2.0F);
  CHECK(ssm.B.value(1, 0) == before(1, 0) * 2.0F);
  CHECK(ssm.B.value(2, 0) == before(2, 0));
  CHECK_THROWS_AS(balance_states(ssm, std::vector<float>(3, 1.0F)), Error);
  const Tensor unlimited = ssm.B.value;
  balance_states(ssm, maxima, 2);
  for (std::size_t r = 0; r < b.rows; ++r) {
    CHECK(ssm.B.value(r, 0) == unlimited(r, 0) * std::clamp(scale[r % 8], 0.25F, 4.0F));
  }
  const Tensor balanced = ssm.B.value;
  balance_states(ssm, std::vector<float>(8, 0.0F));
  CHECK(ssm.B.value(0, 0) == balanced(0, 0));
}

}  // namespace
}  // namespace bitstate::tests::s5_balance_test
