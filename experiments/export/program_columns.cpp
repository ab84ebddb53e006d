#include "experiments/export/program_columns.h"

#include "core/error.h"
#include "core/text.h"
#include "experiments/settings/ini.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace bitstate::experiments {
namespace {

/// The columns of own data that the program was trained with; empty where it was with others.
std::vector<std::string> trained_columns(const program::Program& program) {
  const Settings settings = parse_ini(program.settings, "the settings of the program");
  if (value_of(settings, "dataset") != "own") return {};
  std::vector<std::string> columns = split(value_of(settings, "input"), ",");
  if (columns.size() != program.input.cols) columns.clear();
  return columns;
}

}  // namespace

std::vector<std::string> columns_of(const program::Program& program, const std::vector<std::string>& header,
                                    std::size_t count, const std::string& file) {
  const std::vector<std::string> trained = trained_columns(program);
  const auto is_there = [&](const std::string& name) { return std::count(header.begin(), header.end(), name) == 1; };
  const bool all_there = !trained.empty() && std::all_of(trained.begin(), trained.end(), is_there);
  if (all_there || (!trained.empty() && count > program.input.cols)) return trained;
  require(count == program.input.cols, "run", "{}, line 1: there are {} columns, but the program reads {}", file, count,
          program.input.cols);
  return {};
}

std::string columns_text(const std::vector<std::string>& header, const std::vector<std::string>& read) {
  constexpr std::size_t shown = 20;
  const auto listed = [&](const std::vector<std::string>& names) {
    const auto end = names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), shown));
    return fmt::format("{}{}", fmt::join(names.begin(), end, ","), names.size() > shown ? ",..." : "");
  };
  const bool all = header == read;
  const std::string part =
      all || header.empty() ? "" : fmt::format(", of which {} {} read", listed(read), read.size() == 1 ? "is" : "are");
  return header.empty() ? " without a header" : fmt::format(" with the header {}{}", listed(header), part);
}

}  // namespace bitstate::experiments
