// The built-in sweeps and their small twins.
#include "experiments/settings/embedded.h"
#include "experiments/settings/ini.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace bitstate::experiments;

/// The rows of a built-in sweep, in order.
Settings rows_of(const std::string& sweep) {
  Settings file = parse_ini(std::string(*embedded_file("sweeps/" + sweep + ".ini")), sweep);
  std::erase_if(file, [](const auto& setting) { return !setting.first.starts_with("row."); });
  return file;
}

/// "part, 8 bits" as (part, 8); nothing of other labels.
std::optional<std::pair<std::string, std::string>> part_and_width(const std::string& row) {
  const std::size_t comma = row.rfind(", ");
  if (comma == row.npos || !row.ends_with(" bits")) return std::nullopt;
  return std::pair(row.substr(0, comma), row.substr(comma + 2, row.size() - comma - 7));
}

}  // namespace

TEST_CASE("sweep: a built-in sweep and its small twin have the same rows") {
  const std::vector<std::string> names = embedded_names("sweeps");
  std::vector<std::string> pairs;
  for (const std::string& name : names) {
    const bool has_twin = std::find(names.begin(), names.end(), name + "-small") != names.end();
    if (!has_twin) continue;
    CHECK_MESSAGE(rows_of(name) == rows_of(name + "-small"), name);
    pairs.push_back(name);
  }
  for (const char* name : {"a-forms", "one-site", "state-bits"}) {
    CHECK_MESSAGE(std::find(pairs.begin(), pairs.end(), name) != pairs.end(), name);
    CHECK_MESSAGE(rows_of(name).size() > 9, name);
  }
}

TEST_CASE("sweep: one-site has each part at every width from 8 to 2 bits, and its rules have the bits of its label") {
  std::map<std::string, std::vector<std::string>> widths;
  for (const auto& [name, options] : rows_of("one-site")) {
    const auto row = part_and_width(name);
    if (!row) continue;
    widths[row->first].push_back(row->second);
    CHECK_MESSAGE(options.find(" " + row->second) != options.npos, name);
  }
  CHECK(widths.size() == 11);
  const std::vector<std::string> all{"8", "7", "6", "5", "4", "3", "2"};
  for (const auto& [part, bits] : widths) CHECK_MESSAGE(bits == all, part);
}
