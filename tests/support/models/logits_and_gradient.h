// What a model gives for random sequences: its results, and the gradient of their sum.
#pragma once

#include "autograd/tape.h"
#include "core/random.h"
#include "models/inventory.h"
#include "models/model.h"

#include <cstddef>
#include <string_view>
#include <vector>

namespace bitstate::tests {

struct LogitsAndGradient {
  std::vector<float> logits;
  std::vector<float> gradient;  ///< of all parameters, by Parameter::offset
};

/// Of sequences with so many steps of `inputs` normal random numbers; `stream` says which.
inline LogitsAndGradient logits_and_gradient(Model& model, const Inventory& inventory,
                                             const std::vector<std::size_t>& rows, std::size_t inputs,
                                             std::string_view stream) {
  std::size_t steps = 0;
  for (const std::size_t length : rows) steps += length;
  std::vector<float> x(steps * inputs);
  const Random random{5, random_stream(stream)};
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(random.normal(i));
  LogitsAndGradient result;
  result.gradient.assign(inventory.parameter_count(), 0.0F);
  Pass pass;
  pass.gradients = true;
  pass.gradient = result.gradient;
  Tape tape;
  tape.begin(pass);
  const Value y = model.forward(tape, {{rows, rows}, x, {}});
  result.logits.assign(tape.value(y), tape.value(y) + tape[y].size());
  tape.backward(y, std::vector<float>(result.logits.size(), 1.0F));
  return result;
}

}  // namespace bitstate::tests
