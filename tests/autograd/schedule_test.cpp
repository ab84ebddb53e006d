#include "autograd/schedule.h"
#include "tests/support/golden.h"

#include <doctest/doctest.h>

#include <vector>

namespace bitstate::tests::schedule_test {
namespace {

TEST_CASE("schedule: every rate of the reference's warm-up and cosine") {
  const Golden golden;
  const auto groups = golden.groups(GoldenKind::schedule);
  REQUIRE(!groups.empty());
  for (const auto& group : groups) {
    CAPTURE(group);
    Schedule schedule;
    schedule.steps_per_epoch = golden.count(group, "steps_per_epoch");
    schedule.epochs = golden.count(group, "epochs");
    schedule.warmup_end = golden.count(group, "warmup_end");
    schedule.lr_min = golden.number(group, "lr_min");
    std::vector<double> rates;
    for (std::size_t step = 0; step < schedule.steps_per_epoch * schedule.epochs; ++step) {
      rates.push_back(schedule.rate(golden.number(group, "base_lr"), step));
    }
    CHECK(relative_error(rates, golden.array(group + "/lr_used_per_step").values) <= 1e-9);
  }
}

TEST_CASE("schedule: the first steps may rise to the rate that the epochs have") {
  Schedule plain;
  plain.steps_per_epoch = 10;
  plain.epochs = 3;
  plain.warmup_end = 0;
  Schedule risen = plain;
  risen.warmup_steps = 4;
  for (std::size_t step = 0; step < 30; ++step) {
    const double share = step < 4 ? static_cast<double>(step + 1) / 4.0 : 1.0;
    CHECK(risen.rate(0.1, step) == doctest::Approx(share * plain.rate(0.1, step)));
  }
}

TEST_CASE("schedule: step 0 runs at the full rate, the warm-up ends there, the last warmup_end epochs sit at lr_min") {
  const Schedule schedule{.steps_per_epoch = 7, .epochs = 10, .warmup_end = 2, .cosine = true, .lr_min = 1e-5};
  CHECK(schedule.rate(0.01, 0) == 0.01);
  CHECK(schedule.rate(0.01, 1) == doctest::Approx(0.01 / 14));
  CHECK(schedule.rate(0.01, 14) == doctest::Approx(0.01));
  CHECK(schedule.rate(0.01, 15) < 0.0095);  // the cosine is entered at 14 of its 56 steps, not at its top
  CHECK(schedule.rate(0.01, 56) > 1.001e-5);
  for (std::size_t step = 57; step < 80; ++step) CHECK(schedule.rate(0.01, step) == doctest::Approx(1e-5));
}

TEST_CASE("schedule: without cosine the base rate stays, without warm-up the cosine begins at its top") {
  const Schedule flat{.steps_per_epoch = 5, .epochs = 4, .warmup_end = 1, .cosine = false, .lr_min = 0.0};
  for (std::size_t step = 6; step < 20; ++step) CHECK(flat.rate(0.5, step) == 0.5);
  const Schedule cold{.steps_per_epoch = 5, .epochs = 4, .warmup_end = 0, .cosine = true, .lr_min = 0.0};
  CHECK(cold.rate(0.5, 1) == doctest::Approx(0.5));
  CHECK(cold.rate(0.5, 11) == doctest::Approx(0.25));
}

TEST_CASE("schedule: a run that is all warm-up never divides by zero") {
  const Schedule schedule{.steps_per_epoch = 3, .epochs = 2, .warmup_end = 2, .cosine = true, .lr_min = 0.125};
  CHECK(schedule.rate(1.0, 5) == doctest::Approx(5.0 / 6));
  CHECK(schedule.rate(1.0, 7) == 0.125);
}

}  // namespace
}  // namespace bitstate::tests::schedule_test
