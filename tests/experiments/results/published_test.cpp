#include "experiments/results/published.h"

#include "core/text.h"
#include "experiments/report/report.h"
#include "experiments/settings/embedded.h"
#include "experiments/settings/options.h"
#include "tests/support/made_up_runs.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace {

using namespace bitstate::experiments;
using bitstate::tests::contains;
using bitstate::tests::MadeUpRuns;

const std::string size = "n_layers = 4\nd_model = 96\nssm_size_base = 128\nblocks = 1\nepochs = 5\n";

std::string published(const std::string& settings, const std::string& metric = "accuracy") {
  MadeUpRuns runs;
  return published_by_qs5(read_run(runs.add(settings, R"({"status":"done","test_)" + metric + R"(":0.5})")));
}

}  // namespace

TEST_CASE("published: Q-S5's figures stand beside its configurations, at its size") {
  CHECK(published("batchnorm = false\nquant = w8a8\n" + size) == "99.54");
  CHECK(published("batchnorm = false\npreset = qs5\nquant = w4a8\n" + size) == "12.68");
  CHECK(published("batchnorm = true\nqgelu_approx = true\nhard_sigmoid = true\nquant = w2a8-a8\n" + size) == "82.40");
  CHECK(published("batchnorm = true\nquant = w2a8-a8\n" + size) == "71.63");
  CHECK(published("batchnorm = true\nqgelu_approx = true\nhard_sigmoid = true\n" + size) == "99.53");
  CHECK(published("dataset = lorenz\ntrajectories = 1024\nn_layers = 2\nd_model = 3\nssm_size_base = 8\nblocks = 2\n"
                  "epochs = 9\na_bits = 8\nssm_act_bits = 4\n",
                  "mse") == "12.34");
  CHECK(published("dataset = mackey-glass\ntrajectories = 256\ntau = 17\nn_layers = 2\nd_model = 10\nblocks = 2\n"
                  "ssm_size_base = 8\nepochs = 9\n",
                  "smape") == "≈36.1 / ≈34.5");
}

TEST_CASE("published: another model, configuration, data set or kind of training has no figure of Q-S5 beside it") {
  const std::string w8a8 = "batchnorm = false\nquant = w8a8\n";
  CHECK(published(w8a8 + "n_layers = 2\nd_model = 32\nssm_size_base = 32\nblocks = 1\nepochs = 5\n").empty());
  CHECK(published(w8a8 + size + "bits = state:* 8\n").empty());
  CHECK(published(w8a8 + size + "a_bits = 4\n").empty());
  CHECK(published(w8a8 + size + "limit_test = 100\n").empty());
  CHECK(published("dataset = psmnist\n" + w8a8 + size).empty());
  CHECK(published(w8a8 + size, "mse").empty());
  CHECK(published(w8a8 + size + "from = ../float\n").empty());  // Q-S5 published nothing of fine-tuning
  CHECK(published("batchnorm = true\nqgelu_approx = true\nquant = w8a8\n" + size).empty());
}

TEST_CASE("published: without training, the figures are those of Q-S5's PTQ") {
  const std::string ptq =
      "batchnorm = false\nuse_layernorm_bias = false\nquant = w4a8-a8\nfrom = ../float\nepochs = 0\nn_layers = 4\n"
      "d_model = 96\nssm_size_base = 128\nblocks = 1\n";
  CHECK(published(ptq) == "37.98");
}

TEST_CASE("published: the table and its text say whose the figures are") {
  MadeUpRuns runs;
  runs.accuracy("batchnorm = false\nquant = w8a8\n" + size, 0.9);
  runs.accuracy("batchnorm = false\nquant = none\n" + size, 0.9);
  const Report report = runs.report();
  CHECK(contains(report_markdown(report), "| difference to float | Q-S5 (theirs) |"));
  CHECK(contains(report_markdown(report), "| 90.00 | 0.00 | 99.54 |"));
  CHECK(contains(report_markdown(report), "Q-S5 (theirs) is what Q-S5 (arXiv 2406.09477) published"));
  CHECK(contains(report_csv(report), ",99.54,\n"));
  CHECK(contains(report_tex(report), " & 99.54 & "));
}

TEST_CASE("published: every line names settings that there are, and a number") {
  const auto lines = bitstate::split(*embedded_file("results/published/qs5.csv"), "\n");
  REQUIRE(lines.size() > 300);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    CAPTURE(lines[i]);
    const auto fields = bitstate::split(lines[i], ",");
    REQUIRE(fields.size() == 8);
    for (const auto& setting : bitstate::split(fields[1] + ";" + fields[2], ";")) {
      CHECK(std::any_of(option_table().begin(), option_table().end(),
                        [&](const Option& option) { return option.name == setting.substr(0, setting.find('=')); }));
    }
    CHECK(std::stod(fields[5]) > 0.0);
  }
}
