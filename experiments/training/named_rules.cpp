#include "experiments/training/named_rules.h"

#include "core/error.h"
#include "core/suggest.h"

#include <fmt/format.h>

namespace bitstate {
namespace {

/// `rules`, whose lines all end, with a ? before each glob.
std::string optional_rules(std::string_view rules) {
  std::string text;
  for (std::size_t at = 0; at < rules.size(); at = rules.find('\n', at) + 1) {
    const std::string_view line = rules.substr(at, rules.find('\n', at) - at);
    const bool is_rule = !line.empty() && line.front() != '#' && line.front() != '?';
    text += fmt::format("{}{}\n", is_rule ? "?" : "", line);
  }
  return text;
}

}  // namespace

std::string named_rules(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& [path, text] : embedded_configs()) {
    if (path == fmt::format("configs/{}.quant", name)) return optional_rules(text);
    const std::string_view file = path.substr(path.find('/') + 1);
    if (file.find('/') == std::string_view::npos) names.emplace_back(file.substr(0, file.find('.')));
  }
  fail<UsageError>("rules", "there is no configuration \"{}\"{}", name, suggestion(name, names));
}

}  // namespace bitstate
