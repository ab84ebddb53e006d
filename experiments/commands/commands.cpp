#include "experiments/commands/commands.h"

#include "autograd/signature.h"
#include "core/error.h"
#include "core/suggest.h"
#include "core/text.h"
#include "experiments/bench/bench.h"
#include "experiments/bench/bench_program.h"
#include "experiments/commands/allocation_commands.h"
#include "experiments/commands/arguments.h"
#include "experiments/commands/command_table.h"
#include "experiments/commands/completion.h"
#include "experiments/commands/data_commands.h"
#include "experiments/commands/import_command.h"
#include "experiments/commands/list.h"
#include "experiments/commands/posttraining_commands.h"
#include "experiments/commands/program_commands.h"
#include "experiments/commands/sweep_command.h"
#include "experiments/commands/train_folds.h"
#include "experiments/host/console.h"
#include "experiments/inspect/device_report.h"
#include "experiments/inspect/inspect.h"
#include "experiments/report/report.h"
#include "experiments/run_folder/inspect_run.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/own_size.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/run_folder/train.h"
#include "experiments/settings/embedded.h"
#include "experiments/training/metric.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <new>
#include <utility>

namespace bitstate::experiments {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

void print_json(const json& figures) { fmt::print("{}\n", figures.dump()); }

int train_command(const CommandLine& line, const std::shared_ptr<Team>& team) {
  std::string recipe = only_positional(line, "train");
  const std::string* out = last_value(line.options, "out");
  const std::string* from = last_value(line.options, "from");
  const bool source = from != nullptr && !from->empty();
  if (recipe.empty() && !source && out != nullptr && fs::exists(fs::path(*out) / "settings.ini")) {
    recipe = (fs::path(*out) / "settings.ini").string();  // go on with a run that exists
  }
  require<UsageError>(
      !recipe.empty() || source, "train",
      "needs a recipe (bitstate list recipes names them), the path of an .ini file, own with --data=FILE, "
      "or --from=RUN");
  RunConfig config;
  if (recipe == "own" && !source) {
    std::string said;
    config = run_of_own_data(line.options, said);
    if (team->leads()) print_line(said);
  } else {
    config = load_run_config(recipe, line.options);
  }
  if (config.run.out.empty()) {
    const fs::path name = recipe.empty() ? fs::path(config.source.from).filename() : fs::path(recipe).stem();
    config.run.out = fmt::format("runs/{}-{}", name.string(), settings_hash(config));
  }
  if (config.data.own.folding.all()) return train_folds(config, team);
  return finish(config, train(config, team));
}

/// The settings of the run that is the one positional argument, with `options`; its folder is `out`.
RunConfig trained_run(const CommandLine& line, std::string_view command, const Settings& options) {
  const std::string run = only_positional(line, command);
  require<UsageError>(!run.empty(), command, "needs the folder of a run");
  const fs::path settings_file = fs::path(run) / "settings.ini";
  require<UsageError>(fs::exists(settings_file), run, "is not the folder of a run: it has no settings.ini");
  RunConfig config = load_run_config(settings_file.string(), options);
  config.run.out = run;
  config.source.digest.clear();  // the weights no longer depend on those of the source
  return config;
}

int eval_command(const CommandLine& line) {
  const RunConfig config = trained_run(line, "eval", line.options);
  const TrainResult result = evaluate(config, config.run.out);
  if (result.status == "done") {
    fmt::print("test {} {:.4f}{}  loss {:.4f}\n", result.metric_name, result.test_metric,
               perplexity_text(result.metric_name, result.test_metric), result.test_loss);
    if (const std::string means = details_line(result.test_details); !means.empty()) print_line(means);
    fmt::print("{}", details_text(result.test_details));
  }
  return finish(config, result);
}

int inspect_command(const CommandLine& line) {
  Settings options = line.options;
  std::size_t samples = 64;
  bool memory = false;
  std::vector<const program::Device*> devices;
  std::optional<double> picojoules;
  std::erase_if(options, [&](const auto& option) {
    if (option.first == "device") devices = program::devices_named(option.second);
    if (option.first == "pj_per_cycle") {
      picojoules = options::read_real("pj_per_cycle", option.second, {.low = 0.0, .high = 1e6, .low_excluded = true});
    }
    if (option.first == "memory") memory = options::read_flag("memory", option.second);
    if (option.first == "samples") samples = count_of("samples", option.second, 6);
    return option.first == "device" || option.first == "pj_per_cycle" || option.first == "memory" ||
           option.first == "samples";
  });
  require<UsageError>(!picojoules || !devices.empty(), "pj_per_cycle", "is for --device=LIST");
  require<UsageError>(!memory || devices.empty(), "device", "cannot be given together with --memory");
  const RunConfig config = trained_run(line, "inspect", options);
  if (!devices.empty()) {
    DeviceReport report = device_report(program_of_run(config, config.run.out), devices);
    report.run = config.run.out;
    report.picojoules_per_cycle = picojoules;
    fmt::print("{}", device_text(report));
    if (config.run.json) fmt::print("{}\n", to_json(report));
    return 0;
  }
  if (memory) {
    const MemoryLedger ledger = memory_of_run(config, config.run.out);
    fmt::print("{}", ledger_text(ledger));
    if (config.run.json) fmt::print("{}\n", to_json(ledger));
    return 0;
  }
  const Inspection inspection = inspect_run(config, config.run.out, samples);
  fmt::print("{}", inspection_text(inspection));
  if (config.run.json) fmt::print("{}\n", to_json(inspection));
  return 0;
}

/// Takes the options that have one of these names out of `options`.
Settings taken(Settings& options, const std::vector<std::string>& names) {
  Settings found;
  std::erase_if(options, [&](const auto& option) {
    if (!is_one_of(option.first, names)) return false;
    found.push_back(option);
    return true;
  });
  return found;
}

int export_command(const CommandLine& line) {
  Settings options = line.options;
  ExportOptions wanted;
  for (const auto& [name, value] :
       taken(options, {"format", "out", "parity", "proof", "name", "layout", "adc_bits", "adc_lsb", "adc_offset",
                       "trainable", "tune_rate", "layer_rate", "tune_steps"})) {
    if (name == "out") {
      wanted.out = value;
    } else if (name == "parity") {
      wanted.parity = count_of(name, value, 9);
    } else {
      set_export_option(wanted, name, value);
    }
  }
  check_export_options(wanted);
  const RunConfig config = trained_run(line, "export", options);
  return export_command(config, config.run.out, wanted);
}

int run_command_line(const CommandLine& line) {
  const std::string program = only_positional(line, "run");
  RunConfig config;
  std::string input;
  datasets::TableSettings table;
  const auto rows = datasets::table_options().rows();
  for (const auto& [name, value] : line.options) {
    if (name == "input") {
      input = value;
    } else if (const auto* const row = find_option(rows, name)) {
      row->set(table, value);
    } else {
      set_option(config, name, value);
    }
  }
  require<UsageError>(!program.empty() && !input.empty(), "run",
                      "needs a program file and --input=FILE, or - for standard input");
  return run_program_command(program, input, config.run.out, config.run.threads, table);
}

void print_inference(const std::string& name, const InferenceSpeed& speed) {
  if (speed.prefill_steps_per_second == 0.0) return;
  fmt::print("{} {:9.0f} steps/s of prefill", name, speed.prefill_steps_per_second);
  if (speed.decode_steps_per_second > 0.0) fmt::print("  {:7.0f} of decoding", speed.decode_steps_per_second);
  fmt::print("  {:.2f} MB of constants, one thread\n", static_cast<double>(speed.constant_bytes) / 1e6);
}

void print_inference(const std::vector<BenchResult>& results) {
  print_inference(fmt::format("{} {:<10}", results[0].recipe, "float"), results[0].float_inference);
  for (const BenchResult& r : results) {
    print_inference(fmt::format("{} {:<10}", r.recipe, r.quant + " program"), r.inference);
  }
}

int bench_command(const CommandLine& line) {
  const std::string recipe = only_positional(line, "bench");
  if (fs::is_regular_file(recipe) && fs::path(recipe).extension() != ".ini") {
    require<UsageError>(line.options.empty() || (line.options.size() == 1 && line.options[0].first == "json"), "bench",
                        "takes no option but --json with a program");
    const ProgramSpeed speed = bench_program_file(recipe);
    fmt::print("{}", speed_text(speed));
    if (!line.options.empty()) fmt::print("{}\n", to_json(speed));
    return 0;
  }
  const RunConfig config = load_run_config(recipe.empty() ? "smnist" : recipe, line.options);
  const auto results = bench(config);
  for (const auto& r : results) {
    fmt::print("{} {:<10} {:8.2f} ms per step  {:9.0f} tokens/s  {:5.3f} of {:.1f} GFLOP/s  {:.0f} MB\n", r.recipe,
               r.quant, 1e3 * r.step_seconds, r.tokens_per_second, r.fraction_of_gemm, r.gemm_gflops,
               static_cast<double>(r.peak_rss_bytes) / 1e6);
    fmt::print("{} {:<10} {:8.1f} evaluated sequences/s\n", r.recipe, r.quant, r.evaluated_sequences_per_second);
  }
  print_inference(results);
  for (const auto& r : results) {
    fmt::print("{} {:<10} projected hours of a full training:", r.recipe, r.quant);
    for (std::size_t i = 0; i < r.run_hours.size(); ++i) {
      fmt::print(" {:.3g} on {} cores{}", r.run_hours[i], projected_cores[i], i + 1 < r.run_hours.size() ? "," : "\n");
    }
  }
  if (config.run.json) fmt::print("{}\n", to_json(results));
  return 0;
}

int report_command(const CommandLine& line) {
  const std::vector<fs::path> dirs(line.positionals.begin(), line.positionals.end());
  const std::string* const given = last_value(line.options, "out");
  require<UsageError>(!dirs.empty(), "report", "needs the folder of a sweep or of runs");
  require<UsageError>(dirs.size() == 1 || given != nullptr, "report",
                      "tabulates {} folders together; --out=DIR says where their report goes", dirs.size());
  const fs::path out = given != nullptr ? fs::path(*given) : dirs.front();
  const auto key = [&](const char* name) {
    const std::string* const value = last_value(line.options, name);
    return value != nullptr ? *value : std::string();
  };
  const PivotKeys pivot{key("rows"), key("columns")};
  require<UsageError>(pivot.rows.empty() == pivot.columns.empty(), "report",
                      "a table of rows by columns needs both --rows=KEY and --columns=KEY");
  const Report report = write_report(dirs, out, pivot);
  const std::string page = (out / "index.html").string();
  const std::size_t width = isatty(STDOUT_FILENO) != 0 ? terminal_size().columns : 0;
  fmt::print("{}\n{}\n", report_terminal(report, width), page);
  if (!font_note().empty()) fmt::print("{}\n", font_note());
  if (last_value(line.options, "json") != nullptr) {
    print_json({{"configurations", report.rows.size()},
                {"diverged", report.diverged.size()},
                {"given_up", report.given_up.size()},
                {"running", report.running.size()},
                {"missing", report.missing.size()},
                {"repeated", report.repeated.size()},
                {"page", page}});
  }
  return 0;
}

int signature_command(const CommandLine& line) {
  require<UsageError>(line.positionals.empty(), "signature", "\"{}\" is one argument too many",
                      line.positionals.empty() ? std::string() : line.positionals.front());
  fmt::print("{}\n", signature());
  return 0;
}

int list_command(const CommandLine& line) {
  fmt::print("{}", list_text(only_positional(line, "list")));
  return 0;
}

int completion_command(const CommandLine& line) {
  const std::string shell = only_positional(line, "completion");
  require<UsageError>(shell == "bash" || shell == "zsh", "completion", "expected bash or zsh, got \"{}\"", shell);
  fmt::print("{}", shell == "bash" ? bash_completion(command_table()) : zsh_completion(command_table()));
  return 0;
}

void print_version() { fmt::print("bitstate {}\n", BITSTATE_VERSION); }

/// What processes can do together.
using TeamAction = int (*)(const CommandLine& line, const std::shared_ptr<Team>& team);
constexpr std::array<std::pair<std::string_view, TeamAction>, 2> team_actions{
    {{"train", train_command}, {"ptq", ptq_command}}};

using Action = int (*)(const CommandLine& line);

constexpr std::array<std::pair<std::string_view, Action>, 15> actions{{{"eval", eval_command},
                                                                       {"evolve", evolve_command},
                                                                       {"import", import_command},
                                                                       {"inspect", inspect_command},
                                                                       {"export", export_command},
                                                                       {"run", run_command_line},
                                                                       {"sensitivity", sensitivity_command},
                                                                       {"allocate", allocate_command},
                                                                       {"sweep", sweep_command},
                                                                       {"report", report_command},
                                                                       {"data", data_command},
                                                                       {"bench", bench_command},
                                                                       {"signature", signature_command},
                                                                       {"list", list_command},
                                                                       {"completion", completion_command}}};

/// The row of a command. Throws UsageError for a name that is none.
template <class Rows, class Name>
const auto& row_of(const Rows& rows, const std::string& wanted, const Name& name_of) {
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return name_of(r) == wanted; });
  std::vector<std::string> names;
  for (const auto& r : rows) names.emplace_back(name_of(r));
  if (row == rows.end()) fail<UsageError>("command", "'{}' is not a command{}", wanted, suggestion(wanted, names));
  return *row;
}

/// --help of a command; after the name of a recipe or run with its values.
std::string help_text(const std::string& name, const CommandLine& line) {
  std::string source = line.positionals.empty() ? std::string() : line.positionals.front();
  if (fs::exists(fs::path(source) / "settings.ini")) source = (fs::path(source) / "settings.ini").string();
  RunConfig config;
  const auto recipes = recipe_names();
  const bool known = is_one_of(source, recipes) || fs::path(source).extension() == ".ini";
  if (known && name != "sweep") {
    config = load_run_config(source, {});
  } else {
    source.clear();
  }
  const auto table = command_table(run_options(config));
  return command_help(row_of(table, name, [](const Command& c) { return c.name; }), source, config);
}

}  // namespace

int run_command(const std::vector<std::string>& given, const std::shared_ptr<Team>& team) {
  std::vector<std::string> args = given;
  const auto asks_for = [&](std::initializer_list<std::string_view> words) {
    return !args.empty() && is_one_of(args.front(), words);
  };
  const bool help = asks_for({"--help", "-h", "help"});
  const auto table = command_table();
  if (args.empty() || (help && (args.size() == 1 || args[1].starts_with('-')))) {
    fmt::print("{}", command_line_help(table));
    return args.empty() ? 2 : 0;
  }
  if (asks_for({"--version", "-v"})) {
    print_version();
    return 0;
  }
  if (help) {  // help COMMAND is COMMAND --help
    args.erase(args.begin());
    args.emplace_back("--help");
  }
  const std::string name = args.front();
  const auto& command = row_of(table, name, [](const Command& c) { return c.name; });
  const CommandLine line = parse_command_line({args.begin() + 1, args.end()}, command.options);
  if (line.help || name == "help") {
    fmt::print("{}", help_text(name, line));
    return 0;
  }
  if (line.version) {
    print_version();
    return 0;
  }
  for (const auto& [joint, action] : team_actions) {
    if (name == joint) return action(line, team != nullptr ? team : std::make_shared<Team>());
  }
  require<UsageError>(team == nullptr, "command",
                      "expected train or ptq, the commands of several processes, got \"{}\"", name);
  return row_of(actions, name, [](const auto& row) { return row.first; }).second(line);
}

int exit_code_of(std::string_view program, const std::function<int()>& command) {
  const auto say = [&](std::string_view sentence) {
    if (!program.empty()) print_error(fmt::format("{}: {}", program, printable(sentence)));
  };
  try {
    return command();
  } catch (const UsageError& error) {
    say(error.what());
    return 2;
  } catch (const std::bad_alloc&) {
    say("there is not enough memory; a smaller model, batch or number of lanes needs less");
  } catch (const fs::filesystem_error& error) {
    say(fmt::format("[{}] the file system says: {}", error.path1().string(), error.code().message()));
  } catch (const std::exception& error) {
    say(error.what());
  }
  return 1;
}

}  // namespace bitstate::experiments
