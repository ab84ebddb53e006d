#include "experiments/results/planned.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace bitstate::experiments {

namespace {

/// The rows of one plan, by the folders of their runs.
struct Rows {
  std::size_t first;  ///< place of the first row
  std::map<std::string, std::size_t> by_folder;
};

Rows rows_of(const PlanFile& plan, std::size_t first) {
  Rows rows{first, {}};
  for (std::size_t i = 0; i < plan.rows.size(); ++i) {
    for (const PlanRun& run : plan.rows[i].runs) rows.by_folder.emplace(run.folder, i);
  }
  return rows;
}

/// Each text once, in the order of their first appearance.
void add_once(std::vector<std::string>& texts, const std::string& text) {
  if (!text.empty() && std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
}

}  // namespace

std::vector<PlanFile> label_runs(std::vector<RunRecord>& runs) {
  std::vector<PlanFile> plans;
  std::map<std::filesystem::path, std::optional<std::size_t>> sweeps;  // the plan's index, if there is one
  std::vector<Rows> rows;
  std::size_t places = 0;
  for (RunRecord& run : runs) {
    const auto folder = std::filesystem::absolute(run.folder).lexically_normal();
    if (folder.parent_path().filename() != "runs") continue;
    const auto sweep = folder.parent_path().parent_path();
    const auto [known, is_new] = sweeps.try_emplace(sweep);
    if (is_new) {
      if (auto plan = read_plan_file(sweep)) {
        known->second = plans.size();
        rows.push_back(rows_of(*plan, places));
        places += plan->rows.size();
        plans.push_back(std::move(*plan));
      }
    }
    if (!known->second) continue;
    const Rows& here = rows[*known->second];
    const auto found = here.by_folder.find(folder.filename().string());
    if (found == here.by_folder.end()) continue;
    const PlanRow& row = plans[*known->second].rows[found->second];
    run.label = row.label;
    run.stage = row.stage;
    run.planned = row.runs.size();
    run.place = here.first + found->second;
  }
  return plans;
}

std::vector<std::pair<std::string, std::string>> report_head(const std::vector<PlanFile>& plans,
                                                             const std::vector<RunRecord>& runs) {
  std::vector<std::string> commands, programs, machines, data;
  std::set<std::string> dates;
  for (const RunRecord& run : runs) {
    add_once(programs, run.program);
    add_once(machines, run.machine);
    if (!run.date.empty()) dates.insert(run.date);
    const std::string file = run.setting("data");
    add_once(data, run.setting("dataset") + (file.empty() ? "" : " of " + file));
  }
  const bool machines_of_plans = machines.empty();  // a plan knows the last machine alone
  for (const PlanFile& plan : plans) {
    add_once(commands, plan.command);
    if (machines_of_plans) add_once(machines, machine_text(plan.cpu, plan.cores));
    if (programs.empty()) add_once(programs, plan.program);
    if (dates.empty() && !plan.date.empty()) dates.insert(plan.date);
    if (!plan.data.empty()) add_once(data, "digest " + plan.data);
  }
  std::vector<std::pair<std::string, std::string>> head;
  for (const auto& command : commands) head.emplace_back("command", command);
  if (!programs.empty()) head.emplace_back("program", fmt::format("bitstate {}", fmt::join(programs, "; ")));
  if (!dates.empty()) {
    head.emplace_back("date", dates.size() == 1 ? *dates.begin() : *dates.begin() + " to " + *dates.rbegin());
  }
  for (const auto& machine : machines) head.emplace_back("machine", machine);
  if (!data.empty()) head.emplace_back("data", fmt::format("{}", fmt::join(data, ", ")));
  return head;
}

}  // namespace bitstate::experiments
