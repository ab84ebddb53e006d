#include "experiments/data_commands.h"

#include "core/error.h"
#include "datasets/catalog.h"
#include "datasets/registry.h"
#include "experiments/console.h"
#include "experiments/fetch.h"
#include "experiments/make_data.h"
#include "experiments/signals.h"
#include "experiments/suggest.h"

#include <fmt/format.h>

#include <filesystem>
#include <string>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

/// Reads every sequence of a data set; what is damaged is an Error.
void read_all(const std::string& name, const fs::path& data) {
  const datasets::Splits splits = datasets::load(name, {.data = data});
  std::size_t sequences = 0;
  datasets::Example example;
  for (const auto& part : {splits.train, splits.validation, splits.test}) {
    for (std::size_t i = 0; part != nullptr && i < part->size(); ++i, ++sequences) part->read(i, example);
  }
  fmt::print("{}: {} sequences can be read\n", name, sequences);
}

/// Official checksums decide where there are any; where there are none, whether the data set can be read.
int check_data(const RunConfig& config, const std::string& name) {
  const std::string source = name.empty() ? "mnist" : name;
  const bool readable = !datasets::canonical_name(source).empty();
  const fs::path folder = datasets::find_data(source, config.data);
  bool ok = true;
  bool read = false;
  for (const auto& file : datasets::data_check(source, folder)) {
    const bool missing = file.verdict == "missing";  // the archive of what may be there unpacked
    read = read || missing || file.verdict == "no published checksum";
    ok = ok && (file.ok || (missing && readable));
    fmt::print("{}: {}\n", (folder / file.file).string(), file.verdict);
  }
  if (ok && read && readable) read_all(source, folder);
  return ok ? 0 : 1;
}

int fetch_data(const RunConfig& config, const std::string& name, const std::string& mirror) {
  require<UsageError>(!name.empty(), "data fetch", "needs the name of a data set");
  return fetch(name, datasets::data_folder(name, config.data), mirror, say_line) ? 0 : exit_interrupted;
}

}  // namespace

int data_command(const CommandLine& line) {
  if (!line.positionals.empty() && line.positionals.front() == "make") return make_data(line);
  RunConfig config;
  std::string mirror;
  for (const auto& [name, value] : line.options) {
    if (name == "mirror") {
      mirror = value;
    } else {
      set_option(config, name, value);
    }
  }
  const auto& words = line.positionals;
  require<UsageError>(!words.empty() && words.size() <= 2, "data", "needs check, fetch or make, and a data set's name");
  const std::string name = words.size() > 1 ? words[1] : std::string();
  if (words.front() == "check") return check_data(config, name);
  if (words.front() == "fetch") return fetch_data(config, name, mirror);
  fail<UsageError>("data", "'{}' is not a command of it{}", words.front(),
                   suggestion(words.front(), {"check", "fetch", "make"}));
}

}  // namespace bitstate::experiments
