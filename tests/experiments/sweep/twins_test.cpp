// The built-in sweeps and their small twins.
#include "experiments/settings/embedded.h"
#include "experiments/settings/ini.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace {

using namespace bitstate::experiments;

/// The rows of a built-in sweep, in order.
Settings rows_of(const std::string& sweep) {
  Settings file = parse_ini(std::string(*embedded_file("sweeps/" + sweep + ".ini")), sweep);
  std::erase_if(file, [](const auto& setting) { return !setting.first.starts_with("row."); });
  return file;
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
