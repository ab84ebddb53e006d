#include "experiments/run_folder/test_details.h"

#include "core/text.h"
#include "experiments/host/text_table.h"
#include "experiments/settings/run_config.h"

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace bitstate::experiments {
namespace {

using nlohmann::json;

constexpr std::size_t most_columns = 20;  // of a confusion matrix in a terminal

/// Those that are given, or numbers.
std::vector<std::string> names_or_numbers(std::vector<std::string> names, std::size_t count) {
  if (names.size() == count) return names;
  names.clear();
  for (std::size_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

std::string share_text(double share) {
  return std::isnan(share) ? std::string(no_value) : fmt::format("{:.4f}", share);
}

Cells class_cells(const TestDetails& details) {
  Cells cells{{"class", "sequences", "recall", "precision", "F1"}};
  const std::vector<ClassFigures> all = class_figures(details.confusion);
  for (std::size_t c = 0; c < all.size(); ++c) {
    cells.push_back({details.names[c], std::to_string(all[c].count), share_text(all[c].recall()),
                     share_text(all[c].precision()), share_text(all[c].f1())});
  }
  return cells;
}

Cells confusion_cells(const TestDetails& details) {
  const std::size_t classes = details.names.size();
  Cells cells{{"class \\ taken for"}};
  cells[0].insert(cells[0].end(), details.names.begin(), details.names.end());
  for (std::size_t label = 0; label < classes; ++label) {
    cells.push_back({details.names[label]});
    for (std::size_t given = 0; given < classes; ++given) {
      cells.back().push_back(std::to_string(details.confusion[label * classes + given]));
    }
  }
  return cells;
}

Cells target_cells(const TestDetails& details) {
  Cells cells{{"target", "RMSE", "NRMSE", "fit %"}};
  for (std::size_t t = 0; t < details.targets.size(); ++t) {
    const TargetError& error = details.targets[t];
    const bool constant = !std::isfinite(error.nrmse);
    cells.push_back({details.names[t], fmt::format("{:.6g}", error.rmse),
                     constant ? std::string(no_value) : fmt::format("{:.4f}", error.nrmse),
                     constant ? std::string(no_value) : fmt::format("{:.2f}", error.fit())});
  }
  return cells;
}

double number_or_infinity(const json& value) {
  return value.is_null() ? std::numeric_limits<double>::infinity() : value.get<double>();
}

}  // namespace

TestDetails test_details(const EvaluationDetails& details, const RunConfig& config, const datasets::Reading& reading) {
  TestDetails found;
  found.confusion = details.confusion();
  found.targets = details.target_errors(reading.target_units);
  found.names = found.targets.empty() ? names_or_numbers(reading.classes, details.classes())
                                      : names_or_numbers(split(config.data.own.target, ","), found.targets.size());
  return found;
}

std::string details_line(const TestDetails& details) {
  if (!details.confusion.empty()) {
    const std::vector<ClassFigures> figures = class_figures(details.confusion);
    return fmt::format("balanced accuracy {:.4f}  macro F1 {:.4f}", balanced_accuracy(figures), macro_f1(figures));
  }
  std::vector<std::string> constant;
  for (std::size_t t = 0; t < details.targets.size(); ++t) {
    if (!std::isfinite(details.targets[t].nrmse)) constant.push_back(details.names[t]);
  }
  if (!constant.empty()) {
    return fmt::format("no NRMSE or fit for {}: constant in the test part", fmt::join(constant, ", "));
  }
  if (details.targets.size() != 1) return "";
  return fmt::format("nrmse {:.4f}  fit {:.2f} %", details.targets[0].nrmse, details.targets[0].fit());
}

std::string details_text(const TestDetails& details) {
  if (!details.targets.empty()) return "\n" + aligned(target_cells(details), "l");
  if (details.confusion.empty()) return "";
  std::string text = "\n" + aligned(class_cells(details), "l");
  if (details.names.size() <= most_columns) text += "\n" + aligned(confusion_cells(details), "l");
  return text;
}

void add_details(json& line, const TestDetails& details) {
  if (!details.confusion.empty()) {
    const std::size_t classes = details.names.size();
    json rows = json::array();
    for (std::size_t c = 0; c < classes; ++c) {
      const auto begin = details.confusion.begin() + static_cast<std::ptrdiff_t>(c * classes);
      rows.push_back(std::vector<std::uint64_t>(begin, begin + static_cast<std::ptrdiff_t>(classes)));
    }
    const std::vector<ClassFigures> figures = class_figures(details.confusion);
    line["classes"] = details.names;
    line["confusion"] = rows;
    line["test_balanced_accuracy"] = balanced_accuracy(figures);
    line["test_macro_f1"] = macro_f1(figures);
  }
  if (details.targets.empty()) return;
  json rows = json::array();
  for (std::size_t t = 0; t < details.targets.size(); ++t) {
    const TargetError& error = details.targets[t];
    rows.push_back({{"name", details.names[t]}, {"rmse", error.rmse}, {"nrmse", error.nrmse}, {"fit", error.fit()}});
  }
  line["targets"] = rows;
}

TestDetails details_from_json(const json& line) {
  TestDetails details;
  details.names = line.value("classes", details.names);
  for (const json& row : line.value("confusion", json::array())) {
    const std::vector<std::uint64_t> counts = row;
    details.confusion.insert(details.confusion.end(), counts.begin(), counts.end());
  }
  if (details.confusion.size() != details.names.size() * details.names.size()) return {};
  for (const json& row : line.value("targets", json::array())) {
    details.names.push_back(row.at("name"));
    details.targets.push_back({row.at("rmse"), number_or_infinity(row.at("nrmse"))});
  }
  return details;
}

}  // namespace bitstate::experiments
