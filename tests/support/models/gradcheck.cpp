#include "tests/support/models/gradcheck.h"
#include "tests/support/models/computed.h"

#include <algorithm>
#include <cmath>

namespace bitstate::tests {
namespace {

std::vector<Parameter> random_leaves(const std::vector<Leaf>& leaves) {
  std::vector<Parameter> parameters;
  std::size_t offset = 0;
  for (std::size_t l = 0; l < leaves.size(); ++l) {
    Parameter p{Tensor(leaves[l].rows, leaves[l].cols), offset};
    const Random random{7, l};
    for (std::size_t i = 0; i < p.value.size(); ++i) {
      p.value.data[i] = static_cast<float>(leaves[l].low + (leaves[l].high - leaves[l].low) * random.uniform(i));
    }
    offset += p.value.size();
    parameters.push_back(std::move(p));
  }
  return parameters;
}

Value build(Tape& tape, const GradientCase& test, const std::vector<Parameter>& parameters, const Pass& pass) {
  tape.begin(pass);
  std::vector<Value> values;
  for (const auto& parameter : parameters) values.push_back(tape.parameter(parameter));
  return test.build(tape, values);
}

}  // namespace

double gradient_error(const GradientCase& test) {
  std::vector<Parameter> parameters = random_leaves(test.leaves);
  std::vector<float> gradient(parameters.back().offset + parameters.back().value.size(), 0.0F);
  std::vector<float> observed(64, 0.0F);
  std::vector<double> statistics(64, 0.0);
  Pass pass;
  pass.training = true;
  pass.observed = observed;
  pass.statistics = statistics;
  Tape tape;
  const auto output = [&] {
    const Computed y = computed(tape, build(tape, test, parameters, pass));
    return std::vector<double>(y.value.begin(), y.value.end());
  };
  const std::size_t outputs = output().size();
  std::vector<float> weights(outputs);
  const Random random{11, 0};
  for (std::size_t i = 0; i < outputs; ++i) weights[i] = static_cast<float>(0.5 + random.uniform(i));

  pass.gradients = true;
  pass.gradient = gradient;
  const Value y = build(tape, test, parameters, pass);
  tape.backward(y, weights);
  pass.gradients = false;

  const auto difference = [&](float& x, double h) {
    const float centre = x;
    x = static_cast<float>(centre + h);
    const double up = x;
    const auto high = output();
    x = static_cast<float>(centre - h);
    const double down = x;
    const auto low = output();
    x = centre;
    double sum = 0.0;
    for (std::size_t i = 0; i < outputs; ++i) sum += double{weights[i]} * (high[i] - low[i]);
    return sum / (up - down);
  };
  double worst = 0.0;
  for (auto& parameter : parameters) {
    double largest = 1e-3;
    double error = 0.0;
    for (std::size_t i = 0; i < parameter.value.size(); ++i) {
      float& x = parameter.value.data[i];
      const double numeric = (4.0 * difference(x, test.step / 2.0) - difference(x, test.step)) / 3.0;
      largest = std::max(largest, std::fabs(numeric));
      error = std::max(error, std::fabs(numeric - double{gradient[parameter.offset + i]}));
    }
    worst = std::max(worst, error / largest);
  }
  return worst;
}

}  // namespace bitstate::tests
