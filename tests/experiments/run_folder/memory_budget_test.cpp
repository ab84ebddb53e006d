// A budget of memory chooses what trains, and the run keeps the choice.
#include "experiments/run_folder/memory_budget.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/train.h"
#include "tests/experiments/run_folder/small_lorenz.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <cctype>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <utility>

namespace bitstate::experiments::memory_budget_test {
namespace {

/// A run of three layers, and those that start from it.
struct Source {
  tests::TempFolder folder;
  Source() {
    train(tests::small_lorenz(
        {{"n_layers", "3"}, {"epochs", "1"}, {"batchnorm", "false"}, {"activation_fn", "half_glu1"}},
        folder / "source"));
  }
  RunConfig with(const Settings& options, const std::string& name) const {
    Settings all{{"from", (folder / "source").string()}, {"quant", "w8a8"}, {"epochs", "1"}, {"lanes", "2"}};
    all.insert(all.end(), options.begin(), options.end());
    RunConfig config = load_run_config("", all);
    config.run.out = (folder / name).string();
    config.run.threads = 2;
    return config;
  }
};

using Choice = std::pair<std::string, std::size_t>;  // text of what is trained, bytes

Choice chosen(const RunConfig& config) {
  std::string said;
  const RunConfig c = within_budget(config, config.run.out, training_data(config), said);
  const auto takes = said.find(" takes ");
  REQUIRE(takes != said.npos);
  const std::string top = c.source.top_blocks ? std::to_string(*c.source.top_blocks) : "all";
  return {
      top + " " + std::string(word_of(c.training.norm_backward)) + " " + std::string(word_of(c.training.act_backward)),
      std::stoul(said.substr(takes + 7))};
}

TEST_CASE("memory_budget: a smaller budget chooses less, and what it chooses is what the arenas take") {
  const Source source;
  std::string budget = "1G";
  std::string last = "all exact exact";
  std::set<std::string> seen;
  for (;;) {
    Choice choice;
    try {
      choice = chosen(source.with({{"memory_budget", budget}}, "unused"));
    } catch (const UsageError& error) {
      CHECK(last == "0 exact exact");  // a head has no other forms
      CHECK(std::string(error.what()).starts_with("[memory_budget] expected more bytes, got \"" + budget + "\": "));
      break;
    }
    CAPTURE(choice.first);
    if (seen.empty()) CHECK(choice.first == last);
    CHECK(seen.insert(choice.first).second);
    last = choice.first;
    budget = std::to_string(choice.second - 1);
  }
  CHECK(seen.contains("1 exact exact"));
  CHECK(seen.size() >= 4);
}

TEST_CASE("memory_budget: the run keeps what was chosen, also when it is resumed with other threads") {
  const Source source;
  const Choice least = chosen(source.with({{"memory_budget", "1G"}, {"top_blocks", "0"}}, "unused"));
  RunConfig config = source.with({{"memory_budget", std::to_string(least.second)}}, "run");
  const TrainResult result = train(config);
  REQUIRE(result.status == "done");
  const std::string settings = read_file(source.folder / "run" / "settings.ini", 100000);
  CHECK(settings.find("top_blocks = 0\n") != settings.npos);
  CHECK(settings.find("memory_budget = " + std::to_string(least.second)) != settings.npos);
  config.run.resume = true;
  config.run.threads = 1;
  CHECK(train(config).weights_digest == result.weights_digest);
  std::filesystem::remove(source.folder / "run" / "result.json");
  CHECK(train(config).weights_digest == result.weights_digest);
  const RunConfig head = source.with({{"top_blocks", "0"}}, "head");
  CHECK(train(head).weights_digest == result.weights_digest);
}

TEST_CASE("memory_budget: what is given beside it stays, and the rest is chosen") {
  const Source source;
  const auto two_layers = [&](const std::string& budget) {
    return chosen(source.with({{"memory_budget", budget}, {"top_blocks", "2"}, {"quant", "none"}}, "unused"));
  };
  const Choice exact = two_layers("1G");
  CHECK(exact.first == "2 exact exact");
  CHECK(two_layers(std::to_string(exact.second - 1)).first == "2 exact sign");
  CHECK(chosen(source.with({{"memory_budget", "1G"}, {"norm_backward", "frozen"}}, "unused")).first ==
        "all frozen exact");
  CHECK(chosen(source.with({{"memory_budget", "1G"}, {"act_backward", "sign"}}, "unused")).first == "all exact sign");
  std::string said;
  const RunConfig small = source.with(
      {{"memory_budget", "100"}, {"top_blocks", "2"}, {"norm_backward", "frozen"}, {"act_backward", "sign"}}, "unused");
  CHECK_THROWS_WITH_AS(static_cast<void>(within_budget(small, small.run.out, training_data(small), said)),
                       doctest::Contains("nothing that was given takes less"), UsageError);
}

TEST_CASE("memory_budget: what the source has chosen is not inherited") {
  const Source source;
  const RunConfig first = source.with({{"norm_backward", "frozen"}, {"act_backward", "sign"}}, "first");
  train(first);
  const std::string from = first.run.out;
  CHECK(chosen(source.with({{"memory_budget", "1G"}, {"from", from}}, "unused")).first == "all exact exact");
  const RunConfig inherits = source.with({{"memory_budget", "none"}, {"from", from}}, "unused");
  CHECK(word_of(inherits.training.norm_backward) == "frozen");
  CHECK(word_of(inherits.training.act_backward) == "sign");
}

TEST_CASE("memory_budget: a choice that was made for another budget is made anew") {
  const Source source;
  const RunConfig config = source.with({{"memory_budget", "1G"}}, "run");
  std::filesystem::create_directory(config.run.out);
  const auto top_with = [&](const std::string& budget) {
    write_file_atomically(source.folder / "run" / "settings.ini", "memory_budget = " + budget + "\ntop_blocks = 0\n");
    std::string said;
    CHECK(as_chosen(config, config.run.out).source.top_blocks.has_value() == (budget == "1000000000"));
    return within_budget(config, config.run.out, training_data(config), said).source.top_blocks;
  };
  CHECK(top_with("1000000000") == 0);
  CHECK_FALSE(top_with("1000").has_value());
}

struct Infinite : datasets::Dataset {
  explicit Infinite(std::shared_ptr<const Dataset> finite) : data(std::move(finite)) {}
  std::size_t size() const override { return data->size(); }
  void read(std::size_t index, datasets::Example& out) const override {
    data->read(index, out);
    out.x[0] = std::numeric_limits<float>::infinity();
  }
  std::shared_ptr<const Dataset> data;
};

TEST_CASE("memory_budget: a model that diverges in its calibration is a diverged run") {
  const Source source;
  const RunConfig config = source.with({{"memory_budget", "1G"}}, "run");
  datasets::Splits data = training_data(config);
  data.train = std::make_shared<Infinite>(data.train);
  CHECK(train_on(config, data).status == "diverged");
}

}  // namespace
}  // namespace bitstate::experiments::memory_budget_test
