#include "experiments/commands/sweep_command.h"

#include "core/error.h"
#include "core/suggest.h"
#include "experiments/commands/arguments.h"
#include "experiments/host/console.h"
#include "experiments/host/machine.h"
#include "experiments/host/process.h"
#include "experiments/host/version.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/settings/embedded.h"
#include "experiments/settings/options.h"
#include "experiments/settings/run_config.h"
#include "experiments/sweep/engine.h"
#include "experiments/sweep/run_folders.h"
#include "experiments/sweep/sweep.h"
#include "experiments/sweep/sweep_check.h"
#include "experiments/sweep/sweep_file.h"
#include "experiments/sweep/sweep_folder.h"
#include "experiments/sweep/sweep_forecast.h"
#include "experiments/sweep/sweep_view.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

struct SweepOptions {
  Settings overrides;               ///< settings of every run
  std::vector<std::string> passed;  ///< options of each child's command line
  fs::path out;
  std::size_t jobs = 1;
  std::size_t given_jobs = 0;  ///< by --jobs; 0: it was not given
  bool json = false;
  std::size_t threads = 1;  ///< of each run
  bool large = false;       ///< more than 1000 runs are meant
  bool extend = false;      ///< runs go on where shorter ones ended
  std::string engine = "local";
  std::string time = "24:00:00";  ///< limit of a job of Slurm
  std::string run;                ///< hash of the only run to do
  bool dry_run = false;           ///< nothing is trained
};

/// `given` by --threads (0: it was not given) are all threads of a local sweep, and those of each run on an engine.
std::size_t threads_of_run(const SweepOptions& options, std::size_t given) {
  if (options.engine == "slurm") return std::max<std::size_t>(1, given);
  if (options.engine == "parallel" && given > 0) return given;
  const std::size_t threads = given > 0 ? given : std::max(1U, std::thread::hardware_concurrency());
  return std::max<std::size_t>(1, threads / options.jobs);
}

SweepOptions sweep_options(const CommandLine& line) {
  SweepOptions options;
  RunConfig how;  // options that say how runs are done; they are not settings of the runs
  for (const auto& [name, value] : line.options) {
    const Option* const option = find_option(option_table(), name);
    if (name == "yes") {
      options.large = bitstate::options::read_flag(name, value);
    } else if (name == "dry_run") {
      options.dry_run = bitstate::options::read_flag(name, value);
    } else if (name == "extend") {
      options.extend = bitstate::options::read_flag(name, value);
    } else if (name == "engine") {
      require<UsageError>(is_one_of(value, std::array{"local", "parallel", "slurm"}), name,
                          "expected local, parallel or slurm, got \"{}\"", value);
      options.engine = value;
    } else if (name == "time_limit") {
      options.time = value;
    } else if (name == "run") {
      options.run = value;
    } else if (name == "jobs") {
      options.jobs = options.given_jobs = count_of(name, value, 3);
    } else if (name == "data" || name == "give_up" || (option != nullptr && option->affects_result)) {
      options.overrides.emplace_back(name, value);
    } else {
      set_option(how, name, value);
      if (is_one_of(name, std::array{"checkpoint_seconds", "memory", "tensorboard"}))
        options.passed.push_back(fmt::format("--{}={}", name, value));
    }
  }
  options.threads = threads_of_run(options, how.run.threads);
  if (options.engine == "slurm") check_time(options.time);
  options.passed.push_back(fmt::format("--threads={}", options.threads));
  options.out = how.run.out;
  options.json = how.run.json;
  return options;
}

/// The command line of one of many tasks, and of the plan.
std::string command_of_runs(CommandLine line) {
  std::erase_if(line.options, [](const auto& option) {
    return is_one_of(option.first, std::array{"engine", "time_limit", "run", "dry_run"});
  });
  return text_of(line, "sweep");
}

/// What a task is called with: it does one run, with the threads that it is given.
TaskList task_list(const CommandLine& line, const SweepOptions& options) {
  CommandLine one = line;
  std::erase_if(one.options, [](const auto& option) {
    return is_one_of(option.first, std::array{"jobs", "json", "threads"});
  });
  return {options.out,
          shell_word(fs::current_path().string()),
          shell_word(ChildProcesses::this_executable().string()),
          command_of_runs(one).substr(std::string_view("bitstate ").size()),
          options.given_jobs,
          options.threads};
}

/// Hands the runs over to another program.
int engine_command(const CommandLine& line, const SweepOptions& options, const RunsLeft& left) {
  if (left.busy > 0) fmt::print("already in progress elsewhere, so not handed over: {}\n", runs_text(left.busy));
  const std::vector<SweepRun>& runs = left.free;
  if (runs.empty()) {
    fmt::print("every {}run has a result; bitstate report {} tabulates them\n", left.busy > 0 ? "other " : "",
               options.out.string());
    return 0;
  }
  const TaskList list = task_list(line, options);
  if (options.engine == "parallel") {
    fmt::print("{}\n", write_parallel_tasks(list, runs));
    return 0;
  }
  const auto scripts = write_slurm_scripts(list, runs, options.time);
  const auto jobs = submit_slurm(scripts);
  if (jobs.empty()) fmt::print("there is no sbatch here, so nothing is submitted\n");
  for (std::size_t i = 0; i < scripts.size(); ++i) {
    fmt::print("{}{}\n", scripts[i].string(), jobs.empty() ? "" : fmt::format(" is job {}", jobs[i]));
  }
  return 0;
}

/// Says what the sweep would do, and does nothing.
int dry_run(const CommandLine& line, const SweepOptions& options, const std::vector<SweepRun>& plan,
            std::string_view where) {
  const bool unlimited = options.engine == "slurm" && options.given_jobs == 0;
  const std::string table = forecast(plan, options.out, where, unlimited ? plan.size() : options.jobs, options.threads);
  say_line("", true);
  fmt::print("{}", table);
  if (options.engine != "slurm") return 0;
  const auto folders = run_folders(plan, options.out);
  std::vector<SweepRun> left;
  std::copy_if(plan.begin(), plan.end(), std::back_inserter(left),
               [&](const SweepRun& run) { return !has_result(run, folders); });
  if (!left.empty()) fmt::print("{}", slurm_scripts_text(task_list(line, options), left, options.time));
  return 0;
}

}  // namespace

int sweep_command(const CommandLine& line) {
  const std::string file = only_positional(line, "sweep");
  require<UsageError>(!file.empty(), "sweep",
                      "needs a sweep (bitstate list sweeps names them) or the path of an .ini file");
  SweepOptions options = sweep_options(line);
  const auto built_in = embedded_file("sweeps/" + file + ".ini");
  if (!built_in && !fs::exists(file)) {
    fail<UsageError>("sweep", "'{}' is neither built in nor a file{}", file,
                     suggestion(file, embedded_names("sweeps")));
  }
  if (options.out.empty()) options.out = fs::path("sweeps") / fs::path(file).stem();
  const Settings text = built_in ? parse_ini(*built_in, file) : read_ini(file);
  const auto plan = plan_sweep(text, file, options.overrides, options.large);
  const auto wanted = options.run.empty() ? plan : runs_for(plan, options.run);
  say_line(fmt::format("checking {}", runs_text(wanted.size())), true);
  if (options.dry_run) return dry_run(line, options, wanted, file);
  const PivotKeys table = read_sweep_file(text, file, options.overrides).table;
  const std::string data = check_sweep(wanted, options.out, file);

  const PlanFile head{program_version(),
                      command_of_runs(line),
                      date_of_today(),
                      cpu_model(),
                      std::thread::hardware_concurrency(),
                      data,
                      {},
                      table};
  if (options.engine != "local") {
    const RunsLeft left = prepare_sweep(plan, wanted, options.out, head);
    say_line("", true);
    return engine_command(line, options, left);
  }
  ProcessLauncher launcher(options.passed);
  const SweepCall call{options.out, options.jobs, head, options.extend, options.run};
  const SweepSummary s = run_sweep(plan, call, launcher, say_line);
  say_line("", true);
  const auto where_any = [](std::size_t count, std::string_view what) {
    return count > 0 ? fmt::format("{} {}, ", count, what) : "";
  };
  fmt::print(
      "{}: {} done, {} diverged, {} failed, {}{}{}{}{}{} had a result before{}; bitstate report {} tabulates them\n",
      runs_text(s.planned), s.done, s.diverged, s.failed, where_any(s.given_up, "given up"),
      where_any(s.not_started, "not started"), where_any(s.stopped, "stopped"), where_any(s.left, "left"),
      where_any(s.elsewhere, "ended elsewhere"), s.skipped,
      s.skipped_given_up > 0 ? fmt::format(", {} of them given up", s.skipped_given_up) : "", options.out.string());
  if (options.json) {
    const nlohmann::json figures = {{"planned", s.planned},
                                    {"skipped", s.skipped},
                                    {"done", s.done},
                                    {"diverged", s.diverged},
                                    {"failed", s.failed},
                                    {"not_started", s.not_started},
                                    {"given_up", s.given_up},
                                    {"elsewhere", s.elsewhere},
                                    {"stopped", s.stopped},
                                    {"left", s.left},
                                    {"interrupted", s.interrupted},
                                    {"report", !s.no_report},
                                    {"out", options.out.string()}};
    fmt::print("{}\n", figures.dump());
  }
  return exit_code(s);
}

}  // namespace bitstate::experiments
