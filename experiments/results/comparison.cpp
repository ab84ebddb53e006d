#include "experiments/results/comparison.h"

#include "experiments/results/rows.h"
#include "experiments/results/texts.h"
#include "experiments/settings/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>

namespace bitstate::experiments {

namespace {

/// What rows of two sweeps are called by.
class RowNames {
 public:
  RowNames(const Report& a, const Report& b) : labelled_(a.labelled() && b.labelled()) {
    for (const Report* report : {&a, &b}) {
      for (const auto& column : labelled_ ? report->titles : report->columns) {
        if (labelled_ && (column == "stage" || column == "configuration")) continue;
        if (std::find(columns_.begin(), columns_.end(), column) == columns_.end()) columns_.push_back(column);
      }
    }
    stages_ = labelled_ && (a.titles.front() == "stage" || b.titles.front() == "stage");
  }

  [[nodiscard]] std::vector<std::string> titles() const {
    std::vector<std::string> titles;
    if (stages_) titles.emplace_back("stage");
    if (labelled_) titles.emplace_back("configuration");
    titles.insert(titles.end(), columns_.begin(), columns_.end());
    return titles;
  }

  [[nodiscard]] std::vector<std::string> of(const ReportRow& row) const {
    const RunRecord& run = row.runs.front();
    std::vector<std::string> names;
    if (stages_) names.push_back(run.stage);
    if (labelled_) names.push_back(run.name());
    for (const auto& column : columns_) names.push_back(value_text(column, run.setting(column)));
    return names;
  }

 private:
  bool labelled_;
  bool stages_ = false;
  std::vector<std::string> columns_;
};

bool same_test(const RunRecord& a, const RunRecord& b) {
  const auto agrees = [&](const RunRecord& one, const RunRecord& other) {
    return std::all_of(one.settings.begin(), one.settings.end(), [&](const auto& setting) {
      return !decides_test(setting.first) || setting.second == other.setting(setting.first);
    });
  };
  return agrees(a, b) && agrees(b, a);
}

/// The settings that all runs of a stage share, by stage.
std::map<std::string, Settings> settings_of_stages(const Report& report) {
  std::map<std::string, std::vector<RunRecord>> runs;
  for (const auto& row : report.rows) {
    for (const auto& run : row.runs) runs[run.stage].push_back(run);
  }
  std::map<std::string, Settings> settings;
  for (const auto& [stage, list] : runs) settings[stage] = compare_settings(list).common;
  return settings;
}

/// What all runs of a stage share, but not those of both sweeps; with the stages that it holds for, if not for all.
std::vector<std::string> differing_settings(const Report& a, const Report& b) {
  const auto others = settings_of_stages(b);
  std::size_t stages = 0;
  std::vector<std::pair<std::string, std::vector<std::string>>> found;
  for (const auto& [stage, settings] : settings_of_stages(a)) {
    const auto same_stage = others.find(stage);
    if (same_stage == others.end()) continue;
    ++stages;
    for (const auto& [name, value] : settings) {
      const std::string* const other = last_value(same_stage->second, name);
      if (other == nullptr || *other == value || name == "from" || name == "data") continue;
      const auto text = fmt::format("{} {} and {}", name, value_text(name, value), value_text(name, *other));
      auto known = std::find_if(found.begin(), found.end(), [&](const auto& one) { return one.first == text; });
      if (known == found.end()) known = found.insert(found.end(), {text, {}});
      known->second.push_back(stage);
    }
  }
  std::vector<std::string> texts;
  for (const auto& [text, where] : found) {
    texts.push_back(where.size() == stages ? text : fmt::format("{} (stage {})", text, fmt::join(where, ", ")));
  }
  return texts;
}

}  // namespace

std::optional<Comparison> compare_sweeps(const std::filesystem::path& a, const std::filesystem::path& b) {
  const Report first = make_report(read_runs({a}));
  const Report second = make_report(read_runs({b}));
  const RowNames names(first, second);
  Comparison result{a.string(), b.string(), names.titles(), {}, {}, {}, differing_settings(first, second)};
  std::vector<const ReportRow*> left;
  for (const auto& row : second.rows) left.push_back(&row);
  for (const auto& row : first.rows) {
    const auto other = std::find_if(left.begin(), left.end(), [&](const ReportRow* candidate) {
      return names.of(*candidate) == names.of(row) && same_test(row.runs.front(), candidate->runs.front());
    });
    if (other == left.end()) {
      result.only_a.push_back(row_label(first, row));
      continue;
    }
    const std::string& metric = row.metric.empty() ? (*other)->metric : row.metric;
    result.rows.push_back(
        {names.of(row), metric, row.test, (*other)->test, paired_difference((*other)->results(), row.results())});
    left.erase(other);
  }
  for (const ReportRow* row : left) result.only_b.push_back(row_label(second, *row));
  return result.rows.empty() ? std::nullopt : std::optional(std::move(result));
}

}  // namespace bitstate::experiments
