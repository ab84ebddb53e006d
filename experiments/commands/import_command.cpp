#include "experiments/commands/import_command.h"

#include "core/error.h"
#include "experiments/commands/arguments.h"
#include "experiments/run_folder/import_run.h"
#include "experiments/settings/options.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string>

namespace bitstate::experiments {

int import_command(const CommandLine& line) {
  const std::string file = only_positional(line, "import");
  require<UsageError>(!file.empty(), "import", "needs a file: bitstate import FILE --model=NAME");
  const ImportedRun run = import_run(file, line.options);
  const RunConfig& config = run.config;
  const auto text = [&](const char* option) { return find_option(option_table(), option)->text(config); };
  fmt::print("{} of {} layers with {} features, {} {}, {} outputs: {} parameters\n", config.model.model,
             text("n_layers"), text("d_model"), run.shape.inputs, run.shape.tokens ? "tokens" : "input columns",
             run.shape.outputs, run.parameters);
  fmt::print("run in {}\n", config.run.out);
  if (config.run.json) {
    const nlohmann::json figures = {{"run", config.run.out}, {"parameters", run.parameters}};
    fmt::print("{}\n", figures.dump());
  }
  return 0;
}

}  // namespace bitstate::experiments
