// Several ranks that share the lanes of one training.
#include "experiments/training/team.h"

#include "core/error.h"
#include "experiments/training/trainer.h"
#include "tests/experiments/training/custom_model.h"
#include "tests/experiments/training/lorenz_rig.h"
#include "tests/support/temp_folder.h"
#include "tests/support/thread_team.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <new>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace bitstate {
namespace {

using namespace tests;

/// Everything that batches of training, calibration and evaluation give.
struct Given {
  std::vector<double> results;
  std::vector<float> gradient, maxima;
  std::vector<std::uint32_t> counts;
  std::vector<double> statistics;
  bool operator==(const Given&) const = default;

  void add(const BatchResult& batch) {
    for (const auto* numbers : {&batch.losses, &batch.metrics, &batch.weights}) {
      results.insert(results.end(), numbers->begin(), numbers->end());
    }
    results.push_back(static_cast<double>(batch.tokens));
  }
  void add(const Observed& observed) {
    maxima.insert(maxima.end(), observed.maxima.begin(), observed.maxima.end());
    counts.insert(counts.end(), observed.counts.begin(), observed.counts.end());
  }
};

struct Shape {
  std::size_t lanes, sequences;
  bool batchnorm;
};

const datasets::Splits& lorenz_data() {
  static const datasets::Splits data = datasets::lorenz({.trajectories = 40});
  return data;
}

/// What a rank of the team gets.
Given given(const Shape& shape, const std::shared_ptr<Team>& team) {
  S5Settings settings = lorenz_settings();
  settings.p_dropout = 0.2;
  settings.batchnorm = shape.batchnorm;
  Model model = lorenz_model(settings);
  Inventory inventory = take_inventory(model);
  quantize_sites(inventory, QuantConfig::parse("weight:* 8\nact:* 8 range=percentile\nstate:* 16", "test"));
  Workers workers(2);
  LaneRunner runner(model, inventory, Metric::mse, {shape.lanes, 0, shape.batchnorm, {}, false, team}, workers);
  std::vector<std::size_t> indices(shape.sequences);
  std::iota(indices.begin(), indices.end(), std::size_t{3});
  Given all;
  all.add(runner.run(LaneRunner::Mode::begin, *lorenz_data().train, indices));
  all.add(runner.observed());
  calibrate_ranges(inventory, runner.observed());
  for (std::uint64_t step = 0; step < 2; ++step) {
    all.add(runner.run(LaneRunner::Mode::train, *lorenz_data().train, indices, 5, step));
    all.add(runner.observed());
    all.gradient.insert(all.gradient.end(), runner.gradient().begin(), runner.gradient().end());
    all.statistics.insert(all.statistics.end(), runner.statistics().begin(), runner.statistics().end());
  }
  indices.resize(5);  // a short batch: lanes are fewer, and not every rank has one
  all.add(runner.run(LaneRunner::Mode::evaluate, *lorenz_data().train, indices));
  return all;
}

TEST_CASE("team: ranks with blocks of lanes get the bits of one process, for any lanes and short batches") {
  for (const Shape& shape : {Shape{16, 20, false},
                             {16, 20, true},
                             {12, 13, false},
                             {12, 13, true},
                             {6, 7, true},
                             {16, 8, false},
                             {16, 8, true}}) {
    CAPTURE(shape.lanes);
    CAPTURE(shape.sequences);
    CAPTURE(shape.batchnorm);
    const Given alone = given(shape, std::make_shared<Team>());
    REQUIRE(!alone.counts.empty());
    REQUIRE(alone.statistics.empty() != shape.batchnorm);
    const std::size_t lanes = std::min(shape.lanes, shape.sequences);
    for (const std::size_t ranks : {2U, 3U, 4U, 6U, 8U}) {
      if (lanes % ranks != 0 || !std::has_single_bit(lanes / ranks)) continue;
      CAPTURE(ranks);
      std::vector<Given> found(ranks);
      with_team(ranks, [&](const std::shared_ptr<Team>& team) { found[team->rank()] = given(shape, team); });
      for (const Given& rank : found) CHECK(rank == alone);
    }
  }
}

TEST_CASE("team: ranks that cannot have equal blocks of a power of two of lanes are refused") {
  TrainerOptions options;
  options.bsz = 64;
  for (const std::size_t ranks : {3U, 5U, 32U}) {
    std::vector<std::string> said(ranks);
    with_team(ranks, [&](const std::shared_ptr<Team>& team) {
      TrainerOptions own = options;
      own.team = team;
      try {
        const Trainer trainer(TwoLayers({Output::values_per_step}), own);
      } catch (const UsageError& error) {
        said[team->rank()] = error.what();
      }
    });
    for (const std::string& sentence : said) {
      CHECK(sentence == fmt::format("[lanes] {} processes cannot share 16 lanes in equal blocks of 1, 2, 4, 8 or so "
                                    "lanes; expected one of these numbers of processes: 1 2 4 8 16",
                                    ranks));
    }
  }
}

/// What each rank of three says to an error that rank 1 alone meets.
template <class Throw>
std::vector<std::string> told(const Throw& raise) {
  std::vector<std::string> said(3);
  with_team(3, [&](const std::shared_ptr<Team>& team) {
    const auto tell = [&](const char* kind, const std::exception& error) {
      said[team->rank()] = std::string(kind) + error.what();
    };
    try {
      team->together([&] {
        team->together([&] {
          if (team->rank() == 1) raise();
        });
        fail("test", "rank {} goes on", team->rank());
      });
    } catch (const UsageError& error) {
      tell("usage: ", error);
    } catch (const DivergedError& error) {
      tell("diverged: ", error);
    } catch (const Error& error) {
      tell("error: ", error);
    } catch (const std::bad_alloc&) {
      said[team->rank()] = "memory";
    } catch (const std::runtime_error& error) {
      tell("other: ", error);
    }
  });
  return said;
}

TEST_CASE("team: an error of one rank is thrown by all, of its kind and with its sentence") {
  const auto all = [](const char* sentence) { return std::vector<std::string>(3, sentence); };
  CHECK(told([] { fail<UsageError>("x", "one"); }) == all("usage: [x] one"));
  CHECK(told([] { fail<DivergedError>("x", "two"); }) == all("diverged: [x] two"));
  CHECK(told([] { fail("x", "three"); }) == all("error: [x] three"));
  CHECK(told([] { throw std::bad_alloc(); }) == all("memory"));
  CHECK(told([] { throw std::logic_error("four"); }) == all("other: four"));
}

TEST_CASE("team: of several errors the first rank's is thrown, and a rank that only asks gets it too") {
  std::vector<std::string> said(4);
  with_team(4, [&](const std::shared_ptr<Team>& team) {
    try {
      if (team->rank() == 0) {
        (void)team->any(true);
      } else {
        team->together([&] { fail("test", "rank {}", team->rank()); });
      }
    } catch (const Error& error) {
      said[team->rank()] = error.what();
    }
  });
  CHECK(said == std::vector<std::string>(4, "[test] rank 1"));
}

TEST_CASE("team: a wish of one is known to all, and texts that differ are an error of all") {
  std::vector<int> wished(3), differed(3);
  with_team(3, [&](const std::shared_ptr<Team>& team) {
    wished[team->rank()] = (team->any(false) ? 1 : 0) + (team->any(team->rank() == 2) ? 10 : 0);
    team->require_same("same", "test", "differs");
    try {
      team->require_same(team->rank() == 2 ? "that" : "this", "test", "differs");
    } catch (const Error& error) {
      differed[team->rank()] = std::string(error.what()) == "[test] differs" ? 1 : 2;
    }
  });
  CHECK(wished == std::vector<int>(3, 10));
  CHECK(differed == std::vector<int>(3, 1));
}

/// Sequences of noise, one of which is not a number.
class BrokenSequences final : public datasets::Dataset {
 public:
  [[nodiscard]] std::size_t size() const override { return whole_.size(); }
  void read(std::size_t index, datasets::Example& out) const override {
    whole_.read(index, out);
    if (index == 9) out.x[0] = std::numeric_limits<float>::quiet_NaN();
  }

 private:
  NoisySequences whole_{Output::values_per_step};
};

TEST_CASE("team: a sequence that one rank alone reads fails the training of all, also where lanes meet") {
  for (const bool packed : {false, true}) {
    CAPTURE(packed);
    std::vector<std::string> said(4);
    with_team(4, [&](const std::shared_ptr<Team>& team) {
      S5Settings settings = lorenz_settings();
      settings.batchnorm = packed;
      Model model = make_model(settings, {.inputs = 3, .outputs = custom_outputs, .output = {Output::values_per_step}},
                               std::uint64_t{1});
      const Inventory inventory = take_inventory(model);
      Workers workers(1);
      LaneRunner runner(model, inventory, Metric::mse, {8, 0, packed, {}, false, team}, workers);
      const BrokenSequences data;
      std::vector<std::size_t> indices(data.size());
      std::iota(indices.begin(), indices.end(), std::size_t{0});
      try {
        runner.run(LaneRunner::Mode::train, data, indices);
      } catch (const DivergedError& error) {
        said[team->rank()] = error.what();
      }
    });
    CHECK(!said[0].empty());
    CHECK(said == std::vector<std::string>(4, said[0]));
  }
}

TrainerOptions shared_options(const std::shared_ptr<Team>& team) {
  TrainerOptions options;
  options.rules = "weight:* 8\nact:* 8\n";
  options.epochs = 3;
  options.bsz = 4;
  options.lr = options.second_lr = 0.01;
  options.lanes = 8;
  options.threads = 1;
  options.team = team;
  return options;
}

TEST_CASE("team: what one rank wishes stops all at the same step, and other numbers of ranks go on with equal bits") {
  const TempFolder folder;
  const NoisySequences noise(Output::values_per_step);
  const auto train = [&](const std::shared_ptr<Team>& team, std::size_t question) {
    TrainerOptions options = shared_options(team);
    std::size_t asked = 0;
    options.callbacks.stop = [&, last = team->size() - 1] { return ++asked == question && team->rank() == last; };
    Trainer trainer(TwoLayers({Output::values_per_step}), options);
    if (std::filesystem::exists(folder / "checkpoint.h5")) trainer.resume(folder / "checkpoint.h5");
    (void)team->any(false);  // all have read
    const bool done = trainer.train(noise, noise);
    trainer.save(folder / "checkpoint.h5");
    (void)team->any(false);  // the first has written
    return fmt::format("{} {} {} {}", done, trainer.progress().epoch, trainer.progress().step,
                       weights_digest(trainer.inventory()));
  };
  const std::string undisturbed = train(std::make_shared<Team>(), 0);
  REQUIRE(undisturbed.starts_with("true 3 0 "));
  for (const std::size_t question : {1U, 4U, 6U}) {  // in a step, in a validation, in a step
    CAPTURE(question);
    std::filesystem::remove(folder / "checkpoint.h5");
    for (const std::size_t ranks : {2U, 1U, 4U}) {
      std::vector<std::string> ends(ranks);
      with_team(ranks, [&](const std::shared_ptr<Team>& team) {
        ends[team->rank()] = train(team, ranks == 4 ? 0 : question);
      });
      CHECK(ends == std::vector<std::string>(ranks, ends[0]));
      if (ranks == 2) CHECK(ends[0].starts_with("false"));
      if (ranks == 4) CHECK(ends[0] == undisturbed);
    }
  }
}

}  // namespace
}  // namespace bitstate
