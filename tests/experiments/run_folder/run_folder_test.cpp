// A run is its folder: it can be moved, it is written by one process at a time, and later versions still know it.
#include "core/error.h"
#include "core/io/folder_lock.h"
#include "core/io/hdf5.h"
#include "experiments/export/export.h"
#include "experiments/report/report.h"
#include "experiments/run_folder/identity.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/source.h"
#include "experiments/run_folder/train.h"
#include "experiments/training/metric.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>
#include <string>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;
using tests::error_of;
using tests::TempFolder;
using tests::write_quickly;

RunConfig folder_config(Settings options, const fs::path& out, const std::string& recipe = "lorenz-small") {
  if (!recipe.empty()) {
    options.insert(options.begin(), {{"trajectories", "20"}, {"bsz", "4"}, {"epochs", "2"}});
  }
  RunConfig c = load_run_config(recipe, options);
  c.run.out = out.string();
  c.run.threads = 1;
  return c;
}

/// The run in `run`, as eval, inspect and export load it.
RunConfig of_run(const fs::path& run, const Settings& options = {}) {
  RunConfig c = load_run_config((run / "settings.ini").string(), options);
  c.run.out = run.string();
  c.run.threads = 1;
  return c;
}

constexpr const char* eight_bit_rules =
    "weight:* 8 granularity=channel\nact:* 8 range=ema\nstate:* 8\nact:decoder.y none\n";

TEST_CASE("run folder: it holds its rules, so it is evaluated, exported and resumed without the .quant file") {
  const TempFolder folder;
  const fs::path quant = folder / "my #1.quant";
  write_quickly(quant, eight_bit_rules);
  const RunConfig first_run = folder_config({{"quant", quant.string()}}, folder / "here/run");
  const TrainResult result = train(first_run);
  fs::create_directories(folder / "there");
  fs::rename(folder / "here/run", folder / "there/moved");
  const fs::path run = folder / "there/moved";

  for (const bool deleted : {false, true}) {  // first other rules under the same name, then none
    write_quickly(quant, "act:* 2\n");
    if (deleted) fs::remove(quant);
    CHECK(quant_rules(of_run(run)) == quant_rules(first_run));
    CHECK(evaluate(of_run(run), run).test_loss == result.test_loss);
    CHECK(export_run(of_run(run), run, 2).parity.differences.empty());
    fs::remove(run / "result.json");
    CHECK(train(of_run(run, {{"resume", "true"}})).weights_digest == result.weights_digest);
  }
  // an empty `quant` is none, so it changes no rule of a run without a file
  const fs::path plain = folder / "plain";
  fs::create_directories(plain);
  write_quickly(plain / "settings.ini", "dataset = lorenz\nbits = \"act:* 8\"\n");
  fs::copy_file(run / "best.h5", plain / "best.h5");
  CHECK(quant_rules(of_run(plain, {{"quant", ""}})) == quant_rules(first_run));
  // whoever changes a rule needs the file, and rules that are named anew are compared
  CHECK_THROWS_WITH_AS(of_run(run, {{"a_bits", "4"}}), doctest::Contains("my #1.quant"), Error);
  write_quickly(quant, "act:* 2\n");
  RunConfig other = folder_config({{"quant", quant.string()}, {"resume", "true"}}, run);
  CHECK_THROWS_WITH_AS(train(other), doctest::Contains("other quantization rules"), Error);
}

TEST_CASE("run folder: source and run move together, and a report knows them wherever it is called") {
  const TempFolder folder;
  train(folder_config({}, folder / "a/runs/float"));
  const RunConfig tuned = folder_config(
      {{"from", (folder / "a/runs/float").string()}, {"epochs", "0"}, {"bits", "act:* 6"}}, folder / "a/runs/ptq", "");
  const double loss = train(tuned).test_loss;
  CHECK(RunRecord(read_run(folder / "a/runs/ptq")).setting("from") == "../float");
  const auto difference = [](const fs::path& dir) {
    for (const ReportRow& row : make_report(read_runs({dir})).rows) {
      if (!row.is_float) return row.difference.mean;
    }
    return std::optional<double>();
  };
  const auto before = difference(folder / "a");
  REQUIRE(before);
  CHECK(std::fabs(*before) > 0.0);
  fs::rename(folder / "a", folder / "b");
  CHECK(difference(folder / "b") == before);

  const fs::path run = folder / "b/runs/ptq";
  CHECK(of_run(run).source.from == (folder / "b/runs/float").string());
  CHECK(evaluate(of_run(run), run).test_loss == loss);
  fs::remove(run / "result.json");
  fs::remove(run / "best.h5");  // so that it begins from its source again
  CHECK(train(of_run(run, {{"resume", "true"}})).test_loss == loss);
}

TEST_CASE("run folder: a source is kept relative to the run unless only the root is above both") {
  CHECK(source_text("/a/runs/tuned", "/a/runs/float") == "../float");
  CHECK(source_text("/a/runs/tuned/", "/a/float/./") == "../../float");
  CHECK(source_text("/a/runs/tuned", "/b/float") == "/b/float");
  CHECK(source_text("/", "/float") == "/float");
  CHECK(source_text("tuned", "runs/float") == "../runs/float");
  CHECK(source_folder("/a/runs/tuned", "../float") == "/a/runs/float");
  CHECK(source_folder("/a/runs/tuned", "/b/float") == "/b/float");
  // format 2: relative to where the run was started
  const TempFolder folder;
  fs::create_directories(folder / "work/runs/float");
  write_quickly(folder / "work/runs/float/settings.ini", "");
  CHECK(source_folder(folder / "work/runs/tuned", "runs/float") == folder / "work/runs/float");
  CHECK(source_folder(folder / "work/sweep/runs/0", "runs/float") == folder / "work/runs/float");
}

TEST_CASE("run folder: one process writes at a time, and what a dead one left is no obstacle") {
  const TempFolder folder;
  const fs::path run = folder / "deep/run";
  RunConfig c = folder_config({}, run);
  {
    const FolderLock held(run);
    for (const bool resume : {false, true}) {
      c.run.resume = resume;
      CHECK_THROWS_WITH_AS(train(c), doctest::Contains("another process works in this folder"), Error);
    }
  }
  CHECK_FALSE(fs::exists(folder / "deep"));  // nothing was written
  fs::create_directories(run);
  write_quickly(run / ".lock", "");  // of a process that was killed
  c.run.resume = false;
  CHECK(train(c).status == "done");
  CHECK_FALSE(fs::exists(run / ".lock"));
  const FolderLock held(run);
  CHECK(evaluate(of_run(run), run).status == "done");  // who reads needs no lock
  CHECK_THROWS_WITH_AS(FolderLock(run / "../run/"), doctest::Contains("another process works"), Error);
  CHECK_THROWS_WITH_AS(FolderLock(run / "settings.ini/x"), doctest::Contains("cannot be made"), Error);
}

TEST_CASE("checkpoint: settings are compared by name, and options that did not exist have their defaults") {
  const TempFolder folder;
  const RunConfig c = folder_config({}, folder / "run");
  const RunIdentity now = identity_of(c);
  RunIdentity older = now;
  Settings kept = kept_settings(c);
  std::reverse(kept.begin(), kept.end());
  std::erase_if(kept, [](const auto& setting) { return setting.first == "tau" || setting.first == "pad"; });
  older.settings = format_ini(kept);
  save_checkpoint(folder / "c.h5", older, {}, {}, nullptr);
  CHECK_NOTHROW(check_identity(folder / "c.h5", now));
  RunConfig padded = c;
  padded.model.s5.pad = true;
  CHECK_THROWS_WITH_AS(check_identity(folder / "c.h5", identity_of(padded)),
                       doctest::Contains("was trained with pad=false, but this run has pad=true"), Error);
  older.settings += "from_the_future = 3\n";
  save_checkpoint(folder / "c.h5", older, {}, {}, nullptr);
  CHECK_THROWS_WITH_AS(check_identity(folder / "c.h5", now), doctest::Contains("trained with from_the_future=3"),
                       Error);
}

TEST_CASE("checkpoint: a newer version's is refused by a sentence, before its settings are looked at") {
  const TempFolder folder;
  Hdf5Writer writer(folder / "best.h5");
  writer.write_scalar("version", std::int64_t{99});
  writer.commit();
  write_quickly(folder / "settings.ini", "dataset = lorenz\nfrom_the_future = 3\n");
  const std::string sentence = fmt::format("[{}] was written by a newer bitstate (format 99); this one reads up to 5",
                                           (folder / "best.h5").string());
  CHECK(error_of<Error>([&] { of_run(folder.path()); }) == sentence);
  CHECK(error_of<Error>([&] { load_run_config("", {{"from", folder.path().string()}}); }) == sentence);
  CHECK(error_of<Error>([&] { (void)trained_on(folder / "best.h5"); }) == sentence);
}

TEST_CASE("checkpoint: of format 2, the weights tell how many tokens and classes there are") {
  const TempFolder folder;
  const auto sizes = [&](const Hdf5Shape& encoder) {
    Hdf5Writer writer(folder / "best.h5");
    writer.write_scalar("version", std::int64_t{2});
    for (const char* const text : {"rules", "source", "data/digest"}) writer.write_text(text, "");
    writer.write_text("settings", "dataset = own\n");
    for (const char* const units : {"input_units", "target_units"}) {
      writer.write(fmt::format("data/{}/mean", units), std::vector<float>{});
      writer.write(fmt::format("data/{}/deviation", units), std::vector<float>{});
    }
    writer.write_text("data/vocabulary", "");
    writer.write("parameters/encoder.weight", std::vector<float>(encoder[0] * encoder[1]), encoder);
    writer.write("parameters/encoder.bias", std::vector<float>(4), {1, 4});
    writer.write("parameters/decoder.bias", std::vector<float>(3), {1, 3});
    writer.commit();
    const datasets::Reading reading = trained_on(folder / "best.h5").reading;
    return std::pair(reading.inputs, reading.outputs);
  };
  CHECK(sizes({7, 4}) == std::pair<std::size_t, std::size_t>(7, 3));  // a table of 7 tokens
  CHECK(sizes({4, 2}) == std::pair<std::size_t, std::size_t>(2, 3));  // a matrix for 2 columns
}

/// Folders train and test of short series of the classes 0 to `classes` - 1.
void write_classes(const fs::path& folder, int classes) {
  for (const char* const part : {"train", "test"}) {
    fs::create_directories(folder / part);
    for (int i = 0; i < 8; ++i) {
      std::string text = "x,label\n";
      for (int t = 0; t < 20; ++t)
        text += fmt::format("{:.4f},{}\n", std::sin(0.3 * t * (1 + i % classes)), i % classes);
      write_quickly(folder / part / fmt::format("{}.csv", i), text);
    }
  }
}

TEST_CASE("run folder: classes are the run's, whatever the data at hand hold") {
  const TempFolder folder;
  write_classes(folder / "two", 2);
  write_classes(folder / "one", 1);
  write_classes(folder / "four", 4);
  const auto data = [&](const char* name) {
    return std::pair<std::string, std::string>("data", (folder / name).string());
  };
  const RunConfig c = folder_config({{"dataset", "own"},
                                     {"trajectories", "1024"},
                                     {"input", "x"},
                                     {"target", "label"},
                                     {"task", "classification"},
                                     {"quant", "w8a8"},
                                     data("two")},
                                    folder / "run");
  train(c);
  const fs::path run = folder / "run";
  CHECK(trained_on(run / "best.h5").reading.outputs == 2);
  const RunConfig fewer = of_run(run, {data("one")});
  CHECK(evaluate(fewer, run).status == "done");
  CHECK(export_run(fewer, run, 8).program.output.classes);
  CHECK(train(folder_config({data("one"), {"from", run.string()}, {"epochs", "1"}}, folder / "next", "")).status ==
        "done");
  const std::string sentence = "[data] the model was trained with the classes 0 to 1; these data also hold 2, 3";
  CHECK(error_of<Error>([&] { evaluate(of_run(run, {data("four")}), run); }) == sentence);
  CHECK(error_of<Error>([&] {
          train(folder_config({data("four"), {"from", run.string()}, {"epochs", "1"}}, folder / "more", ""));
        }) == sentence);
}

TEST_CASE("training: the first of equal epochs is the best, and no metric calls an equal value better") {
  for (const Metric metric : {Metric::accuracy, Metric::mse, Metric::rmse, Metric::smape}) {
    CHECK_FALSE(is_better(metric, 0.25, 0.25));
    CHECK(is_better(metric, 0.5, 0.25) == (metric == Metric::accuracy));
    CHECK(is_better(metric, 0.25, 0.5) == (metric != Metric::accuracy));
  }
  const TempFolder folder;  // so small a rate changes no weight
  train(folder_config({{"ssm_lr_base", "1e-30"}, {"batchnorm", "false"}, {"epochs", "3"}}, folder / "run"));
  CHECK(Hdf5Reader(folder / "run/best.h5").read_scalar<std::uint64_t>("progress/best_epoch") == 1);
}

TEST_CASE("training: of epochs with the same metric the one with the smallest loss is the best") {
  const TempFolder folder;
  RunConfig c = load_run_config(
      "induction",
      {{"d_model", "16"}, {"length", "16"}, {"limit_train", "320"}, {"limit_test", "20"}, {"epochs", "2"}});
  c.run.out = (folder / "run").string();
  train(c);
  std::ifstream metrics(folder / "run/metrics.jsonl");
  double best = -1.0;
  double loss = 0.0;
  std::uint64_t best_epoch = 0;
  std::size_t equal = 0;
  for (std::string line; std::getline(metrics, line);) {
    const auto epoch = nlohmann::json::parse(line);
    const double metric = epoch.at("val_accuracy");
    const double val_loss = epoch.at("val_loss");
    equal += metric == best ? 1 : 0;
    if (metric < best || (metric == best && val_loss >= loss)) continue;
    best = metric;
    loss = val_loss;
    best_epoch = epoch.at("epoch");
  }
  CHECK(equal > 0);
  CHECK(Hdf5Reader(folder / "run/best.h5").read_scalar<std::uint64_t>("progress/best_epoch") == best_epoch);
  CHECK(best_epoch > 1);
}

TEST_CASE("metrics: the error in units takes each column by its own deviation") {
  const datasets::Units units{{0.0F, 7.0F}, {2.0F, 3.0F}};
  const std::vector<float> y{1.0F, 1.0F, 0.0F, 2.0F};
  const std::vector<float> target{0.0F, 0.0F, 0.0F, 0.0F};
  CHECK(mean_square(y, target, units) == (4.0 + 9.0 + 0.0 + 36.0) / 4.0);
  CHECK(mean_square(y, target, {}) == 1.5);
}

}  // namespace
}  // namespace bitstate::experiments
