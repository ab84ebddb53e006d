#include "experiments/results/statistics.h"

#include "experiments/report/report.h"
#include "experiments/results/plan_file.h"
#include "experiments/run_folder/source.h"
#include "tests/support/made_up_runs.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <string>
#include <vector>

namespace {

using namespace bitstate::experiments;
using bitstate::tests::contains;
using bitstate::tests::MadeUpRuns;

/// A run for each of the seeds 1, 2, ...
void add_seeds(MadeUpRuns& runs, const std::string& settings, const std::vector<double>& results) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    runs.add(fmt::format("{}\nseed = {}\n", settings, i + 1),
             fmt::format(R"({{"status":"done","test_mse":{}}})", results[i]));
  }
}

/// Whether the one row of this quantization is marked.
bool is_best(const Report& report, const std::string& quant) {
  for (const auto& row : report.rows) {
    if (row.values.front() == quant) return row.best;
  }
  FAIL(quant);
  return false;
}

}  // namespace

TEST_CASE("statistics: mean and sample standard deviation agree with a calculation by hand") {
  const Statistic s = statistic({2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0});
  CHECK(s.n == 8);
  CHECK(*s.mean == doctest::Approx(5.0));
  CHECK(*s.deviation == doctest::Approx(std::sqrt(32.0 / 7.0)));
  CHECK_FALSE(statistic({3.0}).deviation.has_value());
  CHECK_FALSE(statistic({}).mean.has_value());
}

TEST_CASE("statistics: the interval is Student's, with quantiles as they stand in tables") {
  // the two-sided 95 % quantiles for 1, 2, 3, 9 and 30 degrees of freedom
  for (const auto& [n, t] : std::vector<std::pair<std::size_t, double>>{
           {2, 12.706205}, {3, 4.302653}, {4, 3.182446}, {10, 2.262157}, {31, 2.042272}}) {
    Statistic s;
    s.n = n;
    s.mean = 5.0;
    s.deviation = std::sqrt(static_cast<double>(n));  // the error of the mean is 1
    const auto interval = interval_95(s);
    REQUIRE(interval.has_value());
    CHECK(interval->low == doctest::Approx(5.0 - t).epsilon(1e-6));
    CHECK(interval->high == doctest::Approx(5.0 + t).epsilon(1e-6));
  }
  CHECK_FALSE(interval_95(statistic({1.0})).has_value());
  CHECK_FALSE(interval_95(statistic({})).has_value());
}

TEST_CASE("statistics: differences are those of pairs, whatever seeds the other has besides") {
  const Statistic s = paired_difference({{"1", 5.0}, {"2", 8.0}, {"4", 100.0}}, {{"2", 6.0}, {"1", 4.0}, {"3", 0.0}});
  CHECK(s.n == 2);
  CHECK(*s.mean == doctest::Approx(1.5));
  CHECK(*s.deviation == doctest::Approx(std::sqrt(0.5)));
  CHECK(paired_difference({{"1", 5.0}}, {{"2", 5.0}}).n == 0);
}

TEST_CASE("statistics: seeds that vary much hide no difference that all of them show") {
  MadeUpRuns runs;
  add_seeds(runs, "quant = none", {10.0, 20.0, 30.0});
  add_seeds(runs, "quant = w8a8", {11.0, 21.5, 30.5});
  const Report report = runs.report();
  const auto interval = interval_95(report.rows[1].difference);
  REQUIRE(interval.has_value());
  CHECK(*report.rows[1].difference.mean == doctest::Approx(1.0));
  CHECK(interval->low == doctest::Approx(1.0 - 4.302653 * 0.5 / std::sqrt(3.0)));
  CHECK(contains(report_markdown(report), "| w8a8 | 21.00 ± 9.76 | +1.00 [−0.24, +2.24] |"));
}

TEST_CASE("statistics: the best row is marked only where its differences to all others are beyond doubt") {
  MadeUpRuns runs;
  add_seeds(runs, "quant = w8a8", {1.0, 2.0, 3.0});
  add_seeds(runs, "quant = w4a8", {1.5, 2.6, 3.4});
  CHECK(is_best(runs.report(), "w8a8"));
  CHECK_FALSE(is_best(runs.report(), "w4a8"));
  CHECK(contains(report_markdown(runs.report()),
                 "The best quantized row is marked (*) where all its seeds are done and it is better than every other "
                 "quantized one:"));
  CHECK(contains(report_markdown(runs.report()), "| w8a8 | 2.000 ± 1.000 * | – |"));

  CHECK(contains(report_markdown(runs.report()), " Lower is better."));

  SUBCASE("float is better, and is no quantized row") {
    add_seeds(runs, "quant = none", {0.5, 1.5, 2.5});
    CHECK(is_best(runs.report(), "w8a8"));
    CHECK_FALSE(is_best(runs.report(), "none"));
  }
  SUBCASE("another stage is better") {
    add_seeds(runs, "quant = w4a8\nepochs = 7", {0.5, 1.5, 2.5});
    PlanFile plan;
    for (const char* stage : {"ptq", "ptq", "qaft"}) plan.rows.push_back({stage, stage, {}});
    for (unsigned i = 0; i < 9; ++i) {
      plan.rows[i / 3].runs.push_back({i % 3 + 1, fmt::format("{:016x}", i), fmt::format("run{}", i)});
    }
    write_plan_file(runs.folder.path(), plan);
    const Report report = runs.report();
    CHECK(report.rows[0].best);
    CHECK_FALSE(report.rows[2].best);  // alone in its stage
    CHECK(contains(report_markdown(report), "better than every other quantized one of its stage:"));
    return;
  }
  SUBCASE("another one is better by chance or worse by chance") {
    add_seeds(runs, "quant = w2a8", {0.9, 2.2, 3.1});
    CHECK_FALSE(is_best(runs.report(), "w8a8"));
  }
  SUBCASE("another one has too few seeds in common") {
    add_seeds(runs, "quant = w2a8", {9.0});
    CHECK_FALSE(is_best(runs.report(), "w8a8"));
  }
  SUBCASE("the pairs say so, but other seeds make the mean of another one better") {
    add_seeds(runs, "quant = w2a8", {1.5, 2.6, 3.4, 0.1, 0.1});
    CHECK_FALSE(is_best(runs.report(), "w8a8"));
  }
  SUBCASE("one of its seeds diverged") {
    runs.add("quant = w8a8\nseed = 4\n", R"({"status":"diverged"})");
    CHECK_FALSE(is_best(runs.report(), "w8a8"));
  }
  SUBCASE("one of its seeds is missing") {
    runs.add("quant = w8a8\nseed = 4\n", "");
    CHECK_FALSE(is_best(runs.report(), "w8a8"));
  }
  SUBCASE("a seed of another one is missing") {
    runs.add("quant = w4a8\nseed = 4\n", "");
    CHECK(is_best(runs.report(), "w8a8"));
  }
  SUBCASE("a seed is planned and has not begun") {
    PlanFile plan;
    plan.rows = {{"float", "", {}}, {"W8A8", "", {}}};
    for (unsigned i = 0; i < 6; ++i) {
      plan.rows[i / 3].runs.push_back({i % 3 + 1, fmt::format("{:016x}", i), fmt::format("run{}", i)});
    }
    write_plan_file(runs.folder.path(), plan);
    CHECK(runs.report().rows[0].best);
    plan.rows[0].runs.push_back({4, "0000000000000009", "run9"});
    write_plan_file(runs.folder.path(), plan);
    CHECK_FALSE(is_best(runs.report(), "w8a8"));
  }
  if (!is_best(runs.report(), "w8a8")) {
    const std::string text = report_markdown(runs.report());
    CHECK(contains(text, "No row is marked as the best"));
    CHECK_FALSE(contains(text, " * |"));
  }
}

TEST_CASE("statistics: a row that is alone is not marked, and of accuracies the largest is best") {
  MadeUpRuns runs;
  for (const std::string seed : {"1", "2"}) runs.accuracy("quant = w8a8\nseed = " + seed + "\n", 0.9);
  CHECK_FALSE(runs.report().rows.front().best);
  for (const std::string seed : {"1", "2"}) runs.accuracy("quant = w4a8\nseed = " + seed + "\n", 0.8);
  CHECK(is_best(runs.report(), "w8a8"));
  CHECK_FALSE(is_best(runs.report(), "w4a8"));
}

TEST_CASE("statistics: a diverged seed is in no pair, and the table says how many pairs there are") {
  MadeUpRuns runs;
  add_seeds(runs, "quant = none", {10.0, 20.0});
  runs.add("quant = none\nseed = 3\n", R"({"status":"diverged","test_mse":30.0})");
  add_seeds(runs, "quant = w8a8", {11.0, 22.0, 70.0});
  const std::string text = report_markdown(runs.report());
  CHECK(contains(text, "| +1.50 [−4.85, +7.85] (2 pairs) |"));
  CHECK(contains(text, "Diverged (1)"));
}

TEST_CASE("statistics: seeds that all started from one float run say what their interval does not hold") {
  MadeUpRuns runs;
  const std::string note = "† All seeds of the row started from one float run";
  const auto one = runs.accuracy("quant = none\nepochs = 9\nseed = 1\n", 0.9);
  const auto two = runs.accuracy("quant = none\nepochs = 9\nseed = 2\n", 0.8);
  MadeUpRuns::keep_weights(one, 1.0F);
  MadeUpRuns::keep_weights(two, 2.0F);
  const auto tune = [&](int seed, const std::filesystem::path& source, double accuracy, int epochs) {
    const auto run = runs.accuracy(
        fmt::format("quant = w8a8\nepochs = {}\nseed = {}\nfrom = {}\n", epochs, seed, source.string()), accuracy);
    MadeUpRuns::keep_weights(run, 3.0F, source_digest(source));
  };
  tune(1, one, 0.85, 1);
  tune(2, two, 0.74, 1);
  CHECK(contains(report_markdown(runs.report()), "| −5.50 [−11.85, +0.85] |"));
  CHECK_FALSE(contains(report_markdown(runs.report()), note));
  for (const int seed : {1, 2}) tune(seed, one, 0.70 + 0.01 * seed, 2);
  const std::string text = report_markdown(runs.report());
  CHECK(contains(text, note));
  CHECK(contains(text, "| −18.50 [−24.85, −12.15] † |"));
}
