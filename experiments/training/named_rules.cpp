#include "experiments/training/named_rules.h"

#include "core/error.h"
#include "core/suggest.h"

#include <fmt/format.h>

#include <algorithm>

namespace bitstate {

std::string optional_rules(std::string_view rules) {
  std::string text;
  while (!rules.empty()) {
    const std::string_view line = rules.substr(0, rules.find('\n'));
    rules.remove_prefix(std::min(rules.size(), line.size() + 1));
    const bool is_rule = !line.empty() && line.front() != '#' && line.front() != '?';
    text += fmt::format("{}{}\n", is_rule ? "?" : "", line);
  }
  return text;
}

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
