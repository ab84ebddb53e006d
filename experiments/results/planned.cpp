#include "experiments/results/planned.h"

#include "experiments/results/run_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>

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

/// "uniform 4 bits", "allocated in 120 bytes, untrained"
std::string allocated_label(const RunRecord& run) {
  constexpr std::string_view untrained = "-untrained";
  std::string name = run.folder.filename().string();
  const bool trained = !name.ends_with(untrained);
  if (!trained) name.resize(name.size() - untrained.size());
  const auto size = run.figures.find("size_bits");
  if (name.starts_with("uniform-")) {
    name = "uniform " + name.substr(name.find('-') + 1) + " bits";
  } else if (size != run.figures.end()) {
    name += fmt::format(" in {} bytes", std::ceil(size->second / 8.0));
  }
  return name + (trained ? "" : ", untrained");
}

/// Labels the runs of `bitstate allocate` and what they started from, unless that stands among the runs of its sweep.
void label_allocated(std::vector<RunRecord>& runs, std::size_t place) {
  std::vector<RunRecord*> made;
  for (RunRecord& run : runs) {
    if (run.label.empty() && is_allocated(run.folder)) made.push_back(&run);
  }
  const auto size = [](const RunRecord* run) {
    const auto found = run->figures.find("size_bits");
    return found == run->figures.end() ? 0.0 : found->second;
  };
  std::stable_sort(made.begin(), made.end(), [&](const auto* a, const auto* b) { return size(a) < size(b); });
  for (RunRecord& run : runs) {
    std::error_code none;
    const bool is_source = !is_allocated(run.folder) && std::any_of(made.begin(), made.end(), [&](const auto* one) {
      return std::filesystem::equivalent(run.folder, one->from, none);
    });
    const bool is_alone = std::count_if(runs.begin(), runs.end(), [&](const RunRecord& other) {
                            return other.folder.parent_path() == run.folder.parent_path();
                          }) == 1;
    if (!is_source || (!run.label.empty() && !is_alone)) continue;
    run.label = run.is_float() ? "float" : "the run as it is";
    run.stage.clear();
    run.planned = 0;
    run.place = place++;
  }
  for (RunRecord* run : made) {
    run->label = allocated_label(*run);
    run->place = place++;
  }
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
  label_allocated(runs, places);
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
