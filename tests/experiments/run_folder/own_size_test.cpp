// What `bitstate train own` chooses for data of which nothing else is said.
#include "experiments/run_folder/own_size.h"
#include "core/error.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstddef>
#include <string>

namespace bitstate::experiments {
namespace {

/// One series of so many rows, of which four fifths are for training.
std::string series(const tests::TempFolder& folder, std::size_t rows) {
  std::string text = "u,y\n";
  for (std::size_t i = 0; i < rows; ++i) text += fmt::format("{},{}\n", i % 7, i % 5);
  const std::string file = (folder / fmt::format("{}.csv", rows)).string();
  tests::write_quickly(file, text);
  return file;
}

}  // namespace

TEST_CASE("own data: windows, size, batch and epochs follow from the rows, and are said") {
  const tests::TempFolder folder;
  std::string said;
  const RunConfig small =
      run_of_own_data({{"data", series(folder, 1000)}, {"input", "u"}, {"target", "y"}}, said);  // 800 training steps
  CHECK(small.data.series.window == 64);
  CHECK(small.data.series.stride == 8);
  CHECK(small.model.s5.n_layers == 1);
  CHECK(small.model.s5.d_model == 8);
  CHECK(small.training.bsz == 8);       // of 93 sequences
  CHECK(small.training.epochs == 172);  // 2,000 steps
  CHECK(said ==
        "chosen for 800 time steps in 93 training sequences: window = 64, stride = 8, n_layers = 1, d_model = 8, "
        "ssm_size_base = 8, bsz = 8, epochs = 172");
  const RunConfig large = run_of_own_data({{"data", series(folder, 20'000)}, {"input", "u"}, {"target", "y"}}, said);
  CHECK(large.data.series.window == 1024);
  CHECK(large.model.s5.n_layers == 2);
  CHECK(large.model.s5.ssm_size_base == 16);
}

TEST_CASE("own data: what is given stays, and is not said to be chosen") {
  const tests::TempFolder folder;
  std::string said;
  const RunConfig c = run_of_own_data({{"data", series(folder, 1000)},
                                       {"input", "u"},
                                       {"target", "y"},
                                       {"window", "50"},
                                       {"d_model", "12"},
                                       {"ssm_size_base", "20"},
                                       {"activation_fn", "gelu"},
                                       {"seed", "7"}},
                                      said);
  CHECK(c.data.series.window == 50);
  CHECK(c.data.series.stride == 0);
  CHECK(c.model.s5.d_model == 12);
  CHECK(c.model.s5.ssm_size_base == 20);
  CHECK(c.model.s5.activation_fn == "gelu");
  CHECK(c.training.seed == 7);
  CHECK(said == "chosen for 800 time steps in 16 training sequences: n_layers = 1, bsz = 2, epochs = 200");
}

TEST_CASE("own data: the size is one for all folds, whose blocks hold a window") {
  const tests::TempFolder folder;
  std::string said;
  const Settings options{{"data", series(folder, 2000)}, {"input", "u"}, {"target", "y"}, {"folds", "10"}};
  const RunConfig c = run_of_own_data(options, said);
  CHECK(c.data.own.folding.all());
  CHECK(c.data.series.window == 128);  // of 1,620 steps; a block has 180
  CHECK(said.starts_with("chosen for 1620 time steps in "));
  Settings many = options;
  many.back().second = "100";
  CHECK(run_of_own_data(many, said).data.series.window == 0);  // blocks have 18 steps
  many.emplace_back("window", "32");
  CHECK_THROWS_WITH_AS((void)run_of_own_data(many, said),
                       "[folds] 100 blocks of 1800 steps have 18 each; expected at least 32, for a window of 32 and a "
                       "horizon of 0",
                       UsageError);
}

TEST_CASE("own data: what cannot be read is refused as ever") {
  std::string said;
  CHECK_THROWS_AS((void)run_of_own_data({{"data", "absent.csv"}, {"input", "u"}, {"target", "y"}}, said), Error);
  CHECK_THROWS_AS((void)run_of_own_data({}, said), Error);
}

}  // namespace bitstate::experiments
