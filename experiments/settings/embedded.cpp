#include "experiments/settings/embedded.h"

#include "experiments/training/named_rules.h"

#include <algorithm>
#include <utility>

namespace bitstate {

/// Written by cmake/embed.cmake: path below experiments/, text.
std::vector<std::pair<std::string_view, std::string_view>> embedded_text_files();

namespace experiments {
namespace {

/// Those of the command line, and the configurations of the training library.
std::vector<std::pair<std::string_view, std::string_view>> all_files() {
  auto files = embedded_text_files();
  const auto configs = embedded_configs();
  files.insert(files.end(), configs.begin(), configs.end());
  return files;
}

}  // namespace

std::optional<std::string_view> embedded_file(std::string_view name) {
  for (const auto& [path, text] : all_files()) {
    if (path == name) return text;
  }
  return std::nullopt;
}

std::vector<std::string> embedded_names(std::string_view folder) {
  std::vector<std::string> names;
  for (const auto& [path, text] : all_files()) {
    const auto slash = path.rfind('/');
    if (path.substr(0, slash) == folder) names.emplace_back(path.substr(slash + 1, path.rfind('.') - slash - 1));
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace experiments
}  // namespace bitstate
