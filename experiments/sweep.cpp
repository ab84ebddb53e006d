#include "experiments/sweep.h"

#include "core/atomic_file.h"
#include "core/error.h"
#include "experiments/run_record.h"
#include "experiments/suggest.h"
#include "experiments/trainer.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace bitstate::experiments {

namespace {

struct Axis {
  std::string name;
  std::vector<std::string> values;
};

struct SweepFile {
  std::string recipe;
  Settings fixed;
  std::vector<Axis> axes;  ///< other than quant, in the order of the file
  Axis quant{"quant", {}};
  Axis seeds{"seed", {}};
};

std::vector<std::string> values_of(const std::string& name, std::string_view text, std::string_view where) {
  auto values = split(text, name == "bits" ? "|" : " \t,");
  require<UsageError>(!values.empty(), where, "'{}' has no values", name);
  return values;
}

SweepFile read_sweep(const Settings& file, std::string_view where) {
  SweepFile sweep;
  for (const auto& [name, value] : file) {
    if (name == "recipe") {
      sweep.recipe = value;
    } else if (name == "seeds") {
      sweep.seeds.values = values_of(name, value, where);
    } else if (name == "quant") {
      sweep.quant.values = values_of(name, value, where);
    } else if (name.rfind("set.", 0) == 0) {
      sweep.fixed.emplace_back(name.substr(4), value);
    } else if (name.rfind("axis.", 0) == 0) {
      const std::string option = name.substr(5);
      sweep.axes.push_back({option, values_of(option, value, where)});
    } else {
      fail<UsageError>(where, "'{}' is not a key of a sweep{}; also set.OPTION and axis.OPTION are", name,
                       suggestion(name, {"recipe", "seeds", "quant"}));
    }
  }
  return sweep;
}

/// All axes in the order in which they nest, seeds innermost. An option may stand only once.
std::vector<Axis> nested_axes(const SweepFile& sweep, const Settings& fixed, std::string_view where) {
  std::vector<Axis> axes = sweep.axes;
  for (const Axis& axis : {sweep.quant, sweep.seeds}) {
    if (!axis.values.empty()) axes.push_back(axis);
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto& name = axes[i].name;
    const bool set = std::any_of(fixed.begin(), fixed.end(), [&](const auto& item) { return item.first == name; });
    require<UsageError>(!set, where, "'{}' is both set and an axis", name);
    for (std::size_t j = 0; j < i; ++j) {
      require<UsageError>(axes[j].name != name, where, "'{}' is an axis twice", name);
    }
  }
  return axes;
}

/// Without a recipe the runs take the settings of the run that they start from.
bool names_source(const Settings& fixed, const std::vector<Axis>& axes) {
  return std::any_of(fixed.begin(), fixed.end(), [](const auto& item) { return item.first == "from"; }) ||
         std::any_of(axes.begin(), axes.end(), [](const Axis& axis) { return axis.name == "from"; });
}

/// Steps `digits` to the next point of the product, the last axis fastest; false after the last one.
bool advance(std::vector<std::size_t>& digits, const std::vector<Axis>& axes) {
  for (std::size_t i = axes.size(); i-- > 0;) {
    if (++digits[i] < axes[i].values.size()) return true;
    digits[i] = 0;
  }
  return false;
}

RunConfig float_reference(const RunConfig& config) {
  RunConfig reference = config;
  reference.quant = "none";
  reference.quant_text.clear();
  reference.bits.clear();
  for (auto field : {&RunConfig::a_bits, &RunConfig::b_bits, &RunConfig::c_bits, &RunConfig::d_bits,
                     &RunConfig::ssm_act_bits, &RunConfig::non_ssm_bits, &RunConfig::non_ssm_act_bits}) {
    reference.*field = std::nullopt;
  }
  return reference;
}

std::string seconds_text(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
}

/// Holds `dir`/.lock, so that two sweeps never work in one folder. The kernel lets go of it when the process ends.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& dir) {
    const auto path = dir / ".lock";
    file_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    require(file_ >= 0, path.string(), "cannot be written: {}", std::strerror(errno));
    if (flock(file_, LOCK_EX | LOCK_NB) != 0) {
      close(file_);
      fail(dir.string(), "another sweep works in this folder");
    }
  }
  ~FolderLock() { close(file_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int file_ = -1;
};

/// The state of one call of run_sweep().
class SweepProgress {
 public:
  SweepProgress(std::size_t jobs, const SweepSay& say) : jobs_(jobs), say_(say) {}

  SweepSummary summary;

  void started(int job, const SweepRun& run, std::filesystem::path folder) {
    running_[job] = {&run, std::move(folder), Clock::now()};
  }
  [[nodiscard]] std::size_t running() const { return running_.size(); }

  void ended(const RunLauncher::Event& event) {
    const auto found = running_.find(event.job);
    if (found == running_.end()) return;
    const Job job = found->second;
    running_.erase(found);
    const double seconds = std::chrono::duration<double>(Clock::now() - job.since).count();
    const RunRecord record = read_run(job.folder);
    if (record.status == RunRecord::Status::missing && event.exit_code == 75) {
      say_(fmt::format("stopped   {}: goes on from its checkpoint", job.run->label), false);
      return;
    }
    total_seconds_ += seconds;
    ++counted_;
    say_(outcome(record, job.run->label, event.exit_code) + fmt::format("  ({})", seconds_text(seconds)), false);
  }

  void show() const {
    const std::size_t finished = summary.skipped + summary.done + summary.diverged + summary.failed;
    std::string line = fmt::format("{}/{} runs, {} running", finished, summary.planned, running_.size());
    if (counted_ > 0) {
      const double mean = total_seconds_ / static_cast<double>(counted_);
      double left = mean * static_cast<double>(summary.planned - finished);
      for (const auto& [id, job] : running_) {
        left -= std::min(mean, std::chrono::duration<double>(Clock::now() - job.since).count());
      }
      line += fmt::format(", about {} left", seconds_text(std::max(0.0, left) / static_cast<double>(jobs_)));
    }
    say_(line, true);
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Job {
    const SweepRun* run = nullptr;
    std::filesystem::path folder;
    Clock::time_point since;
  };

  /// Counts the run and says what became of it.
  std::string outcome(const RunRecord& record, const std::string& label, int exit_code) {
    if (record.status == RunRecord::Status::done) {
      ++summary.done;
      const std::string name = "test_" + record.metric;
      return fmt::format("done      {}: {} {:.6g}", label, name, record.figures.at(name));
    }
    if (record.status == RunRecord::Status::diverged) {
      ++summary.diverged;
      return fmt::format("diverged  {}: {}", label, record.reason);
    }
    ++summary.failed;
    return fmt::format("failed    {}: exit code {}, {}; see {}", label, exit_code, record.reason,
                       (record.folder / "train.log").string());
  }

  std::size_t jobs_;
  const SweepSay& say_;
  std::map<int, Job> running_;
  double total_seconds_ = 0.0;
  std::size_t counted_ = 0;
};

}  // namespace

std::vector<SweepRun> plan_sweep(const Settings& file, std::string_view where, const Settings& overrides) {
  const SweepFile sweep = read_sweep(file, where);
  Settings fixed = sweep.fixed;
  fixed.insert(fixed.end(), overrides.begin(), overrides.end());
  const std::vector<Axis> axes = nested_axes(sweep, fixed, where);
  require<UsageError>(!sweep.recipe.empty() || names_source(fixed, axes), where,
                      "names neither a recipe nor, by set.from, a run to start from");

  std::vector<SweepRun> runs;
  std::map<std::string, bool> planned;
  const auto plan = [&](const RunConfig& config, const std::string& label) {
    const std::string hash = settings_hash(config);
    if (planned.emplace(hash, true).second) runs.push_back({config, hash, label});
  };
  std::vector<std::size_t> digits(axes.size(), 0);
  do {
    Settings options = fixed;
    std::vector<std::string> quantized, others;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const auto& value = axes[i].values[digits[i]];
      options.emplace_back(axes[i].name, value);
      (is_quant_setting(axes[i].name) ? quantized : others).push_back(axes[i].name + "=" + value);
    }
    const RunConfig config = load_run_config(sweep.recipe, options);
    std::vector<std::string> reference = others;
    reference.insert(reference.begin(), "float");
    plan(float_reference(config), fmt::format("{}", fmt::join(reference, " ")));
    quantized.insert(quantized.end(), others.begin(), others.end());
    plan(config, fmt::format("{}", fmt::join(quantized, " ")));
  } while (advance(digits, axes));
  return runs;
}

SweepSummary run_sweep(const std::vector<SweepRun>& plan, const std::filesystem::path& out, std::size_t jobs,
                       RunLauncher& launcher, const SweepSay& say) {
  std::filesystem::create_directories(out / "runs");
  const FolderLock lock(out);
  SweepProgress progress(jobs, say);
  progress.summary.planned = plan.size();
  bool checked = false;  // all runs have the same data
  std::vector<const SweepRun*> left;
  for (const auto& run : plan) {
    const auto folder = out / "runs" / run.hash;
    if (has_result(folder)) {
      if (!checked && std::filesystem::exists(folder / "best.h5")) {
        check_own_data(run.config, folder);
        checked = true;
      }
      ++progress.summary.skipped;
      continue;
    }
    // written before anything runs, so that a report can list what is missing
    std::filesystem::create_directories(folder);
    write_file_atomically(folder / "settings.ini", format_ini(settings(run.config)));
    left.push_back(&run);
  }
  std::reverse(left.begin(), left.end());

  while (progress.running() > 0 || (!left.empty() && !progress.summary.interrupted)) {
    while (!left.empty() && progress.running() < jobs && !progress.summary.interrupted) {
      const SweepRun& run = *left.back();
      left.pop_back();
      const auto folder = out / "runs" / run.hash;
      progress.started(launcher.start(run, folder), run, folder);
    }
    progress.show();
    const auto event = launcher.wait();
    if (event.kind == RunLauncher::Event::Kind::ended) progress.ended(event);
    if (event.kind == RunLauncher::Event::Kind::stop) progress.summary.interrupted = true;
  }
  return progress.summary;
}

ProcessLauncher::ProcessLauncher(std::vector<std::string> options) : options_(std::move(options)) {}

int ProcessLauncher::start(const SweepRun& /*run*/, const std::filesystem::path& folder) {
  std::vector<std::string> command{ChildProcesses::this_program().string(), "train", (folder / "settings.ini").string(),
                                   "--out=" + folder.string()};
  if (std::filesystem::exists(folder / "checkpoint.h5")) command.push_back("--resume=true");
  command.insert(command.end(), options_.begin(), options_.end());
  return children_.start(command, folder / "train.log");
}

RunLauncher::Event ProcessLauncher::wait() {
  const auto event = children_.wait(1.0);
  switch (event.kind) {
    case ChildProcesses::Event::Kind::ended:
      return {Event::Kind::ended, event.child, event.exit_code};
    case ChildProcesses::Event::Kind::signal:
      children_.send(event.signal);
      return {Event::Kind::stop, 0, 0};
    case ChildProcesses::Event::Kind::nothing:
      break;
  }
  return {};
}

}  // namespace bitstate::experiments
