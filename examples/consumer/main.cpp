// A program outside of the repository: a small S5 classifier with 8-bit weights says what it makes of one sequence.
#include "models/s5/models.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <vector>

namespace {

/// The logits of one sequence of `length` values in one feature.
std::vector<float> logits(const bitstate::S5Classifier& model, const std::vector<float>& x) {
  const std::array<std::size_t, 1> length = {x.size()};
  bitstate::Tape tape;
  tape.begin({});
  const bitstate::Value y = model.forward(tape, {.sequences = {.rows = length, .lengths = length}, .x = x});
  const bitstate::Node& node = tape[y];
  return {node.value, node.value + node.size()};
}

int run() {
  bitstate::S5Options options = {.inputs = 1, .outputs = 10, .layers = 2};
  options.layer.sizes.H = 16;
  options.layer.sizes.P_full = 16;
  options.layer.sizes.blocks = 2;
  bitstate::S5Classifier model(options, 42);
  bitstate::Inventory inventory = bitstate::take_inventory(model);

  std::vector<float> x(100);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(std::sin(0.1 * static_cast<double>(i)));

  const auto exact = logits(model, x);
  bitstate::quantize_sites(inventory, bitstate::QuantConfig::parse("weight:*  8", "consumer"));
  const auto rounded = logits(model, x);

  double difference = 0.0;
  double size = 0.0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    difference += std::fabs(exact[i] - rounded[i]);
    size += std::fabs(exact[i]);
  }
  std::printf("%zu parameters, %zu sites; 8-bit weights move the logits by %.3g of their size\n",
              inventory.parameter_count(), inventory.sites().size(), difference / size);
  // Rounding must be visible, and small.
  return difference > 0.0 && difference < 0.2 * size ? 0 : 1;
}

}  // namespace

int main() {
  try {
    return run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
