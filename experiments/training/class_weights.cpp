#include "experiments/training/class_weights.h"

#include "core/error.h"
#include "core/options.h"
#include "core/text.h"

#include <string>

namespace bitstate {
namespace {

constexpr std::string_view option = "class_weights";

std::vector<double> numbers_of(std::string_view text) {
  std::vector<double> numbers;
  for (const std::string& part : split(text, ",")) {
    numbers.push_back(options::read_real(option, part, {0.0, 1e6, true}));
  }
  return numbers;
}

std::vector<double> balanced(const datasets::Dataset& training, std::size_t classes) {
  std::vector<double> count(classes, 0.0);
  double all = 0.0;
  datasets::Example example;
  const auto take = [&](std::int32_t label) {
    if (label == datasets::no_label) return;
    count.at(static_cast<std::size_t>(label)) += 1.0;
    all += 1.0;
  };
  for (std::size_t i = 0; i < training.size(); ++i) {
    example.clear();
    training.read(i, example);
    if (example.labels.empty()) take(example.label);
    for (const std::int32_t label : example.labels) take(label);
  }
  std::vector<double> weights(classes, 1.0);
  for (std::size_t c = 0; c < classes; ++c) {
    if (count[c] > 0.0) weights[c] = all / (double(classes) * count[c]);
  }
  return weights;
}

}  // namespace

void check_class_weights(std::string_view text) {
  if (text == "none" || text == "balanced") return;
  if (numbers_of(text).empty()) options::refuse(option, text, "none, balanced, or one positive number per class");
}

std::vector<double> class_weights(std::string_view text, const datasets::Dataset& training, std::size_t classes) {
  if (text == "none") return {};
  if (text == "balanced") return balanced(training, classes);
  std::vector<double> numbers = numbers_of(text);
  require<UsageError>(numbers.size() == classes, option, "expected {} numbers, one per class, got \"{}\"", classes,
                      text);
  return numbers;
}

}  // namespace bitstate
