#include "experiments/results/run_files.h"

#include "experiments/run_folder/text_files.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

namespace bitstate::experiments {

namespace {

std::vector<std::string_view> cut(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (std::size_t end = text.find(at); end != text.npos; end = text.find(at)) {
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  parts.push_back(text);
  return parts;
}

std::optional<double> finite_number(std::string_view text) {
  double value = 0.0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && stop == text.data() + text.size();
  return whole && std::isfinite(value) ? std::optional(value) : std::nullopt;
}

/// Calls use(words, numbers) for each line of `file` that has its header's length: what it has in these columns.
template <class Use>
void read_lines(const std::filesystem::path& file, const std::vector<std::string_view>& words,
                const std::vector<std::string_view>& numbers, Use use) {
  if (!std::filesystem::is_regular_file(file)) return;
  const std::string text = read_text(file);
  const auto lines = cut(text, '\n');
  const auto header = cut(lines.front(), ',');
  const auto column = [&](std::string_view name) {
    return static_cast<std::size_t>(std::find(header.begin(), header.end(), name) - header.begin());
  };
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {  // the last one has no end, or nothing in it
    const auto fields = cut(lines[i], ',');
    if (fields.size() != header.size()) continue;
    std::vector<double> values;
    for (const auto& name : numbers) {
      const auto value = column(name) < fields.size() ? finite_number(fields[column(name)]) : std::nullopt;
      if (value) values.push_back(*value);
    }
    std::vector<std::string> texts;
    for (const auto& name : words) {
      if (column(name) < fields.size()) texts.emplace_back(fields[column(name)]);
    }
    if (values.size() == numbers.size() && texts.size() == words.size()) use(texts, values);
  }
}

}  // namespace

std::vector<SiteRecord> read_sites(const std::filesystem::path& run) {
  std::vector<SiteRecord> sites;
  read_lines(run / "sites.csv", {"site"}, {"bits", "low", "high", "saturated"},
             [&](const auto& site, const std::vector<double>& v) {
               sites.push_back({site[0], v[0], v[1], v[2], v[3]});
             });
  return sites;
}

std::vector<EigenvalueRecord> read_eigenvalues(const std::filesystem::path& run) {
  std::vector<EigenvalueRecord> eigenvalues;
  read_lines(run / "eigenvalues.csv", {"layer"}, {"re", "im", "rounded_re", "rounded_im"},
             [&](const auto& layer, const std::vector<double>& v) {
               eigenvalues.push_back({layer[0], {v[0], v[1]}, {v[2], v[3]}});
             });
  return eigenvalues;
}

std::vector<FunctionRecord> read_instructions(const std::filesystem::path& run) {
  std::vector<FunctionRecord> functions;
  read_lines(run / "instructions.csv", {"function"}, {"cortex-m4"},
             [&](const auto& function, const std::vector<double>& v) {
               functions.push_back({function[0], v[0]});
             });
  return functions;
}

std::optional<double> instructions_per_step(const std::filesystem::path& run) {
  const std::vector<FunctionRecord> functions = read_instructions(run);
  if (functions.empty() || functions.back().function != "in all") return std::nullopt;
  return functions.back().instructions;
}

TestDetails read_test_details(const std::filesystem::path& run) {
  const auto file = run / "result.json";
  if (!std::filesystem::is_regular_file(file)) return {};
  try {
    return details_from_json(nlohmann::json::parse(read_text(file)));
  } catch (const nlohmann::json::exception&) {  // the table says that it is damaged
    return {};
  }
}

bool is_allocated(const std::filesystem::path& run) {
  std::error_code none;
  return std::filesystem::is_regular_file(run.parent_path() / "pareto.csv", none);
}

std::vector<AllocatedModel> read_allocation(const std::filesystem::path& folder) {
  std::vector<AllocatedModel> models;
  read_lines(folder / "pareto.csv", {"label", "kind"}, {"bytes", "metric"},
             [&](const auto& words, const std::vector<double>& v) {
               models.push_back({words[0], v[0], v[1], words[1]});
             });
  return models;
}

}  // namespace bitstate::experiments
