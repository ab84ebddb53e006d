// Runs an exported program on a stream of numbers: one step per line on standard input, the outputs of the step (of a
// classifier: the class so far) on standard output.   edge PROGRAM.h5 < steps.csv
#include "core/program/file.h"
#include "core/program/run/runner.h"
#include "core/units.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace program = bitstate::program;

/// Reads the numbers of one line, separated by commas; false at the end. Throws for anything else.
bool read_step(std::vector<double>& x) {
  std::string line;
  if (!std::getline(std::cin, line)) return false;
  std::istringstream cells(line + ',');
  for (double& v : x) {
    char comma = 0;
    if (!(cells >> v >> comma) || comma != ',') throw std::runtime_error("not a row of numbers: " + line);
  }
  if (cells.peek() != std::istringstream::traits_type::eof()) throw std::runtime_error("too many numbers: " + line);
  return true;
}

void run(const char* file) {
  const program::Runner runner(program::load(file));
  const auto& scale = runner.header().output.scale;
  std::vector<double> x(runner.header().input.cols);
  std::vector<float> standardised(x.size());
  std::vector<std::int32_t> codes(x.size());
  std::vector<std::int32_t> y(runner.output_cols());
  program::State state = runner.begin();  // all that is kept from step to step
  while (read_step(x)) {
    if (runner.header().input.tokens) {
      codes[0] = static_cast<std::int32_t>(x[0]);
    } else {
      bitstate::standardise(runner.header().input.units, x, standardised);
      program::encode_input(runner.header(), standardised.data(), x.size(), codes.data());
    }
    runner.step(state, codes, runner.per_step() ? std::span(y) : std::span<std::int32_t>());
    if (!runner.per_step()) runner.result(state, y);
    if (runner.header().output.classes) {
      std::printf("%zu\n", program::class_of(y));
      continue;
    }
    std::vector<float> values(y.size());
    for (std::size_t c = 0; c < y.size(); ++c) values[c] = static_cast<float>(y[c]) * scale[c % scale.size()];
    const auto& units = runner.header().output.units;
    const std::vector<double> restored = bitstate::restored(units, values);
    for (std::size_t c = 0; c < y.size(); ++c) {
      std::array<char, 32> text{};  // the fewest digits that are this number
      if (units.mean.empty()) {
        std::to_chars(text.begin(), text.end(), values[c]);
      } else {
        std::to_chars(text.begin(), text.end(), restored[c]);
      }
      std::printf("%s%s", c == 0 ? "" : ",", text.data());
    }
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw std::runtime_error("usage: edge PROGRAM.h5 < steps.csv");
    run(argv[1]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
