#include "experiments/commands.h"

#include "core/error.h"
#include "core/suggest.h"
#include "experiments/bench.h"
#include "experiments/bench_program.h"
#include "experiments/console.h"
#include "experiments/data_commands.h"
#include "experiments/embedded.h"
#include "experiments/inspect.h"
#include "experiments/make_data.h"
#include "experiments/program_commands.h"
#include "experiments/report.h"
#include "experiments/run_config.h"
#include "experiments/run_record.h"
#include "experiments/signals.h"
#include "experiments/sweep.h"
#include "experiments/sweep_check.h"
#include "experiments/trainer.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <thread>

namespace bitstate::experiments {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Command {
  std::string name;
  std::string arguments;
  std::string summary;
  std::vector<OptionInfo> options;
  int (*run)(const CommandLine& line);
};

/// Options of a run that change it without training and are no quantization.
constexpr std::array<std::string_view, 5> ptq_changes{"preset", "qgelu_approx", "hard_sigmoid", "scan", "balance"};

template <class Names>
bool contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void print_json(const json& figures) { fmt::print("{}\n", figures.dump()); }

const std::string* last_value(const CommandLine& line, std::string_view name) {
  const std::string* value = nullptr;
  for (const auto& [key, text] : line.options) {
    if (key == name) value = &text;
  }
  return value;
}

/// The one positional argument, or "". Throws UsageError if there are more.
std::string only_positional(const CommandLine& line, std::string_view command) {
  require<UsageError>(line.positionals.size() <= 1, command, "\"{}\" is one argument too many",
                      line.positionals.size() > 1 ? line.positionals[1] : std::string());
  return line.positionals.empty() ? std::string() : line.positionals.front();
}

int finish(const RunConfig& config, const TrainResult& result) {
  if (result.status != "done")
    print_line(fmt::format("{}: {}", result.status, result.reason.empty() ? "by a signal" : result.reason));
  print_line(fmt::format("run in {}", config.out));
  if (config.json) print_line(to_json(result));
  return result.exit_code;
}

int train_command(const CommandLine& line) {
  std::string recipe = only_positional(line, "train");
  const std::string* out = last_value(line, "out");
  const std::string* from = last_value(line, "from");
  const bool source = from != nullptr && !from->empty();
  if (recipe.empty() && !source && out != nullptr && fs::exists(fs::path(*out) / "settings.ini")) {
    recipe = (fs::path(*out) / "settings.ini").string();  // go on with a run that exists
  }
  require<UsageError>(!recipe.empty() || source, "train",
                      "needs a recipe: {}, or the path of an .ini file, or --from=RUN",
                      fmt::join(recipe_names(), ", "));
  RunConfig config = load_run_config(recipe, line.options);
  if (config.out.empty()) {
    const fs::path name = recipe.empty() ? fs::path(config.from).filename() : fs::path(recipe).stem();
    config.out = fmt::format("runs/{}-{}", name.string(), settings_hash(config));
  }
  return finish(config, train(config));
}

/// Options of a run that starts from `run` and is not trained, from those of the command line.
Settings ptq_options(const std::string& run, const Settings& given) {
  Settings options{{"from", run}, {"epochs", "0"}, {"calibration_batches", "8"}};
  bool changes = false;
  for (const auto& [name, value] : given) {
    if (name == "batches") {
      const bool digits = !value.empty() && value.size() < 7 && value.find_first_not_of("0123456789") == value.npos;
      require<UsageError>(digits, "batches", "expected a whole number from 0 to 999999, got \"{}\"", value);
    }
    changes = changes || is_quant_setting(name) || contains(ptq_changes, name);
    options.emplace_back(name == "batches" ? "calibration_batches" : name, value);
  }
  require<UsageError>(changes, "ptq", "needs what to change: --quant=FILE, --bits=RULE, a *_bits flag, or one of {}",
                      fmt::join(ptq_changes, ", "));
  return options;
}

int ptq_command(const CommandLine& line) {
  std::string run = only_positional(line, "ptq");
  require<UsageError>(!run.empty(), "ptq", "needs the folder of a run");
  RunConfig config = load_run_config("", ptq_options(run, line.options));
  if (config.out.empty()) config.out = fmt::format("{}-ptq-{}", config.from, settings_hash(config));
  return finish(config, train(config));
}

/// The settings of the run that is the one positional argument, with `options`; its folder is `out`.
RunConfig trained_run(const CommandLine& line, std::string_view command, const Settings& options) {
  const std::string run = only_positional(line, command);
  require<UsageError>(!run.empty(), command, "needs the folder of a run");
  const fs::path settings_file = fs::path(run) / "settings.ini";
  require<UsageError>(fs::exists(settings_file), run, "is not the folder of a run: it has no settings.ini");
  RunConfig config = load_run_config(settings_file.string(), options);
  config.out = run;
  config.from_digest.clear();  // the weights no longer depend on those of the source
  return config;
}

int eval_command(const CommandLine& line) {
  const RunConfig config = trained_run(line, "eval", line.options);
  const TrainResult result = evaluate(config, config.out);
  if (result.status == "done") {
    fmt::print("test {} {:.4f}  loss {:.4f}\n", result.metric_name, result.test_metric, result.test_loss);
  }
  return finish(config, result);
}

/// A whole number from 1 to `digits` nines.
std::size_t count_of(std::string_view name, const std::string& text, std::size_t digits) {
  const bool whole = !text.empty() && text.size() <= digits && text.find_first_not_of("0123456789") == text.npos;
  require<UsageError>(whole && text.find_first_not_of('0') != text.npos, name,
                      "expected a whole number from 1 to {}, got \"{}\"", std::string(digits, '9'), text);
  return static_cast<std::size_t>(std::stoul(text));
}

int inspect_command(const CommandLine& line) {
  Settings options = line.options;
  std::size_t samples = 64;
  std::erase_if(options, [&](const auto& option) {
    if (option.first != "samples") return false;
    samples = count_of("samples", option.second, 6);
    return true;
  });
  const RunConfig config = trained_run(line, "inspect", options);
  const Inspection inspection = inspect_run(config, config.out, samples);
  fmt::print("{}", inspection_text(inspection));
  if (config.json) fmt::print("{}\n", to_json(inspection));
  return 0;
}

/// Takes the options that have one of these names out of `options`.
Settings taken(Settings& options, const std::vector<std::string>& names) {
  Settings found;
  std::erase_if(options, [&](const auto& option) {
    if (!contains(names, option.first)) return false;
    found.push_back(option);
    return true;
  });
  return found;
}

int export_command(const CommandLine& line) {
  Settings options = line.options;
  ExportOptions wanted;
  for (const auto& [name, value] :
       taken(options, {"format", "out", "parity", "proof", "name", "adc_bits", "adc_lsb", "adc_offset"})) {
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
  return export_command(config, config.out, wanted);
}

int run_command_line(const CommandLine& line) {
  const std::string program = only_positional(line, "run");
  RunConfig config;
  std::string input;
  for (const auto& [name, value] : line.options) {
    if (name == "input") {
      input = value;
    } else {
      set_option(config, name, value);
    }
  }
  require<UsageError>(!program.empty() && !input.empty(), "run", "needs a program file and --input=FILE");
  return run_program_command(program, input, config.out, config.threads);
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
  }
  for (const auto& r : results) {
    fmt::print("{} {:<10} projected hours of a full training:", r.recipe, r.quant);
    for (std::size_t i = 0; i < r.run_hours.size(); ++i) {
      fmt::print(" {:.3g} on {} cores{}", r.run_hours[i], projected_cores[i], i + 1 < r.run_hours.size() ? "," : "\n");
    }
  }
  if (config.json) fmt::print("{}\n", to_json(results));
  return 0;
}

struct SweepOptions {
  Settings overrides;               ///< settings of every run
  std::vector<std::string> passed;  ///< options of each child's command line
  fs::path out;
  std::size_t jobs = 1;
  bool json = false;
};

SweepOptions sweep_options(const CommandLine& line) {
  SweepOptions options;
  RunConfig how;  // options that say how runs are done; they are not settings of the runs
  const Settings affecting = settings(how);
  for (const auto& [name, value] : line.options) {
    const auto same = [&key = name](const auto& setting) { return setting.first == key; };
    if (name == "jobs") {
      options.jobs = count_of(name, value, 3);
    } else if (name == "data" || std::any_of(affecting.begin(), affecting.end(), same)) {
      options.overrides.emplace_back(name, value);
    } else {
      set_option(how, name, value);
      if (name == "checkpoint_seconds") options.passed.push_back(fmt::format("--{}={}", name, value));
    }
  }
  const std::size_t threads = how.threads > 0 ? how.threads : std::max(1U, std::thread::hardware_concurrency());
  options.passed.push_back(fmt::format("--threads={}", std::max<std::size_t>(1, threads / options.jobs)));
  options.out = how.out;
  options.json = how.json;
  return options;
}

int sweep_command(const CommandLine& line) {
  const std::string file = only_positional(line, "sweep");
  require<UsageError>(!file.empty(), "sweep", "needs a sweep: {}, or the path of an .ini file",
                      fmt::join(embedded_names("sweeps"), ", "));
  SweepOptions options = sweep_options(line);
  const auto built_in = embedded_file("sweeps/" + file + ".ini");
  if (!built_in && !fs::exists(file)) {
    fail<UsageError>("sweep", "'{}' is neither built in nor a file{}", file,
                     suggestion(file, embedded_names("sweeps")));
  }
  if (options.out.empty()) options.out = fs::path("sweeps") / fs::path(file).stem();
  const auto plan = plan_sweep(built_in ? parse_ini(*built_in, file) : read_ini(file), file, options.overrides);
  say_line(fmt::format("checking {} runs", plan.size()), true);
  check_sweep(plan, options.out, file);

  ProcessLauncher launcher(options.passed);
  const SweepSummary s = run_sweep(plan, options.out, options.jobs, launcher, say_line);
  say_line("", true);
  fmt::print("{} runs: {} done, {} diverged, {} failed, {} had a result; bitstate report {} tabulates them\n",
             s.planned, s.done, s.diverged, s.failed, s.skipped, options.out.string());
  if (options.json) {
    print_json({{"planned", s.planned},
                {"skipped", s.skipped},
                {"done", s.done},
                {"diverged", s.diverged},
                {"failed", s.failed},
                {"interrupted", s.interrupted},
                {"out", options.out.string()}});
  }
  return exit_code(s);
}

int report_command(const CommandLine& line) {
  const std::vector<fs::path> dirs(line.positionals.begin(), line.positionals.end());
  const std::string* const given = last_value(line, "out");
  require<UsageError>(!dirs.empty(), "report", "needs the folder of a sweep or of runs");
  require<UsageError>(dirs.size() == 1 || given != nullptr, "report",
                      "tabulates {} folders together; --out=DIR says where their report goes", dirs.size());
  const fs::path out = given != nullptr ? fs::path(*given) : dirs.front();
  const Report report = write_report(dirs, out);
  const std::string page = (out / "index.html").string();
  fmt::print("{}\n{}\n", report_terminal(report), page);
  if (last_value(line, "json") != nullptr) {
    print_json({{"configurations", report.rows.size()},
                {"diverged", report.diverged.size()},
                {"running", report.running.size()},
                {"missing", report.missing.size()},
                {"repeated", report.repeated.size()},
                {"page", page}});
  }
  return 0;
}

/// Those of the run's options that have these names.
std::vector<OptionInfo> some_options(const std::vector<std::string>& names) {
  std::vector<OptionInfo> chosen;
  for (const auto& option : run_options()) {
    if (contains(names, option.name)) chosen.push_back(option);
  }
  return chosen;
}

std::vector<OptionInfo> ptq_option_infos() {
  std::vector<std::string> names{"quant", "bits", "bsz", "limit_train", "limit_test", "seed",
                                 "lanes", "data", "out", "threads",     "resume",     "json"};
  names.insert(names.end(), ptq_changes.begin(), ptq_changes.end());
  for (const auto& option : run_options()) {
    if (is_quant_setting(option.name)) names.push_back(option.name);
  }
  auto infos = some_options(names);
  infos.push_back({"batches", "training batches that set the ranges; 0 where none is kept [8]", false});
  return infos;
}

std::vector<Command> command_table() {
  auto sweep = run_options();
  sweep.push_back({"jobs", "runs at once; each gets its share of the threads [1]", false});
  auto report = some_options({"json"});
  report.push_back({"out", "folder of the report [DIR, if there is one]", false});
  auto inspect = some_options({"data", "json"});
  inspect.push_back({"samples", "training sequences that are evaluated [64]", false});
  auto exported = some_options({"data", "threads", "json"});
  exported.push_back({"out", "file to write, or folder of the C [program.h5, model.onnx or c in RUN]", false});
  exported.push_back({"format", "program: a file for bitstate run; c: C99 sources; onnx [program]", false});
  exported.push_back({"parity", "test sequences on which the result is compared with the run [all]", false});
  exported.push_back({"proof",
                      "auto: what is written is run, with cc or onnxruntime, where they are found; required: "
                      "or it is an error; none [auto]",
                      false});
  exported.push_back({"name", "c: begins the names of files, functions and (in capitals) macros [model]", false});
  exported.push_back({"adc_lsb", "c: what one count of an ADC stands for, or one number a column with commas", false});
  exported.push_back({"adc_offset", "c: what the count 0 stands for, likewise [0]", false});
  exported.push_back({"adc_bits", "c: bits of the ADC, s16 for signed counts of 16 [12]", false});
  auto run = some_options({"threads"});
  run.push_back({"out", "file of the table; default: standard output", false});
  run.push_back({"input", "sequences: a .csv, .h5 or idx file", false});
  auto data = some_options({"data", "threads"});
  data.push_back({"seed", "make: seed of every random draw [0]", false});
  data.push_back({"out", "make: folder of the generated data", false});
  data.push_back({"mirror", "fetch: address of a folder that holds the files; default: their publishers", false});
  for (const OptionInfo& option : make_options()) data.push_back(option);
  return {
      {"train", "RECIPE | --from=RUN", "trains one model, from the start or from the weights of a run", run_options(),
       train_command},
      {"ptq", "RUN --quant=FILE", "quantizes the best checkpoint of a run without training", ptq_option_infos(),
       ptq_command},
      {"eval", "RUN", "evaluates the best checkpoint of a run", run_options(), eval_command},
      {"inspect", "RUN", "shows bits, ranges, saturation and size of a trained model, and what is float in it", inspect,
       inspect_command},
      {"export", "RUN", "writes a trained run as an integer program, C or ONNX, and proves them equal", exported,
       export_command},
      {"run", "PROGRAM --input=FILE", "runs an exported integer program", run, run_command_line},
      {"sweep", "FILE.ini --out=DIR", "trains all runs of a sweep", sweep, sweep_command},
      {"report", "DIR...", "tabulates the runs of folders and of all folders below", report, report_command},
      {"data", "check|fetch|make [NAME]", "verifies data files, downloads them, generates data", data, data_command},
      {"bench", "[RECIPE | PROGRAM]", "measures the training step, or an exported program", run_options(),
       bench_command},
  };
}

std::string help_text(const std::vector<Command>& table) {
  std::string text = "bitstate: few-bit state-space models\n\nusage: bitstate COMMAND ...\n\n";
  for (const auto& command : table) {
    text += fmt::format("  {:<9}{:<21} {}\n", command.name, command.arguments, command.summary);
  }
  return text + "\nbitstate COMMAND --help lists the options of a command; --version prints the version.\n";
}

std::string help_text(const Command& command) {
  return fmt::format("usage: bitstate {} {}\n{}\n\nOptions stand here or, as name = value, in an .ini file.\n{}",
                     command.name, command.arguments, command.summary, options_help(command.options));
}

void print_version() { fmt::print("bitstate {}\n", BITSTATE_VERSION); }

}  // namespace

int run_command(const std::vector<std::string>& args) {
  const auto table = command_table();
  if (args.empty() || args.front() == "--help" || args.front() == "help") {
    fmt::print("{}", help_text(table));
    return args.empty() ? 2 : 0;
  }
  if (args.front() == "--version") {
    print_version();
    return 0;
  }
  std::vector<std::string> names;
  names.reserve(table.size());
  for (const auto& command : table) names.push_back(command.name);
  const auto named = [&](const Command& command) { return command.name == args.front(); };
  const auto command = std::find_if(table.begin(), table.end(), named);
  if (command == table.end()) {
    fail<UsageError>("command", "'{}' is not a command{}", args.front(), suggestion(args.front(), names));
  }
  const CommandLine line = parse_command_line({args.begin() + 1, args.end()}, command->options);
  if (line.help) {
    fmt::print("{}", help_text(*command));
    return 0;
  }
  if (line.version) {
    print_version();
    return 0;
  }
  return command->run(line);
}

}  // namespace bitstate::experiments
