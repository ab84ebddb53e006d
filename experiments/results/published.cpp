#include "experiments/results/published.h"

#include "core/error.h"
#include "core/text.h"
#include "experiments/results/run_record.h"
#include "experiments/settings/embedded.h"
#include "experiments/settings/options.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

namespace {

/// A line of published/qs5.csv. `settings` are those of its columns `model` and `configuration`.
struct Published {
  std::string dataset;
  Settings settings;
  std::string kind;
  std::string metric;
  std::string value;
  bool exact;  ///< not read off a figure
};

std::vector<Published> read_published() {
  std::vector<Published> figures;
  const auto lines = split(embedded_file("results/published/qs5.csv").value(), "\n");
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto fields = split(lines[i], ",");
    require(fields.size() == 8, "qs5.csv", "line {} has {} fields, expected 8", i + 1, fields.size());
    Published figure{fields[0], {}, fields[3], fields[4], fields[5], fields[6] == "exact"};
    for (const auto& setting : split(fields[1] + ";" + fields[2], ";")) {
      const auto equals = setting.find('=');
      figure.settings.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
    }
    figures.push_back(std::move(figure));
  }
  return figures;
}

std::string kind_of(const RunRecord& run) {
  const bool trained = run.setting("epochs") != "0";
  if (run.from.empty()) return run.is_float() ? "float" : trained ? "QAT" : "";
  return run.is_float() ? "" : trained ? "QAFT" : "PTQ";
}

bool matches(const Published& figure, const RunRecord& run) {
  if (figure.dataset != run.setting("dataset") || figure.metric != run.metric || figure.kind != kind_of(run)) {
    return false;
  }
  // what is quantized besides makes another configuration
  const bool other = std::any_of(run.settings.begin(), run.settings.end(), [&](const auto& setting) {
    const bool quantizes = is_quant_setting(setting.first) && !setting.second.empty() && setting.second != "none";
    return quantizes && last_value(figure.settings, setting.first) == nullptr;
  });
  return !other && run.setting("limit_train") == "0" && run.setting("limit_test") == "0" &&
         std::all_of(figure.settings.begin(), figure.settings.end(),
                     [&](const auto& setting) { return run.setting(setting.first) == setting.second; });
}

/// Calls use(figure) for what was published for a run.
template <class Use>
void each_published(const RunRecord& run, Use use) {
  static const auto figures = read_published();
  for (const auto& figure : figures) {
    if (matches(figure, run)) use(figure);
  }
}

}  // namespace

std::string published_by_qs5(const RunRecord& run) {
  std::string text;
  each_published(run, [&](const Published& figure) {
    text += (text.empty() ? "" : " / ") + std::string(figure.exact ? "" : "≈") + figure.value;
  });
  return text;
}

std::vector<double> published_values(const RunRecord& run) {
  std::vector<double> values;
  each_published(run, [&](const Published& figure) { values.push_back(std::stod(figure.value)); });
  return values;
}

}  // namespace bitstate::experiments
