// The forward of whole quantized models against the integer reference, code for code.
#include "tests/support/models/integer_reference.h"
#include "tests/support/models/plain.h"
#include "tests/support/models/random_model.h"
#include "tests/support/models/trace_comparison.h"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace bitstate::tests::exactness_test {
namespace {

PlainTrace reference(const RandomModel& random, Mutation mutation = Mutation::none) {
  const Batch batch = random.batch();
  return std::visit([&](const auto& m) { return integer_reference(m, batch, mutation); }, random.model);
}

/// The memory of a pass of one lane.
struct Run {
  Tape tape;
  std::vector<float> gradient, observed;
  std::vector<std::uint32_t> counts;
  std::vector<double> statistics;
  Value output;

  /// A pass in training computes gradients too.
  void forward(const RandomModel& random, bool training) {
    Pass pass;
    if (training) {
      gradient.assign(random.inventory.parameter_count(), 0.0F);
      observed.assign(random.inventory.range_count(), 0.0F);
      counts.assign(random.inventory.count_count(), 0);
      statistics.assign(random.inventory.buffer_count(), 0.0);
      pass.training = pass.gradients = true;
      pass.gradient = gradient;
      pass.observed = observed;
      pass.counts = counts;
      pass.statistics = statistics;
    }
    tape.begin(pass);
    output = std::visit([&](const auto& m) { return m.forward(tape, random.batch()); }, random.model);
  }
};

/// What was compared in a range of models.
struct Counts {
  std::size_t integer = 0;  ///< models that are integer from the input to the output
  std::size_t in_float = 0;
  std::size_t nodes = 0;
  std::size_t passes = 0;
};

Counts compare_models(std::uint64_t first, std::uint64_t last) {
  Counts counts;
  Run run;
  for (std::uint64_t number = first; number < last; ++number) {
    CAPTURE(number);
    const auto random = random_model(number);
    const PlainTrace expected = reference(*random);
    (expected.is_integer() ? counts.integer : counts.in_float) += 1;
    for (const bool training : {false, true}) {
      if (training && random->batchnorm) continue;  // the statistics of a batch are no constants
      CAPTURE(training);
      run.forward(*random, training);
      const Comparison found = compare(expected, run.tape, random->batch());
      CHECK(found.difference == "");
      counts.nodes += found.nodes;
      ++counts.passes;
      if (!expected.is_integer()) continue;
      REQUIRE(run.tape[run.output].has_codes());
      CHECK(codes_of(run.tape, run.output) == expected.output().codes);
    }
  }
  return counts;
}

TEST_CASE("exactness: every code of 1,000 and more random models is that of the integer reference") {
  const Counts counts = compare_models(0, 1500);
  CHECK(counts.integer >= 1000);
  CHECK(counts.in_float >= 50);  // where the codes end is compared too
  CHECK(counts.passes >= 2000);
  CHECK(counts.nodes >= 100000);
}

TEST_CASE("long: exactness: every code of 25,000 and more random models is that of the integer reference") {
  const Counts counts = compare_models(1500, 31500);
  CHECK(counts.integer >= 25000);
}

TEST_CASE("exactness: every error planted in the reference shows") {
  constexpr std::array mutations = {Mutation::rescale_half_down, Mutation::rescale_shift,  Mutation::table_entry,
                                    Mutation::saturation,        Mutation::norm_fraction,  Mutation::norm_epsilon,
                                    Mutation::pool_rounding,     Mutation::state_rounding, Mutation::no_residue,
                                    Mutation::bias_rounding};
  std::array<std::size_t, mutations.size()> shown = {};  // models
  Run run;
  for (std::uint64_t number = 0; number < 100; ++number) {
    const auto random = random_model(number);
    run.forward(*random, false);
    for (std::size_t i = 0; i < mutations.size(); ++i) {
      const Comparison found = compare(reference(*random, mutations[i]), run.tape, random->batch());
      shown[i] += found.difference.empty() ? 0 : 1;
    }
  }
  for (std::size_t i = 0; i < mutations.size(); ++i) {
    CAPTURE(i);
    CHECK(shown[i] > 0);
  }
}

}  // namespace
}  // namespace bitstate::tests::exactness_test
