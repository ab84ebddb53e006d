#include "experiments/bench/bench.h"

#include "experiments/run_folder/load.h"

#include <doctest/doctest.h>

namespace bitstate::experiments {
namespace {

TEST_CASE(
    "bench: hours are those of the recipe's epochs on its share of the official data, dealt to the cores in lanes") {
  const auto hours = [](Settings given) {
    given.insert(given.end(), {{"bsz", "50"}, {"lanes", "16"}, {"epochs", "10"}});
    return projected_hours(load_run_config("smnist", given), 0.1, 2);
  };
  const auto all = hours({});
  CHECK(all[0] == doctest::Approx(54'000 * 10 / 50 * 0.1 / 3600));  // on two cores, as measured
  CHECK(all[1] == doctest::Approx(all[0] / 8));                     // 16 lanes
  CHECK(all[2] == doctest::Approx(all[0] * 2 / 50));                // 50 sequences are 50 lanes at most
  CHECK(hours({{"limit_train", "5400"}})[0] == doctest::Approx(all[0] / 10));
  const RunConfig lorenz = load_run_config("lorenz", {{"trajectories", "100"}, {"bsz", "8"}, {"epochs", "3"}});
  CHECK(projected_hours(lorenz, 3600.0, 2)[0] == doctest::Approx(80 * 3 / 8));
  CHECK(hours({{"val_split", "0.5"}})[1] == doctest::Approx(all[1] / 2));
}

}  // namespace
}  // namespace bitstate::experiments
