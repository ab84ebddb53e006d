#include "experiments/results/plan_file.h"

#include "core/error.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

namespace {

using namespace bitstate::experiments;
using bitstate::Error;
using bitstate::tests::error_of;
using bitstate::tests::says;
using bitstate::tests::TempFolder;
using bitstate::tests::write_quickly;

std::string hash(char digit) { return std::string(16, digit); }

PlanRow row(const std::string& label, std::vector<PlanRun> runs, const std::string& stage = "") {
  return {label, stage, std::move(runs)};
}

PlanFile plan_with(std::vector<PlanRow> rows) {
  PlanFile plan{"0.1.0", "bitstate sweep a.ini", "2026-11-28", "a \"processor\"", 2, "", {}};
  plan.rows = std::move(rows);
  return plan;
}

std::string reading(const TempFolder& folder, const std::string& text) {
  write_quickly(folder / "plan.json", text);
  return error_of<Error>([&] { (void)read_plan_file(folder.path()); });
}

/// A whole plan.json with these rows.
std::string with_rows(const std::string& rows) {
  return R"({"version":1,"program":"p","command":"c","date":"d","machine":{"cpu":"m","cores":2},"data":"","rows":)" +
         rows + "}";
}

}  // namespace

TEST_CASE("plan file: what is written is read back") {
  const TempFolder folder;
  CHECK_FALSE(read_plan_file(folder.path()));
  const std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();
  PlanFile plan = plan_with({row("W8A8 | \"ours\"", {{largest, hash('a'), "w8a8-" + hash('a')}}, "qaft")});
  plan.data = "digest";
  plan.pivot = {"part", "width"};
  write_plan_file(folder.path(), plan);
  const auto back = read_plan_file(folder.path());
  REQUIRE(back);
  CHECK(back->program == plan.program);
  CHECK(back->command == plan.command);
  CHECK(back->date == plan.date);
  CHECK(back->cpu == plan.cpu);
  CHECK(back->cores == 2);
  CHECK(back->data == "digest");
  CHECK(back->pivot == PivotKeys{"part", "width"});
  REQUIRE(back->rows.size() == 1);
  CHECK(back->rows[0].label == plan.rows[0].label);
  CHECK(back->rows[0].stage == "qaft");
  REQUIRE(back->rows[0].runs.size() == 1);
  CHECK(back->rows[0].runs[0].seed == largest);
  CHECK(back->rows[0].runs[0].hash == hash('a'));
  CHECK(back->rows[0].runs[0].folder == "w8a8-" + hash('a'));
}

TEST_CASE("plan file: labels that are no UTF-8 do not cost the sweep") {
  const TempFolder folder;
  write_plan_file(folder.path(), plan_with({row("caf\xE9", {})}));
  CHECK(read_plan_file(folder.path())->rows.at(0).label == "caf\xEF\xBF\xBD");
}

TEST_CASE("plan file: rows keep the order of the file, with the other seeds and rows of earlier calls") {
  PlanFile before =
      plan_with({row("gone", {{1, hash('1'), "1"}}), row("w8a8", {{2, hash('2'), "2"}, {3, hash('3'), "3"}}),
                 row("renamed", {{1, hash('4'), "4"}}), row("w4a8", {{1, hash('5'), "5"}})});
  before.data = "digest";
  const PlanFile plan =
      merged(plan_with({row("w4a8", {{1, hash('6'), "6"}}), row("w8a8", {{1, hash('7'), "7"}}),
                        row("w8a8", {{1, hash('8'), "8"}}, "qaft"), row("new", {{1, hash('4'), "4"}})}),
             before);
  std::string text;
  for (const PlanRow& r : plan.rows) {
    text += r.label + r.stage + ":";
    for (const PlanRun& run : r.runs) text += " " + run.folder;
    text += "\n";
  }
  // the other run of w4a8 with seed 1 has other settings: it is another row
  CHECK(text == "w4a8: 6\nw8a8: 7 2 3\nw8a8qaft: 8\nnew: 4\ngone: 1\nw4a8: 5\n");
  CHECK(plan.data == "digest");
}

TEST_CASE("plan file: a damaged or hostile one is refused with one sentence") {
  const TempFolder folder;
  for (const char* const text : {"", "{", "[]", "null", "{\"version\":1", "\"version\""}) {
    CAPTURE(text);
    says(reading(folder, text), "plan.json] is damaged (it is no JSON object)");
  }
  says(reading(folder, "{}"), "is damaged (it has no version)");
  says(reading(folder, R"({"version":2})"), "has the version 2, but this bitstate reads version 1");
  CHECK(reading(folder, with_rows("[]")).empty());
  for (const std::string rows : {"1", "[1]", R"([{"label":"a"}])", R"([{"label":1,"stage":"","runs":[]}])",
                                 R"([{"label":"a","stage":"","runs":[{"seed":"x","hash":"0","folder":"0"}]}])"}) {
    CAPTURE(rows);
    says(reading(folder, with_rows(rows)), "is damaged (");
  }
  const auto one_run = [&](const std::string& hash, const std::string& name) {
    const std::string run = R"({"seed":1,"hash":")" + hash + R"(","folder":")" + name + "\"}";
    return reading(folder, with_rows(R"([{"label":"a","stage":"","runs":[)" + run + "," + run + "]}]"));
  };
  says(one_run("0123", "0123"), "\"0123\" is not 16 hex digits");
  for (const char* const way_out : {"..", ".", "", "../x", "/etc", "a/b", "a\\u0000"}) {
    says(one_run(hash('0'), way_out), "is not the name of a folder");
  }
  says(one_run(hash('0'), hash('0')), "stands twice");
  std::filesystem::remove(folder / "plan.json");
  std::filesystem::create_directory(folder / "plan.json");
  CHECK_FALSE(error_of<Error>([&] { (void)read_plan_file(folder.path()); }).empty());
}
