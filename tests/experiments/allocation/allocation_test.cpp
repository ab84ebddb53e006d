#include "experiments/allocation/allocation.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/text.h"
#include "experiments/allocation/sensitivity.h"
#include "experiments/run_folder/train.h"
#include "tests/experiments/run_folder/small_lorenz.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

/// A small float run.
struct FloatRun {
  tests::TempFolder folder;
  std::string run = (folder / "float").string();

  FloatRun() { REQUIRE(train(tests::small_lorenz({{"epochs", "20"}}, run)).status == "done"); }

  [[nodiscard]] MeasurementOptions measurement(const std::vector<int>& widths, const char* measured) const {
    return {run, widths, 8, {{"threads", "2"}}, folder / measured};
  }
  [[nodiscard]] AllocationOptions allocation(std::optional<std::uint64_t> budget, std::optional<double> goal,
                                             const char* out = "out") const {
    return {measurement({8, 4, 2}, "measured"), budget, goal, false, 0, folder / out};
  }
  [[nodiscard]] std::string text(const fs::path& file) const { return read_file(folder / file, 1U << 20U); }
};

/// The fields of the line of a table that begins with `head`.
std::vector<std::string> line_of(const std::string& table, const std::string& head) {
  const std::size_t at = table.find("\n" + head);
  REQUIRE(at != table.npos);
  return split(table.substr(at + 1, table.find('\n', at + 1) - at - 1), ",");
}

std::string refusal(const AllocationOptions& options) {
  return tests::error_of<UsageError>([&] { (void)run_allocation(options, false); });
}

}  // namespace

TEST_CASE("sensitivity: a row is what post-training quantization of this site alone gives on held-out data") {
  const FloatRun source;
  REQUIRE(run_sensitivity({source.measurement({8, 2}, "measured"), 0, {}}, false) == 0);
  const std::string csv = source.text("measured/sensitivity.csv");
  for (const auto& [site, rule] :
       {std::pair{"weight:layers.1.ssm.A", "weight:layers.1.ssm.A 2 form=log-polar"},
        {"act:decoder", "act:decoder 2 range=ema rate=0.3 edge=half"},
        {"state:layers.0.ssm", "state:layers.0.ssm 2 range=ema rate=0.3 granularity=channel"},
        {"weights D", "weight:*.ssm.D 2 range=absmax granularity=channel edge=half"}}) {
    CAPTURE(rule);
    const auto kind = std::string(site).substr(0, std::string(site).find(':'));
    const auto line = line_of(csv, std::string(site) + "," + (kind == site ? "group" : kind) + "," +
                                       (kind == site                          ? "6"
                                        : kind == "state" || kind == "weight" ? "8"
                                                                              : "3") +
                                       ",2,");
    const TrainResult alone = train(tests::small_lorenz(
        {{"from", source.run}, {"epochs", "0"}, {"bits", rule}, {"val_split", "0.1"}, {"calibration_batches", "8"}},
        source.folder / site));
    CHECK(std::stod(line[5]) == alone.val_metric);
  }
}

TEST_CASE("sensitivity: what was measured before is kept, and the table is that of a whole measurement") {
  const FloatRun source;
  REQUIRE(run_sensitivity({source.measurement({8, 4}, "whole"), 0, {}}, false) == 0);
  REQUIRE(run_sensitivity({source.measurement({4}, "parts"), 0, {}}, false) == 0);
  std::string known = source.text("parts/measured.json");
  REQUIRE(run_sensitivity({source.measurement({8, 4}, "parts"), 0, {}}, false) == 0);
  CHECK(source.text("parts/sensitivity.csv") == source.text("whole/sensitivity.csv"));
  CHECK(source.text("parts/measured.json") == source.text("whole/measured.json"));
  // a figure that is found is not measured again
  const std::size_t at = known.find("\"metric\": ", known.find("weight:decoder 4"));
  known.replace(at + 10, known.find_first_of(",\n}", at) - at - 10, "123.5");
  write_file_atomically(source.folder / "parts/measured.json", known);
  REQUIRE(run_sensitivity({source.measurement({8, 4}, "parts"), 0, {}}, false) == 0);
  CHECK(line_of(source.text("parts/sensitivity.csv"), "weight:decoder,weight,9,4,")[5] == "123.5");
}

TEST_CASE("sensitivity: the most sensitive are fine-tuned in runs of their own") {
  const FloatRun source;
  REQUIRE(run_sensitivity({source.measurement({4, 2}, "measured"), 1, 1}, false) == 0);
  std::size_t finetuned = 0;
  for (const std::string& line : split(source.text("measured/sensitivity.csv"), "\n")) {
    if (!line.ends_with(",")) ++finetuned;
  }
  CHECK(finetuned == 1 + 1);  // and the head
  std::size_t runs = 0;
  for (const auto& entry : fs::directory_iterator(source.folder / "measured/runs")) {
    runs += fs::exists(entry.path() / "result.json") ? 1 : 0;
  }
  CHECK(runs == 1);
}

TEST_CASE("sensitivity: sites that are named are fine-tuned, at one width or at all, and groups, too") {
  const FloatRun source;
  SensitivityOptions options{source.measurement({4, 2}, "measured"), 0, 1};
  options.finetune_sites = {"weight:encoder", "weights A:2", "weight:encoder:4"};
  REQUIRE(run_sensitivity(options, false) == 0);
  std::vector<std::string> trained;
  for (const std::string& line : split(source.text("measured/sensitivity.csv"), "\n")) {
    const auto fields = split(line, ",");
    if (!line.ends_with(",")) trained.push_back(fields[0] + " " + fields[3]);
  }
  CHECK(trained == std::vector<std::string>{"site bits", "weight:encoder 4", "weight:encoder 2", "weights A 2"});
  for (const char* run : {"weight-encoder-4", "weight-encoder-2", "weights-A-2"}) {
    CHECK(fs::exists(source.folder / "measured/runs" / run / "result.json"));
  }
}

TEST_CASE("sensitivity: a site or a width that there is not is refused before anything is measured") {
  const FloatRun source;
  for (const auto& [site, said] :
       {std::pair("weight:encodr",
                  "[finetune] the table has no site \"weight:encodr\"; did you mean 'weight:encoder'?"),
        {"weight:encodr:4", "[finetune] the table has no site \"weight:encodr\"; did you mean 'weight:encoder'?"},
        {"weights a:4x", "[finetune] the table has no site \"weights a:4x\""},
        {"weight:encoder:3", "[finetune] expected one of the --widths 4,2 behind \"weight:encoder:\", got \"3\""},
        {"weight:encoder:", "[finetune] expected one of the --widths 4,2 behind \"weight:encoder:\", got \"\""}}) {
    CAPTURE(site);
    SensitivityOptions options{source.measurement({4, 2}, "measured"), 0, 1};
    options.finetune_sites = {site};
    const auto refusal = [&]() -> std::string {
      try {
        run_sensitivity(options, false);
      } catch (const UsageError& error) {
        return error.what();
      }
      return "";
    }();
    CHECK(refusal.find(said) == 0);
    CHECK_FALSE(fs::exists(source.folder / "measured/measured.json"));
  }
}

TEST_CASE("allocate: the run in its folder fits the budget and is at least as good as every uniform width that does") {
  const FloatRun source;
  for (const std::uint64_t bytes : {95U, 130U, 100000U}) {
    const std::string out = "out" + std::to_string(bytes);
    REQUIRE(run_allocation(source.allocation(bytes, {}, out.c_str()), false) == 0);
    const std::string front = source.text(fs::path(out) / "pareto.csv");
    CHECK(front.starts_with("label,bytes,metric,kind\n"));
    double best = 1e9;
    double answer = 1e9;
    for (const std::string& line : split(front, "\n")) {
      const auto fields = split(line, ",");
      if (fields.size() < 4 || fields[0] == "label" || std::stoull(fields[1]) > bytes) continue;
      if (fields[3] == "uniform") best = std::min(best, std::stod(fields[2]));
    }
    std::size_t runs = 0;
    for (const auto& entry : fs::directory_iterator(source.folder / out)) {
      if (!entry.is_directory()) continue;
      ++runs;
      const TrainResult result = result_from_json(read_file(entry.path() / "result.json", 100000), "result");
      CHECK(result.size_bits <= bytes * 8);
      answer = std::min(answer, result.val_metric);
      CHECK(fs::exists(entry.path().string() + ".quant"));
    }
    CHECK(runs >= 1);
    CHECK(answer <= best);
  }
}

TEST_CASE("allocate: where fine-tuning makes it worse or diverges, the untrained widths are the answer") {
  const FloatRun source;
  for (const char* const rate : {"1e3", "1e6"}) {
    CAPTURE(rate);
    AllocationOptions options = source.allocation(130, {}, rate);
    options.measurement.overrides.emplace_back("lr_factor", rate);
    options.finetune_epochs = 1;
    REQUIRE(run_allocation(options, false) == 0);
    const std::string front = source.text(fs::path(rate) / "pareto.csv");
    double best = 1e9;  // of what is not trained
    for (const std::string& line : split(front, "\n")) {
      const auto fields = split(line, ",");
      if (fields.size() < 4 || fields[0] == "label" || std::stoull(fields[1]) > 130) continue;
      if (fields[3] == "uniform" || fields[3] == "allocated") best = std::min(best, std::stod(fields[2]));
    }
    CHECK(front.find(",allocated-finetuned\n") != front.npos);
    CHECK(front.find(",uniform-finetuned\n") != front.npos);
    const std::string answer = source.text(fs::path(rate) / "allocated-untrained/result.json");
    const TrainResult result = result_from_json(answer, "result");
    CHECK(result.status == "done");
    CHECK(result.val_metric == best);
    CHECK(result.size_bits <= 130 * 8);
  }
}

TEST_CASE("allocate: the widths for a metric reach it, with no more bytes than a uniform width that does") {
  const FloatRun source;
  REQUIRE(run_allocation(source.allocation(100000, {}, "wide"), false) == 0);
  const std::string wide = source.text("wide/pareto.csv");
  const double goal = std::stod(line_of(wide, "uniform 4 bits")[2]);
  REQUIRE(run_allocation(source.allocation({}, goal), false) == 0);
  bool found = false;
  for (const auto& entry : fs::directory_iterator(source.folder / "out")) {
    if (!entry.is_directory()) continue;
    found = true;
    const TrainResult result = result_from_json(read_file(entry.path() / "result.json", 100000), "result");
    CHECK(result.val_metric <= goal);
    CHECK((result.size_bits + 7) / 8 <= std::stoull(line_of(wide, "uniform 4 bits")[1]));
  }
  CHECK(found);
}

TEST_CASE("allocate: goals that cannot be met are refused in a sentence") {
  const FloatRun source;
  const std::string small = refusal(source.allocation(40, {}));
  CHECK(small == "[budget] expected at least 84 bytes, got \"40\": even at 2 bits the model takes 84 bytes");
  CHECK(refusal(source.allocation({}, 1e-6)).find("[metric] expected what widths reach without training") == 0);
  AllocationOptions accuracy = source.allocation({}, 0.9);
  accuracy.goal_is_accuracy = true;
  CHECK(refusal(accuracy).find("is judged by mse; give --metric=0.9") != std::string::npos);
  CHECK_FALSE(fs::exists(source.folder / "out"));
  AllocationOptions nowhere = source.allocation(1000, {});
  nowhere.measurement.run = (source.folder / "nowhere").string();
  CHECK(refusal(nowhere).find("is not the folder of a run") != std::string::npos);
}

TEST_CASE("allocate: a run that was not trained asks for epochs, and one without weights is refused") {
  const FloatRun source;
  AllocationOptions options = source.allocation(1000, {});
  options.measurement.run = (source.folder / "ptq").string();
  REQUIRE(train(tests::small_lorenz({{"from", source.run}, {"epochs", "0"}, {"quant", "w8a8"}}, source.folder / "ptq"))
              .status == "done");
  options.finetune_epochs.reset();
  CHECK(refusal(options).find("[finetune_epochs]") == 0);
  fs::remove(source.folder / "float/best.h5");
  CHECK(refusal(source.allocation(1000, {})).find("holds no best.h5") != std::string::npos);
}

}  // namespace bitstate::experiments
