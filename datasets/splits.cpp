#include "datasets/splits.h"

#include "core/error.h"
#include "core/io/sha256.h"
#include "core/text.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <span>
#include <utility>

namespace bitstate::datasets {

std::vector<std::uint32_t> torch_randperm(std::size_t n, std::uint32_t seed) {
  require(n <= std::numeric_limits<std::uint32_t>::max(), "torch_randperm", "{} elements are too many", n);
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0U);
  std::mt19937 generator(seed);
  for (std::size_t i = 0; i + 1 < n; ++i) std::swap(order[i], order[i + generator() % (n - i)]);
  return order;
}

std::vector<std::vector<std::uint32_t>> random_split(const std::vector<std::size_t>& sizes, std::uint32_t seed) {
  const auto order = torch_randperm(std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}), seed);
  std::vector<std::vector<std::uint32_t>> parts;
  auto next = order.begin();
  for (const std::size_t size : sizes) {
    const auto end = next + static_cast<std::ptrdiff_t>(size);
    parts.emplace_back(next, end);
    next = end;
  }
  return parts;
}

std::vector<std::vector<std::uint32_t>> stratified_split(const std::vector<std::int32_t>& classes,
                                                         const std::vector<std::size_t>& sizes, std::uint32_t seed) {
  const auto order = torch_randperm(classes.size(), seed);
  std::vector<std::uint32_t> by_class = order;
  std::stable_sort(by_class.begin(), by_class.end(), [&](auto a, auto b) { return classes[a] < classes[b]; });
  std::vector<std::size_t> piece_of(classes.size());
  std::vector<std::uint32_t> rest;  // all but one of each class
  for (std::size_t i = 0; i < by_class.size(); ++i) {
    const bool first = i == 0 || classes[by_class[i]] != classes[by_class[i - 1]];
    if (!first || i - rest.size() >= sizes[0]) rest.push_back(by_class[i]);
  }
  for (std::size_t piece = sizes.size() - 1; piece > 0; --piece) {
    // evenly spaced ones of those that are left, which stand in the order of their classes
    const std::size_t size = sizes[piece], left = rest.size();
    std::vector<std::uint32_t> others;
    for (std::size_t i = 0; i < left; ++i) {
      const bool taken = (i + 1) * size / left > i * size / left;
      if (taken) piece_of[rest[i]] = piece;
      if (!taken) others.push_back(rest[i]);
    }
    rest = std::move(others);
  }
  std::vector<std::vector<std::uint32_t>> pieces(sizes.size());
  for (const std::uint32_t i : order) pieces[piece_of[i]].push_back(i);
  return pieces;
}

namespace {

class Subset final : public Dataset {
 public:
  Subset(std::shared_ptr<const Dataset> data, std::vector<std::uint32_t> indices)
      : data_(std::move(data)), indices_(std::move(indices)) {}
  [[nodiscard]] std::size_t size() const override { return indices_.size(); }
  void read(std::size_t index, Example& out) const override {
    require(index < indices_.size(), "subset", "example {} of {} does not exist", index, indices_.size());
    data_->read(indices_[index], out);
  }

 private:
  std::shared_ptr<const Dataset> data_;
  std::vector<std::uint32_t> indices_;
};

}  // namespace

std::string digest(const Splits& splits) {
  constexpr std::size_t wanted = 64;
  Sha256 hash;
  const auto add = [&](const auto& values) {
    const std::uint64_t count = values.size();
    hash.update(&count, sizeof count);
    if (count > 0) hash.update(values.data(), count * sizeof values[0]);
  };
  const std::size_t n = splits.train->size();
  add(std::vector<std::uint64_t>{static_cast<std::uint64_t>(splits.task), splits.tokens, splits.pairs, splits.d_input,
                                 splits.d_output, splits.max_length, n});
  for (const Units* units : {&splits.reading.input_units, &splits.reading.target_units}) {
    for (const auto* numbers : {&units->mean, &units->deviation}) {
      if (units->single) {
        add(std::vector<float>(numbers->begin(), numbers->end()));  // the digest that it always had
      } else {
        add(*numbers);
      }
    }
  }
  add(splits.reading.vocabulary);
  for (const std::string& name : splits.reading.classes) add(name);
  const std::size_t count = std::min(n, wanted);
  Example example;
  for (std::size_t i = 0; i < count; ++i) {
    example.clear();
    splits.train->read(count > 1 ? i * (n - 1) / (count - 1) : 0, example);
    add(example.x);
    add(example.tokens);
    add(example.second);
    add(example.target);
    add(std::vector<std::int32_t>{example.label});
    if (!example.labels.empty()) add(example.labels);
  }
  return hash.hex();
}

std::string class_list(const std::vector<std::string>& names) {
  constexpr std::size_t most = 20;
  return fmt::format("{}{}", fmt::join(std::span(names).first(std::min(names.size(), most)), ", "),
                     names.size() > most ? ", ..." : "");
}

namespace {

/// "2 inputs, 2 classes: hill, valley; 440 steps of test.ts"
std::string content_text(const Splits& splits) {
  const std::string inputs = splits.tokens ? fmt::format("tokens below {}", splits.d_input)
                                           : fmt::format("{} input{}", splits.d_input, splits.d_input == 1 ? "" : "s");
  const bool one = splits.d_output == 1;
  const std::string classes = splits.reading.classes.empty() ? "" : ": " + class_list(splits.reading.classes);
  const std::string outputs =
      splits.task == Task::classification ? fmt::format("{} classes{}", splits.d_output, classes)
      : splits.task == Task::labelling    ? fmt::format("{} classes per step", splits.d_output)
      : splits.task == Task::regression   ? fmt::format("{} target{} per step", splits.d_output, one ? "" : "s")
                                          : fmt::format("{} target{} per sequence", splits.d_output, one ? "" : "s");
  return fmt::format("{}, {}{}{}", inputs, outputs, splits.origin.empty() ? "" : "; ", printable(splits.origin));
}

}  // namespace

std::string summary(const Splits& splits) {
  std::string parts = fmt::format("{} training", splits.train->size());
  if (splits.validation != nullptr) parts += fmt::format(", {} validation", splits.validation->size());
  return fmt::format("{}: {} and {} test sequences of at most {} steps{}; {}", splits.name, parts, splits.test->size(),
                     splits.max_length, splits.validation == nullptr ? " (without a validation part)" : "",
                     content_text(splits));
}

std::string test_summary(const Splits& splits) {
  std::size_t longest = 0;
  Example example;
  for (std::size_t i = 0; i < splits.test->size(); ++i) {
    example.clear();
    splits.test->read(i, example);
    longest = std::max(longest, example.length);
  }
  return fmt::format("{}: {} test sequence{} of at most {} steps; {}", splits.name, splits.test->size(),
                     splits.test->size() == 1 ? "" : "s", longest, content_text(splits));
}

std::shared_ptr<const Dataset> subset(std::shared_ptr<const Dataset> data, std::vector<std::uint32_t> indices) {
  return std::make_shared<Subset>(std::move(data), std::move(indices));
}

std::shared_ptr<const Dataset> limit(std::shared_ptr<const Dataset> data, std::size_t n) {
  if (data == nullptr || n >= data->size()) return data;
  std::vector<std::uint32_t> first(n);
  std::iota(first.begin(), first.end(), 0U);
  return subset(std::move(data), std::move(first));
}

}  // namespace bitstate::datasets
