// curves.csv says once what every so many steps showed, whenever the training was killed, and never costs it anything.
#include "experiments/run_folder/curves.h"

#include "core/text.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/run_folder/train.h"
#include "tests/experiments/run_folder/small_lorenz.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include <sys/resource.h>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;
using tests::TempFolder;
using tests::write_quickly;

constexpr Schedule five_steps{5, 4, 1, true, 0.0};

/// What step k (from 0) of any training costs here.
double loss_of(std::uint64_t k) { return 1.0 / static_cast<double>(k + 3); }

/// A training of `plan`, which goes on from where `progress` stands to its end.
void train_from(CurvesFile& curves, const Schedule& plan, Progress progress) {
  while (progress.epoch < plan.epochs) {
    for (; progress.step < plan.steps_per_epoch;) {
      progress.loss_sum += loss_of(progress.epoch * plan.steps_per_epoch + progress.step);
      ++progress.step;
      curves.end_step(progress, 0.5);
    }
    EpochResult result;
    result.epoch = ++progress.epoch;
    result.train_loss = progress.loss_sum / static_cast<double>(progress.step);
    result.validation = {0.25, 0.125, 0};
    curves.end_epoch(result, 0.75);
    progress.step = 0;
    progress.loss_sum = 0.0;
  }
}

Progress progress_at(const Schedule& plan, std::uint64_t epoch, std::uint64_t step) {
  Progress progress;
  progress.epoch = epoch;
  progress.step = step;
  for (std::uint64_t k = 0; k < step; ++k) progress.loss_sum += loss_of(epoch * plan.steps_per_epoch + k);
  return progress;
}

/// The text of the file after a training that began at `progress` with what is in `folder`.
std::string curves_from(const fs::path& folder, const Schedule& plan, const Progress& progress,
                        std::vector<std::string>* warnings = nullptr) {
  CurvesFile curves(folder, plan, {{"ssm_lr", 1e-3}, {"lr", 4e-3}}, "accuracy", false, [&](std::string_view warning) {
    if (warnings == nullptr) FAIL(warning);
    warnings->emplace_back(warning);
  });
  curves.begin(progress, progress.seconds);
  train_from(curves, plan, progress);
  return fs::is_regular_file(folder / "curves.csv") ? read_text(folder / "curves.csv") : std::string();
}

TEST_CASE("curves: a row for each step, and the figures of the validation behind each epoch") {
  const TempFolder folder;
  const auto lines = split(curves_from(folder.path(), five_steps, {}), "\n");
  REQUIRE(lines.size() == 21);
  CHECK(lines[0] == "epoch,step,loss,train_loss,ssm_lr,lr,seconds,val_loss,val_accuracy");
  CHECK(lines[1] == fmt::format("0.2,1,{:.6g},{},{:.6g},{:.6g},0.500,,", loss_of(0), loss_of(0),
                                five_steps.rate(1e-3, 0), five_steps.rate(4e-3, 0)));
  CHECK(lines[7].starts_with(fmt::format("1.4,7,{:.6g},{},", loss_of(6), (loss_of(5) + loss_of(6)) / 2.0)));
  CHECK(lines[20].starts_with(fmt::format("4,20,{:.6g},", loss_of(19))));
  CHECK(lines[20].ends_with(",0.750,0.25,0.125"));
}

TEST_CASE("curves: a long training has about a thousand rows, each with the mean loss since the row before") {
  const TempFolder folder;
  const Schedule plan{1250, 8, 1, true, 0.0};
  const auto lines = split(curves_from(folder.path(), plan, {}), "\n");
  CHECK(lines.size() == 1 + 1000);  // every ten steps; an epoch has 125 times as many
  double mean = 0.0;
  for (std::uint64_t k = 1260; k < 1270; ++k) mean += loss_of(k) / 10.0;
  const std::string start = fmt::format("1.016,1270,{:.6g},", mean);
  CHECK(std::count_if(lines.begin(), lines.end(), [&](const auto& line) { return line.starts_with(start); }) == 1);
  const Schedule uneven{7, 500, 1, true, 0.0};  // every four steps, and the end of each epoch
  const TempFolder other;
  CHECK(split(curves_from(other.path(), uneven, {}), "\n").size() < 1 + 1000 + 500);
}

TEST_CASE("curves: after a kill at any step they are those of a training that was not killed") {
  for (const Schedule& plan : {five_steps, Schedule{700, 4, 1, true, 0.0}}) {
    const TempFolder folder;
    const std::string whole = curves_from(folder.path(), plan, {});
    for (std::uint64_t step = 0; step < plan.epochs * (plan.steps_per_epoch + 1); step += plan.epochs - 3) {
      // a step of steps_per_epoch: the validation is still to come
      const std::uint64_t epoch = step / (plan.steps_per_epoch + 1);
      if (step > 40 && step % 97 != 0) continue;
      CHECK(curves_from(folder.path(), plan, progress_at(plan, epoch, step % (plan.steps_per_epoch + 1))) == whole);
    }
  }
}

/// But for the mean since the row before, which may be another row.
std::string without_loss(const std::string& text) {
  std::string result;
  for (const std::string& row : split(text, "\n")) {
    const std::size_t loss = row.find(',', row.find(',') + 1);
    result += row.substr(0, loss) + row.substr(row.find(',', loss + 1)) + "\n";
  }
  return result;
}

TEST_CASE("curves: what a crash or a stranger left of them is never followed by a row that is out of order") {
  const TempFolder folder;
  const std::string whole = curves_from(folder.path(), five_steps, {});
  const auto resumed = [&](const std::string& text) {
    write_quickly(folder / "curves.csv", text);
    return curves_from(folder.path(), five_steps, progress_at(five_steps, 2, 3));
  };
  const std::string tail = whole.substr(whole.find("\n2.8,14,") + 1);
  const std::size_t header = whole.find('\n') + 1;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const std::string text = resumed(whole.substr(0, size));
    const std::size_t kept = size < header ? header : whole.rfind('\n', size == 0 ? 0 : size - 1) + 1;
    const std::string head = whole.substr(0, std::min(kept, whole.size() - tail.size()));
    REQUIRE(text.starts_with(head));
    REQUIRE(without_loss(text) == without_loss(head + tail));
  }
  for (const std::string& strange :
       {std::string("step,loss\n1,2\n"), std::string(3000, '\0'), whole.substr(0, header) + "0.2,1,nan\n",
        whole.substr(0, header) + "0.2,99999999999999999999,1,1,1,1,1,,\n",
        whole.substr(0, header) + "0.2,-1,1,1,1,1,1,,\n"}) {
    CHECK(resumed(strange).starts_with(whole.substr(0, header) + "2.8,14,"));
  }
}

TEST_CASE("curves: where they cannot be written there is one warning, and they are whole once they can") {
  const TempFolder folder;
  const std::string whole = curves_from(folder.path(), five_steps, {});
  fs::remove(folder / "curves.csv");
  std::vector<std::string> warnings;
  CHECK(curves_from(folder / "absent", five_steps, {}, &warnings).empty());
  fs::create_directories(folder / "curves.csv");
  CHECK(curves_from(folder.path(), five_steps, {}, &warnings).empty());
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[1] == fmt::format("warning: [{}] cannot be written: Is a directory; the training goes on",
                                   (folder / "curves.csv").string()));

  // a file that may not grow takes a part of a row, and the rest when there is room again
  fs::remove_all(folder / "curves.csv");
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &unlimited) == 0);
  AppendedFile file(folder / "limited", 0, [&](std::string_view warning) { warnings.emplace_back(warning); });
  file.append("head\n");
  rlimit limited = unlimited;
  limited.rlim_cur = 8;
  setrlimit(RLIMIT_FSIZE, &limited);
  for (const char* const row : {"first\n", "second\n"}) file.append(row);
  const std::string short_text = read_text(folder / "limited");
  setrlimit(RLIMIT_FSIZE, &unlimited);
  std::signal(SIGXFSZ, before);
  CHECK(short_text == "head\nfir");
  file.append("third\n");
  CHECK(read_text(folder / "limited") == "head\nfirst\nsecond\nthird\n");
  REQUIRE(warnings.size() == 3);
  CHECK(warnings[2].find("limited] cannot be written: File too large") != std::string::npos);
}

TEST_CASE("curves: of a run they agree with metrics.jsonl, and change nothing of its result") {
  const TempFolder folder;
  const TrainResult result = train(tests::small_lorenz({}, folder / "run"));
  const auto rows = split(read_text(folder / "run/curves.csv"), "\n");
  const auto epochs = split(read_text(folder / "run/metrics.jsonl"), "\n");
  CHECK(rows[0] == "epoch,step,loss,train_loss,lr,ssm_lr,seconds,val_loss,val_mse");
  std::size_t found = 0;
  for (const std::string& row : rows) {
    for (const std::string& epoch : epochs) {
      const auto line = nlohmann::json::parse(epoch);
      const bool same =
          row.starts_with(fmt::format("{},", line["epoch"].get<int>())) &&
          row.find(fmt::format(",{},", line["train_loss"].get<double>())) != std::string::npos &&
          row.ends_with(fmt::format(",{},{}", line["val_loss"].get<double>(), line["val_mse"].get<double>()));
      found += same ? 1 : 0;
    }
  }
  CHECK(found == 2);
  RunConfig blocked = tests::small_lorenz({}, folder / "blocked");
  fs::create_directories(folder / "blocked/curves.csv");
  const TrainResult other = train(blocked);
  CHECK(other.status == "done");
  CHECK(other.weights_digest == result.weights_digest);
  CHECK(read_text(folder / "blocked/train.log").find("curves.csv] cannot be written: Is a directory") !=
        std::string::npos);
}

}  // namespace
}  // namespace bitstate::experiments
