// The losses and the search of Evol-Q against golden values (tests/fixtures/evolq_mobiletl_reference.h5), draw for
// draw.
#include "core/grid.h"
#include "core/kernels/quantize.h"
#include "experiments/posttraining/evolve/losses.h"
#include "experiments/posttraining/evolve/tournament.h"
#include "tests/support/folders.h"
#include "tests/support/golden.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace bitstate::tests::evolve_golden_test {
namespace {

Golden fixture() { return Golden(fixture_folder() / "evolq_mobiletl_reference.h5"); }

TEST_CASE("evolve, golden: infoNCE and its gradient") {
  const Golden golden = fixture();
  const auto groups = golden.list("infonce");
  CHECK(groups.size() == 16);
  std::size_t gradients = 0;
  for (const std::string& name : groups) {
    CAPTURE(name);
    const std::string group = "infonce/" + name;
    const GoldenArray q = golden.array(group + "/q");
    const std::vector<double> k = golden.array(group + "/k").values;
    const InfoNce options{golden.number(group, "T"), golden.flag(group, "normalise"), golden.flag(group, "factor_2T")};
    std::vector<double> gradient(q.values.size());
    const double loss = info_nce(q.values, k, q.shape.at(1), options, gradient);
    CHECK(relative_error(std::vector{loss}, std::vector{golden.scalar(group + "/loss")}) < 1e-12);
    if (!golden.exists(group + "/grad_q")) continue;
    const std::vector<double> expected = golden.array(group + "/grad_q").values;
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(std::fabs(gradient[i] - expected[i]) < 1e-12);
    ++gradients;
  }
  CHECK(gradients >= 13);
}

TEST_CASE("evolve, golden: mse and KL, and infoNCE that is blind to the length of a row") {
  const Golden golden = fixture();
  const GoldenArray array = golden.array("losses/q");
  const std::vector<double> q = array.values, k = golden.array("losses/k").values;
  const std::vector<double> factors = golden.array("losses/row_factors").values;
  const std::size_t cols = array.shape.at(1);
  std::vector<double> scaled = q;
  for (std::size_t i = 0; i < scaled.size(); ++i) scaled[i] *= factors[i / cols];
  const auto check = [&](double found, const char* name) {
    CAPTURE(name);
    CHECK(relative_error(std::vector{found}, std::vector{golden.scalar(std::string("losses/") + name)}) < 1e-12);
  };
  check(mean_squared_error(q, k), "mse");
  check(mean_squared_error(scaled, k), "mse_rows_scaled");
  check(kl_divergence(q, k, cols), "kl");
  check(info_nce(q, k, cols), "infonce_T3");
  check(info_nce(scaled, k, cols), "infonce_T3_rows_scaled");
}

/// The objective of the fixture: weights [blocks, rows, n] of 4 bits with a scale per row.
double objective(const GoldenArray& weights, const std::vector<double>& scales) {
  const std::size_t rows = weights.shape.at(1), n = weights.shape.at(2);
  double errors = 0.0, product = 1.0;
  for (std::size_t block = 0; block < weights.shape.at(0); ++block) {
    double along = 0.0, square = 0.0;
    for (std::size_t i = block * rows * n; i < (block + 1) * rows * n; ++i) {
      const double w = weights.values[i], s = scales[i / n];
      const double rounded = std::clamp(std::floor(w / s + 0.5), -7.0, 7.0) * s;
      errors += (rounded - w) * (rounded - w);
      along += rounded * w;
      square += w * w;
    }
    product *= along / square;
  }
  return errors + (product - 1.0) * (product - 1.0);
}

/// The draws of a trace, one after the other, and where they stand.
struct RecordedDraws {
  std::vector<double> all;
  std::size_t next = 0;
  double operator()() { return all.at(next++); }
};

void check_trace(const Golden& golden, const std::string& group) {
  CAPTURE(group);
  const GoldenArray weights = golden.array("search/weights");
  std::vector<double> scales = golden.array("search/start").values;
  const auto close = [](double a, double b) { return std::fabs(a - b) <= 1e-12 * std::fabs(b); };
  CHECK(close(objective(weights, scales), golden.scalar("search/start_objective")));

  TournamentOptions options;
  options.population = golden.count(group, "population");
  options.picks = golden.count(group, "tournament");
  options.cycles = golden.count(group, "cycles");
  options.children = golden.count(group, "children");
  options.relative = golden.flag(group, "relative");
  const double r = golden.number(group, "r");
  const std::vector<std::int64_t> blocks = golden.integers(group + "/block"), picks = golden.integers(group + "/picks"),
                                  parents = golden.integers(group + "/parent"),
                                  ranks = golden.integers(group + "/rank");
  const std::vector<double> children = golden.array(group + "/child").values,
                            losses = golden.array(group + "/child_objective").values,
                            after = golden.array(group + "/population_after").values,
                            starts = golden.array(group + "/visit_start").values,
                            bests = golden.array(group + "/visit_best").values,
                            best_scales = golden.array(group + "/visit_best_scales").values;
  RecordedDraws draws{golden.array(group + "/draws").values};
  const std::size_t n = weights.shape.at(1);
  std::size_t child = 0, cycle = 0;
  double loss = objective(weights, scales);
  for (std::size_t visit = 0; visit < blocks.size(); ++visit) {
    CAPTURE(visit);
    const std::size_t first = static_cast<std::size_t>(blocks[visit]) * n;
    const Candidate start{
        {scales.begin() + static_cast<std::ptrdiff_t>(first), scales.begin() + static_cast<std::ptrdiff_t>(first + n)},
        loss};
    CHECK(close(loss, starts[visit]));
    std::vector<Candidate> population(options.population, start);
    std::vector<double> tried;
    const TournamentCalls calls{
        [&] { return draws(); },
        [&](const std::vector<double>& ranges) {
          for (std::size_t i = 0; i < n; ++i) CHECK(close(ranges[i], children[child * n + i]));
          std::vector<double> all = scales;
          std::copy(ranges.begin(), ranges.end(), all.begin() + static_cast<std::ptrdiff_t>(first));
          tried.push_back(objective(weights, all));
          CHECK(close(tried.back(), losses[child]));
          for (std::size_t i = 0; i < options.picks; ++i) {  // they were drawn before the n mutations
            const double draw = draws.all[draws.next - n - options.picks + i];
            const auto pick = static_cast<std::int64_t>(static_cast<double>(options.population) * draw);
            CHECK(pick == picks[child * options.picks + i]);
          }
          const auto own = picks.begin() + static_cast<std::ptrdiff_t>(child * options.picks);
          CHECK(*std::min_element(own, own + static_cast<std::ptrdiff_t>(options.picks)) == parents[child]);
          ++child;
          return tried.back();
        }};
    for (std::size_t c = 0; c < options.cycles; ++c, ++cycle) {
      tried.clear();
      population = next_population(population, {r, r, r}, options, calls);
      REQUIRE(population.size() == options.population);
      for (std::size_t i = 0; i < population.size(); ++i) {
        const std::size_t last = cycle * options.children + options.children - 1;
        CHECK(close(population[i].loss, after[last * options.population + i]));
      }
      for (std::size_t i = 0; i < tried.size(); ++i) {
        const auto place = std::find_if(population.begin(), population.end(),
                                        [&](const Candidate& one) { return one.loss == tried[i]; });
        const std::int64_t rank = place == population.end() ? -1 : place - population.begin();
        CHECK(rank == ranks[cycle * options.children + i]);
      }
    }
    loss = population.front().loss;
    CHECK(close(loss, bests[visit]));
    for (std::size_t i = 0; i < n; ++i) {
      scales[first + i] = population.front().ranges[i];
      CHECK(close(scales[first + i], best_scales[visit * n + i]));
    }
  }
  CHECK(draws.next == draws.all.size());
  CHECK(close(objective(weights, scales), golden.scalar(group + "/end_objective")));
  CHECK(relative_error(scales, golden.array(group + "/end").values) < 1e-12);
}

TEST_CASE("evolve, golden: the traces of the search, draw for draw") {
  const Golden golden = fixture();
  for (const char* const name : {"upstream", "relative", "four_children"}) {
    check_trace(golden, std::string("search/") + name);
  }
}

TEST_CASE("evolve, golden: the objective is jagged along one scale as the fixture says") {
  const Golden golden = fixture();
  const GoldenArray weights = golden.array("search/weights");
  const std::vector<double> start = golden.array("search/start").values;
  const std::vector<double> factors = golden.array("search/line/factor").values;
  const std::vector<double> expected = golden.array("search/line/objective").values;
  REQUIRE(factors.size() == 401);
  std::size_t matching = 0;
  for (std::size_t moved = 0; moved < start.size(); ++moved) {
    std::vector<double> found;
    for (const double factor : factors) {
      std::vector<double> scales = start;
      scales[moved] *= factor;
      found.push_back(objective(weights, scales));
    }
    matching += relative_error(found, expected) < 1e-12 ? 1 : 0;
  }
  CHECK(matching == 1);
}

TEST_CASE("evolve, golden: visit_block is all cycles of a population of copies") {
  const Golden golden = fixture();
  RecordedDraws draws{golden.array("search/relative/draws").values};
  const auto loss = [](const std::vector<double>& r) { return std::fabs(r[0] - 1.1) + std::fabs(r[1] - 0.9); };
  const Candidate start{{1.0, 1.0}, loss({1.0, 1.0})};
  const TournamentCalls calls{[&] { return draws(); }, loss};
  TournamentOptions options;
  options.cycles = 20;
  const Candidate best = visit_block(start, {0.05, 0.05}, options, calls);
  CHECK(draws.next == options.cycles * (options.picks + 2));
  CHECK(best.loss < start.loss);
  CHECK(best.loss == loss(best.ranges));
  const Candidate still = visit_block(start, {0.0, 0.0}, options, calls);
  CHECK(still.ranges == start.ranges);
}

TEST_CASE("evolve, golden: moved scales give the codes of the fixture") {
  const Golden golden = fixture();
  const GoldenArray weights = golden.array("perturb/weights");
  const std::vector<double> u = golden.array("perturb/u").values;
  std::size_t compared = 0;
  for (const std::string& name : golden.list("perturb")) {
    if (name == "u" || name == "weights") continue;
    CAPTURE(name);
    const std::string group = "perturb/" + name;
    const auto bound = static_cast<std::int32_t>(golden.number(group, "bound"));
    for (const bool relative : {false, true}) {
      const std::vector<double> start = golden.array(group + "/scale").values;
      const double step = golden.number(group, relative ? "r_relative" : "r_absolute");
      std::size_t next = 0;
      const TournamentCalls calls{[&] { return next++ == 0 ? 0.0 : u[next - 2]; },
                                  [](const std::vector<double>&) { return -1.0; }};
      TournamentOptions options;
      options.picks = 1;
      options.relative = relative;
      const auto moved = next_population({{start, 0.0}}, std::vector(start.size(), step), options, calls);
      CHECK(relative_error(moved[0].ranges,
                           golden.array(group + (relative ? "/scale_relative" : "/scale_absolute")).values) < 1e-14);
    }
    for (const std::string kind : {"", "_relative", "_absolute"}) {
      const std::vector<double> scales = golden.array(group + "/scale" + kind).values;
      const std::vector<std::int64_t> codes = golden.integers(group + "/codes" + kind);
      const std::size_t cols = weights.values.size() / scales.size();
      for (std::size_t i = 0; i < codes.size(); ++i) {
        const Grid grid{static_cast<float>(scales[i / cols]), -bound, bound};
        const double place = weights.values[i] / scales[i / cols];
        if (std::fabs(place - std::floor(place) - 0.5) < 1e-4) continue;  // a float may round it otherwise
        const auto x = static_cast<float>(weights.values[i]);
        std::int32_t code = 0;
        kernels::quantize(1, 1, &x, {kernels::ScaleLayout::per_tensor, {&grid, 1}, false},
                          {{&code, program::Width::four, 1}});
        CHECK(code == codes[i]);
        ++compared;
      }
    }
  }
  CHECK(compared > 500);
}

}  // namespace
}  // namespace bitstate::tests::evolve_golden_test
