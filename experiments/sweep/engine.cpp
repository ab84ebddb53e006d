#include "experiments/sweep/engine.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/text.h"
#include "experiments/host/process.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <regex>
#include <string_view>
#include <utility>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

/// A command for each run; `threads` is a word for a shell.
std::string lines_of(const TaskList& list, const std::vector<SweepRun>& runs, std::string_view threads) {
  std::string lines;
  for (const SweepRun& run : runs) {
    lines += fmt::format("cd {} && exec {} {} --threads={} --run={}\n", list.folder, list.program, list.words, threads,
                         run.hash);
  }
  return lines;
}

constexpr std::size_t most_tasks = 1000;  // Slurm's MaxArraySize is 1001, and an index is below it

/// The first folder in `parent`, called by a number, that `take` takes.
template <class Take>
fs::path numbered_folder(const fs::path& parent, const Take& take) {
  for (std::size_t number = 1;; ++number) {
    if (fs::path folder = parent / std::to_string(number); take(folder)) return folder;
  }
}

struct SlurmFile {
  fs::path path;
  std::string text;

  [[nodiscard]] bool is_script() const { return path.extension() == ".sh"; }
};

/// A word of a #SBATCH line, which has its own quotes.
std::string directive_word(const fs::path& folder, std::string_view name) {
  const std::string text = fs::absolute(folder).lexically_normal().string();
  require(text.find_first_of("\"\n\\%") == std::string::npos, folder.string(),
          "is no folder for Slurm, whose scripts cannot name it: it has a quote, a backslash, a percent sign or a line "
          "break");
  return fmt::format("\"{}/{}\"", text, name);
}

/// USR1 comes two minutes before the limit: the run writes a checkpoint, ends with 75 and is queued again. TERM is
/// scancel or a preemption: the run ends with 75, too, and what follows is Slurm's own affair.
constexpr std::string_view array_script = R"(#!/bin/bash
#SBATCH --job-name=bitstate
#SBATCH --array=1-{count}{jobs}
#SBATCH --time={time}
#SBATCH --cpus-per-task={threads}
#SBATCH --requeue
#SBATCH --signal=B:USR1@120
#SBATCH --open-mode=append
#SBATCH --output={log}
program={program}
if [ ! -x "$program" ]; then
  echo "$(uname -n) has no $program, with which this sweep was submitted" >&2
  exit 127
fi
task=$(sed -n "${{SLURM_ARRAY_TASK_ID}}p" {tasks})
if [ -z "$task" ]; then
  echo "line ${{SLURM_ARRAY_TASK_ID}} of "{tasks}" holds no task" >&2
  exit 1
fi
bash -c "$task" &
child=$!
limit=far
trap 'limit=near; kill -USR1 "$child"' USR1
trap 'kill -TERM "$child"' TERM
wait "$child"
code=$?
while kill -0 "$child" 2> /dev/null; do  # a signal ended the waiting, not the task
  wait "$child"
  code=$?
done
if [ "$code" -eq 75 ] && [ "$limit" = near ]; then scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"; fi
exit "$code"
)";

constexpr std::string_view report_script = R"(#!/bin/bash
#SBATCH --job-name=bitstate-report
#SBATCH --time={time}
#SBATCH --output={log}
cd {folder} && exec {program} report {out}
)";

/// The scripts in the order in which they are to be submitted, and the lists of tasks that they read.
std::vector<SlurmFile> slurm_files(const TaskList& list, const std::vector<SweepRun>& runs, const std::string& time,
                                   const fs::path& folder) {
  const std::string at_once = list.jobs > 0 ? fmt::format("%{}", list.jobs) : "";
  std::vector<SlurmFile> files;
  const auto add_array = [&](const std::string& name, const std::vector<SweepRun>& part) {
    const fs::path tasks = folder / (name + ".txt");
    files.push_back({tasks, lines_of(list, part, "\"${SLURM_CPUS_PER_TASK:-1}\"")});
    files.push_back({folder / (name + ".sh"),
                     fmt::format(array_script, fmt::arg("count", part.size()), fmt::arg("threads", list.threads),
                                 fmt::arg("jobs", at_once), fmt::arg("time", time), fmt::arg("program", list.program),
                                 fmt::arg("log", directive_word(folder, "%A_%a.log")),
                                 fmt::arg("tasks", shell_word(fs::absolute(tasks).string())))});
  };
  for (const bool staged : {false, true}) {
    std::vector<SweepRun> part;
    for (std::size_t i = 0, arrays = 0; i < runs.size(); ++i) {
      if (runs[i].source.empty() != staged) part.push_back(runs[i]);
      if (part.empty() || (i + 1 < runs.size() && part.size() < most_tasks)) continue;
      add_array(fmt::format("{}{}", staged ? "later" : "first", arrays > 0 ? fmt::format("-{}", arrays + 1) : ""),
                part);
      part.clear();
      ++arrays;
    }
  }
  files.push_back({folder / "report.sh",
                   fmt::format(report_script, fmt::arg("time", time),
                               fmt::arg("log", directive_word(folder, "report.log")), fmt::arg("folder", list.folder),
                               fmt::arg("program", list.program), fmt::arg("out", shell_word(list.out.string())))});
  return files;
}

/// The exit status of a command as waitpid() gives it, and what it prints. Throws Error.
std::pair<int, std::string> output_of(const std::string& command) {
  FILE* const pipe = ::popen(command.c_str(), "r");
  require(pipe != nullptr, command, "cannot be started");
  std::string text;
  std::array<char, 4096> part{};
  while (const std::size_t count = std::fread(part.data(), 1, part.size(), pipe)) text.append(part.data(), count);
  return {::pclose(pipe), text};
}

}  // namespace

void check_time(const std::string& time) {
  // nothing that could be a second directive
  static const std::regex form(R"((?:(\d{1,4})-)?(\d{1,6})(?::(\d{1,6}))?(?::(\d{1,6}))?)");
  std::smatch parts;
  require<UsageError>(std::regex_match(time, parts, form), "time_limit",
                      "expected minutes or [D-]HH:MM:SS as sbatch takes them, got \"{}\"", time);
  const auto part = [&](std::size_t i) { return parts[i].matched ? std::stol(parts[i].str()) : 0L; };
  const long unit = parts[1].matched || parts[4].matched ? 3600 : 60;  // one or two numbers begin with minutes
  const long seconds = part(1) * 86400 + part(2) * unit + part(3) * unit / 60 + part(4);
  require<UsageError>(seconds >= 300, "time_limit",
                      "expected 5 minutes or more, of which the last two are for the checkpoint, got \"{}\"", time);
}

std::string write_parallel_tasks(const TaskList& list, const std::vector<SweepRun>& runs) {
  const fs::path tasks = list.out / "tasks.txt";
  write_file_atomically(tasks, lines_of(list, runs, std::to_string(list.threads)));
  return fmt::format("parallel --jobs={} --joblog={} < {}", std::max<std::size_t>(1, list.jobs),
                     shell_word((list.out / "parallel.log").string()), shell_word(tasks.string()));
}

std::vector<fs::path> write_slurm_scripts(const TaskList& list, const std::vector<SweepRun>& runs,
                                          const std::string& time) {
  fs::create_directories(list.out / "slurm");
  const fs::path folder =
      numbered_folder(list.out / "slurm", [](const fs::path& next) { return fs::create_directory(next); });
  std::vector<fs::path> scripts;
  for (const SlurmFile& file : slurm_files(list, runs, time, folder)) {
    write_file_atomically(file.path, file.text);
    if (file.is_script()) scripts.push_back(file.path);
  }
  return scripts;
}

std::string slurm_scripts_text(const TaskList& list, const std::vector<SweepRun>& runs, const std::string& time) {
  const fs::path folder = numbered_folder(list.out / "slurm", [](const fs::path& next) { return !fs::exists(next); });
  std::string text;
  for (const SlurmFile& file : slurm_files(list, runs, time, folder)) {
    if (file.is_script()) text += fmt::format("\n{}:\n{}", file.path.string(), file.text);
  }
  return text;
}

std::vector<std::string> submit_slurm(const std::vector<fs::path>& scripts) {
  static const std::regex number(R"(^(\d+)(;.*)?$)", std::regex::multiline);
  std::vector<std::string> jobs;
  for (const fs::path& script : scripts) {
    const std::string after = jobs.empty() ? "" : fmt::format(" --dependency=afterany:{}", jobs.back());
    const auto [status, said] =
        output_of(fmt::format("sbatch --parsable{} {} 2>&1", after, shell_word(script.string())));
    if (jobs.empty() && WIFEXITED(status) && WEXITSTATUS(status) == 127) return {};
    std::smatch job;  // among what a site's own sbatch tells
    require(status == 0 && std::regex_search(said, job, number), script.string(), "is refused by sbatch ({}); {}",
            fmt::join(split(said, "\n"), "; "),
            jobs.empty() ? "nothing is submitted" : fmt::format("{} wait already", fmt::join(jobs, ", ")));
    jobs.push_back(job[1].str());
  }
  return jobs;
}

}  // namespace bitstate::experiments
