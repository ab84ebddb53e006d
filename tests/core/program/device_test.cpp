// What a streaming step of a program's C is estimated to take on a device.
#include "core/program/device/device.h"
#include "core/error.h"
#include "tests/support/small_program.h"

#include <doctest/doctest.h>

#include <vector>

namespace bitstate::tests {
namespace {

using program::StepKind;
using program::StepWork;

void check_works(const program::Program& program, const std::vector<StepWork>& expected) {
  const std::vector<StepWork> found = program::step_work(program);
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(name_of(found[i].kind));
    CHECK(found[i].kind == expected[i].kind);
    CHECK(found[i].calls == expected[i].calls);
    CHECK(found[i].elements == expected[i].elements);
    CHECK(found[i].inputs == expected[i].inputs);
    CHECK(found[i].products == expected[i].products);
  }
}

/// A map of 5 rows and 16 columns, and a rescale of its results.
program::Program program_of_rows(std::int32_t largest) {
  program::Program p;
  p.name = "rows";
  p.input = {16, false, false, {1.0F, -127, 127}};
  program::Linear map;
  map.weight = {5, 16, 8, std::vector<std::int32_t>(80, largest)};
  map.bias = {0, 0, 0, 0, 0};
  p.instructions.emplace_back(map);
  p.instructions.emplace_back(program::Rescale{1, {to_fixed_point(0.001, "test")}, {-127}, {127}});
  p.output.scale = {1.0F};
  return p;
}

}  // namespace

TEST_CASE("device: the work of a step is counted by the kind of its functions") {
  check_works(small_program(), {{StepKind::step, 1, 4, 0, 0},
                                {StepKind::input, 1, 1, 0, 0},
                                {StepKind::linear_packed, 1, 2, 1, 2},
                                {StepKind::rescale, 1, 2, 0, 0},
                                {StepKind::scan, 1, 1, 0, 0},
                                {StepKind::mean_pool, 1, 2, 0, 0}});
  check_works(small_shear_program(), {{StepKind::step, 1, 4, 0, 0},
                                      {StepKind::input, 1, 1, 0, 0},
                                      {StepKind::linear_packed, 1, 2, 1, 2},
                                      {StepKind::rescale, 1, 2, 0, 0},
                                      {StepKind::scan_shear, 1, 1, 0, 0},
                                      {StepKind::mean_pool, 1, 2, 0, 0}});
}

TEST_CASE("device: maps go by rows, of which an odd last one costs two, in the width of their weights") {
  for (const auto& [largest, kind] :
       {std::pair{100, StepKind::rows_w8}, {7, StepKind::rows_w4}, {-2, StepKind::rows_w2}}) {
    check_works(program_of_rows(largest), {{StepKind::step, 1, 2, 0, 0},
                                           {StepKind::input, 1, 16, 0, 0},
                                           {kind, 1, 6, 16, 96},
                                           {StepKind::rescale, 1, 5, 0, 0}});
  }
}

TEST_CASE("device: an estimate is the sum of calls, elements, inputs and products at their counts") {
  program::StepCounts counts;
  counts.at(static_cast<std::size_t>(StepKind::step)) = {.call = 100.0, .element = 10.0};
  counts.at(static_cast<std::size_t>(StepKind::rows_w8)) = {.call = 1.0, .element = 2.0, .input = 3.0, .product = 4.0};
  const program::Device device{"d", "D", counts, {}};
  const std::vector<StepWork> works{{StepKind::step, 1, 4, 0, 0}, {StepKind::rows_w8, 2, 6, 4, 24}};
  const program::StepEstimate known = program::estimate(device, works);
  CHECK(known.instructions == std::vector<std::optional<double>>{140.0, 122.0});
  CHECK(known.total == 262.0);
  const std::vector<StepWork> more{works[0], {StepKind::sign, 1, 4, 0, 0}, works[1]};
  const program::StepEstimate unknown = program::estimate(device, more);
  CHECK(unknown.instructions == std::vector<std::optional<double>>{140.0, std::nullopt, 122.0});
  CHECK(!unknown.total);
}

TEST_CASE("device: every device has an estimate for all that S5 and Mamba stream in 8 bits") {
  for (const program::Device& device : program::devices()) {
    for (const program::Program& p : {small_program(), small_shear_program(), small_selective_program()}) {
      const auto total = program::estimate(device, program::step_work(p)).total;
      REQUIRE(total);
      CHECK(*total > 100.0);
    }
  }
}

}  // namespace bitstate::tests
