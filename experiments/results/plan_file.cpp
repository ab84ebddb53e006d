#include "experiments/results/plan_file.h"

#include "core/error.h"
#include "core/io/atomic_file.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace bitstate::experiments {

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr int plan_version = 1;

bool is_hash(const std::string& text) {
  return text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// The name of a folder and no way out of the one that it is in.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name.front() != '.' && name.find_first_of(std::string("/\0", 2)) == std::string::npos;
}

json to_json(const PlanRow& row) {
  json runs = json::array();
  for (const PlanRun& run : row.runs) runs.push_back({{"seed", run.seed}, {"hash", run.hash}, {"folder", run.folder}});
  return {{"label", row.label}, {"stage", row.stage}, {"runs", std::move(runs)}};
}

PlanRun run_of(const json& line) {
  PlanRun run{line.at("seed"), line.at("hash"), line.at("folder")};
  require(is_hash(run.hash), "hash", "\"{}\" is not 16 hex digits", run.hash);
  require(is_plain_name(run.folder), "folder", "{} is not the name of a folder", line.at("folder").dump());
  return run;
}

PlanFile plan_of(const json& all) {
  const json& machine = all.at("machine");
  PlanFile plan{
      all.at("program"), all.at("command"), all.at("date"), machine.at("cpu"), machine.at("cores"), all.at("data"), {}};
  const json table = all.value("table", json::object());
  plan.pivot = {table.value("rows", ""), table.value("columns", "")};
  require(plan.pivot.rows.empty() == plan.pivot.columns.empty(), "table", "it has rows or columns, but not both");
  std::set<std::string> seen;
  for (const json& line : all.at("rows")) {
    PlanRow row{line.at("label"), line.at("stage"), {}};
    for (const json& run : line.at("runs")) {
      row.runs.push_back(run_of(run));
      require(seen.insert(row.runs.back().hash).second, "hash", "{} stands twice", row.runs.back().hash);
    }
    plan.rows.push_back(std::move(row));
  }
  return plan;
}

}  // namespace

bool has_seed(const PlanRow& row, std::uint64_t seed) {
  return std::any_of(row.runs.begin(), row.runs.end(), [&](const PlanRun& run) { return run.seed == seed; });
}

std::optional<PlanFile> read_plan_file(const fs::path& sweep) {
  const fs::path file = sweep / "plan.json";
  std::error_code none;
  if (!fs::exists(file, none)) return std::nullopt;
  require_regular(file);
  const json all = json::parse(read_file(file, std::size_t{1} << 26), nullptr, false);
  const auto damaged = [&](const char* reason) {
    fail(file.string(), "is damaged ({}); remove it, and the next call of the sweep writes it anew", reason);
  };
  if (!all.is_object()) damaged("it is no JSON object");
  const json version = all.value("version", json());
  if (!version.is_number_integer()) damaged("it has no version");
  require(version == plan_version, file.string(), "has the version {}, but this bitstate reads version {}",
          version.dump(), plan_version);
  try {
    return plan_of(all);
  } catch (const json::exception& error) {
    damaged(error.what());
  } catch (const Error& error) {
    damaged(error.what());
  }
  return std::nullopt;
}

void write_plan_file(const fs::path& sweep, const PlanFile& plan) {
  json rows = json::array();
  for (const PlanRow& row : plan.rows) rows.push_back(to_json(row));
  json all = {{"version", plan_version},
              {"program", plan.program},
              {"command", plan.command},
              {"date", plan.date},
              {"machine", {{"cpu", plan.cpu}, {"cores", plan.cores}}},
              {"data", plan.data},
              {"rows", std::move(rows)}};
  if (!plan.pivot.rows.empty()) all["table"] = {{"rows", plan.pivot.rows}, {"columns", plan.pivot.columns}};
  // labels and commands may hold any bytes
  write_file_atomically(sweep / "plan.json", all.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
}

PlanFile merged(PlanFile plan, const PlanFile& before) {
  std::set<std::string> planned;
  for (const PlanRow& row : plan.rows) {
    for (const PlanRun& run : row.runs) planned.insert(run.hash);
  }
  if (plan.data.empty()) plan.data = before.data;
  const std::size_t rows = plan.rows.size();
  for (PlanRow left : before.rows) {
    std::erase_if(left.runs, [&](const PlanRun& run) { return planned.count(run.hash) > 0; });
    if (left.runs.empty()) continue;
    const auto end = plan.rows.begin() + static_cast<std::ptrdiff_t>(rows);
    const auto same = std::find_if(plan.rows.begin(), end, [&](const PlanRow& row) {
      return row.label == left.label && row.stage == left.stage &&
             std::none_of(left.runs.begin(), left.runs.end(),
                          [&](const PlanRun& run) { return has_seed(row, run.seed); });
    });
    if (same == end) {
      plan.rows.push_back(std::move(left));
    } else {
      same->runs.insert(same->runs.end(), left.runs.begin(), left.runs.end());
    }
  }
  return plan;
}

}  // namespace bitstate::experiments
