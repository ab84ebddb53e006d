#include "experiments/commands/posttraining_commands.h"

#include "core/error.h"
#include "core/suggest.h"
#include "experiments/commands/arguments.h"
#include "experiments/host/console.h"
#include "experiments/posttraining/transform.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/train.h"
#include "experiments/settings/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {
namespace {

/// Options of a run that starts from `run` and is not trained, from those of the command line.
Settings ptq_options(const std::string& run, const Settings& given) {
  Settings options{{"from", run}, {"epochs", "0"}, {"calibration_batches", "8"}};
  bool changes = false;
  for (const auto& [name, value] : given) {
    if (name == "batches") {
      const bool digits = !value.empty() && value.size() < 7 && value.find_first_not_of("0123456789") == value.npos;
      require<UsageError>(digits, "batches", "expected a whole number from 0 to 999999, got \"{}\"", value);
    }
    const Option* const option = find_option(option_table(), name);
    changes = changes || (option != nullptr && (option->gives_bits || option->changes_trained));
    options.emplace_back(name == "batches" ? "calibration_batches" : name, value);
  }
  if (changes) return options;
  std::vector<std::string> others;
  for (const Option& option : option_table()) {
    if (option.changes_trained) others.push_back(option.name);
  }
  fail<UsageError>("ptq", "needs what to change: --quant=FILE, --bits=RULE, a *_bits flag, or one of {}",
                   fmt::join(others, ", "));
}

/// `given` without the options of the transform evolve, which become a step of the list of transforms: that of the
/// preset, and of the list, with the options that are given.
Settings evolve_options(const Settings& given) {
  const Transform& evolve = transform_named("evolve");
  Settings options;
  std::map<std::string, std::string> moves, listed_moves;
  std::string before;
  for (const auto& [name, value] : given) {
    (find_option(evolve.options, name) != nullptr ? moves[name] : options.emplace_back(name, "").second) = value;
  }
  RunConfig listed;
  listed.source.from = "RUN";
  for (const auto& [name, value] : options) {
    if (is_one_of(name, std::initializer_list<std::string_view>{"preset", "transforms", "balance"})) {
      set_options(listed, {{name, value}}, "options");
      for (const TransformStep& step : transforms_of(listed.source)) {
        for (const auto& [move, by] : step.given) {
          if (step.transform == &evolve) listed_moves[move] = by;
        }
      }
    }
  }
  moves.insert(listed_moves.begin(), listed_moves.end());  // those that are not given
  for (const TransformStep& step : transforms_of(listed.source)) {
    if (step.transform != &evolve) before += step.text + ", ";
  }
  std::erase_if(options, [](const auto& option) { return option.first == "balance"; });
  std::string list;
  for (const auto& [name, value] : moves) list += (list.empty() ? "" : ", ") + name + "=" + value;
  options.emplace_back("transforms", fmt::format("{}evolve({})", before, list));
  return options;
}

}  // namespace

int finish(const RunConfig& config, const TrainResult& result) {
  if (result.status != "done")
    print_line(fmt::format("{}: {}", result.status, result.reason.empty() ? "by a signal" : result.reason));
  print_line(fmt::format("run in {}", config.run.out));
  if (config.run.json) print_line(to_json(result));
  return result.exit_code;
}

int ptq_command(const CommandLine& line, const std::shared_ptr<Team>& team) {
  std::string run = only_positional(line, "ptq");
  require<UsageError>(!run.empty(), "ptq", "needs the folder of a run");
  RunConfig config = load_run_config("", ptq_options(run, line.options));
  if (config.run.out.empty()) config.run.out = fmt::format("{}-ptq-{}", config.source.from, settings_hash(config));
  return finish(config, train(config, team));
}

int evolve_command(const CommandLine& line) {
  const std::string run = only_positional(line, "evolve");
  require<UsageError>(!run.empty(), "evolve", "needs the folder of a run");
  Settings options = evolve_options(line.options);
  options.insert(options.begin(), {"weight_range", "stored"});
  RunConfig config = load_run_config("", ptq_options(run, options));
  require<UsageError>(!quant_rules(config).empty(), "evolve",
                      "needs what to quantize: --quant=FILE, --bits=RULE or a *_bits flag");
  if (config.run.out.empty()) config.run.out = fmt::format("{}-evolve-{}", config.source.from, settings_hash(config));
  return finish(config, train(config, std::make_shared<Team>()));
}

}  // namespace bitstate::experiments
