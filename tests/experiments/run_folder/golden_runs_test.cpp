// Three small runs that an early version wrote (tests/fixtures/runs/README.md): every later version evaluates, exports
// and resumes them. Codes of integer programs are compared one by one. Training in float differs in the last bits
// between instruction sets, by which a quantized training may come to other codes: its figures are compared less
// closely.
#include "core/error.h"
#include "core/program/file.h"
#include "core/program/run/runner.h"
#include "experiments/commands/program_commands.h"
#include "experiments/export/export.h"
#include "experiments/export/program_input.h"
#include "experiments/report/report.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/run_folder/train.h"
#include "tests/support/folders.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

/// The runs in a folder of their own, since resuming writes.
class GoldenRuns {
 public:
  GoldenRuns() {
    fs::copy(tests::source_folder() / "tests/fixtures/runs", folder_.path(), fs::copy_options::recursive);
  }

  [[nodiscard]] fs::path operator/(const std::string& name) const { return folder_ / name; }
  [[nodiscard]] const fs::path& path() const { return folder_.path(); }

  [[nodiscard]] RunConfig config(const std::string& run, Settings options = {}) const {
    if (run == "w8a8") options.emplace_back("data", (folder_ / "own.csv").string());
    RunConfig c = load_run_config((folder_ / run / "settings.ini").string(), options);
    c.run.out = (folder_ / run).string();
    c.run.threads = 1;
    return c;
  }
  [[nodiscard]] TrainResult recorded(const std::string& run) const {
    return result_from_json(read_text(folder_ / run / "result.json"), run);
  }

 private:
  tests::TempFolder folder_;
};

constexpr double evaluation_tolerance = 1e-4;
constexpr double training_tolerance = 5e-3;

void check_figures(const TrainResult& found, const TrainResult& recorded, double tolerance) {
  CHECK(found.status == "done");
  CHECK(found.metric_name == recorded.metric_name);
  CHECK(found.test_metric == doctest::Approx(recorded.test_metric).epsilon(tolerance));
  CHECK(found.test_loss == doctest::Approx(recorded.test_loss).epsilon(tolerance));
}

TEST_CASE("golden runs: each evaluates to the figures that it was recorded with") {
  const GoldenRuns runs;
  for (const char* const run : {"float", "w8a8", "ptq"}) {
    CAPTURE(run);
    check_figures(evaluate(runs.config(run), runs / run), runs.recorded(run), evaluation_tolerance);
  }
}

TEST_CASE("golden runs: the quantized ones are exported to the codes of the programs that were recorded") {
  const GoldenRuns runs;
  for (const char* const run : {"w8a8", "ptq"}) {
    CAPTURE(run);
    const Exported exported = export_run(runs.config(run), runs / run, std::numeric_limits<std::size_t>::max());
    CHECK(exported.parity.sequences > 0);
    CHECK(exported.parity.differences.empty());
    const program::Runner now(exported.program), then(program::load(runs / run / "program.h5"));
    const auto sequences = read_sequences(then.header(), runs / (std::string(run) + "-input.csv"));
    REQUIRE_FALSE(sequences.empty());
    for (const auto& sequence : sequences) CHECK(now.run(sequence) == then.run(sequence));
    run_program_command(runs / run / "program.h5", runs / (std::string(run) + "-input.csv"), runs / "table.csv", 1);
    CHECK(read_text(runs / "table.csv") == read_text(runs / (std::string(run) + "-output.csv")));
  }
}

TEST_CASE("golden runs: from the middle of its training, each ends where the undisturbed one did") {
  const GoldenRuns runs;
  for (const char* const run : {"float", "w8a8", "ptq"}) {
    CAPTURE(run);
    const TrainResult recorded = runs.recorded(run);
    const RunRecord before = read_run(runs / run);
    fs::remove(runs / run / "result.json");
    const TrainResult found = train(runs.config(run, {{"resume", "true"}}));
    check_figures(found, recorded, training_tolerance);
    CHECK(found.epochs == recorded.epochs);
    CHECK(found.val_metric == doctest::Approx(recorded.val_metric).epsilon(training_tolerance));
    RunRecord after = read_run(runs / run);
    for (const auto& [name, curve] : before.curves) {  // the runs were recorded before there was curves.csv
      const std::string& of = name;
      CAPTURE(of);
      REQUIRE(after.curves[name].size() == curve.size());
      for (std::size_t i = 0; i < curve.size(); ++i) {
        CHECK(after.curves[name][i].second == doctest::Approx(curve[i].second).epsilon(training_tolerance));
      }
    }
  }
}

TEST_CASE("golden runs: a report knows which float run was quantized, and a run can start from each") {
  const GoldenRuns runs;
  bool compared = false;
  for (const ReportRow& row : make_report(read_runs({runs.path()})).rows) {
    if (row.runs.front().from.empty()) continue;
    REQUIRE(row.difference.mean);
    CHECK(*row.difference.mean == doctest::Approx(runs.recorded("ptq").test_metric - runs.recorded("float").test_metric)
                                      .epsilon(evaluation_tolerance));
    compared = true;
  }
  CHECK(compared);
  for (const char* const run : {"float", "w8a8", "ptq"}) {
    CAPTURE(run);
    RunConfig c = load_run_config("", {{"from", (runs / run).string()}, {"epochs", "1"}});
    if (std::string(run) == "w8a8") c.data.path = (runs / "own.csv").string();
    c.run.out = (runs / (std::string(run) + "-tuned")).string();
    CHECK(train(c).status == "done");
  }
}

TEST_CASE("golden runs: rules of an early version keep their split of an eigenvalue's bits") {
  const std::string rules = identity_in(tests::source_folder() / "tests/fixtures/runs/w8a8/best.h5").rules;
  CHECK(rules.find("form=log-polar") != rules.npos);
  CHECK(rules.find("form=log-polar magnitude=7\n") != rules.npos);
}

}  // namespace
}  // namespace bitstate::experiments
