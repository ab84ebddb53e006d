#include "experiments/sweep/engine.h"

#include "core/error.h"
#include "core/io/atomic_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <string_view>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

std::string lines_of(const TaskList& list, const std::vector<SweepRun>& runs) {
  std::string lines;
  for (const SweepRun& run : runs)
    lines += fmt::format("cd {} && exec {} --run={}\n", list.folder, list.command, run.hash);
  return lines;
}

/// Hours, minutes and days as sbatch takes them; nothing that could be a second directive.
void check_time(const std::string& time) {
  const bool good = !time.empty() && time.find_first_not_of("0123456789:-") == std::string::npos &&
                    time.find_first_of("0123456789") == 0;
  require<UsageError>(good, "time", "expected minutes or [D-]HH:MM:SS as sbatch takes them, got \"{}\"", time);
}

/// A word of a #SBATCH line, which has its own quotes.
std::string directive_word(const fs::path& folder, std::string_view name) {
  const std::string text = fs::absolute(folder).lexically_normal().string();
  require(text.find_first_of("\"\n\\%") == std::string::npos, folder.string(),
          "is no folder for Slurm, whose scripts cannot name it: it has a quote, a backslash, a percent sign or a line "
          "break");
  return fmt::format("\"{}/{}\"", text, name);
}

/// USR1 comes two minutes before the limit: the run writes a checkpoint, ends with 75 and is queued again.
constexpr std::string_view array_script = R"(#!/bin/bash
#SBATCH --job-name=bitstate
#SBATCH --array=1-{count}%{jobs}
#SBATCH --time={time}{threads}
#SBATCH --requeue
#SBATCH --signal=B:USR1@120
#SBATCH --open-mode=append
#SBATCH --output={log}
task=$(sed -n "${{SLURM_ARRAY_TASK_ID}}p" {tasks})
bash -c "$task" &
child=$!
trap 'kill -USR1 "$child"' USR1
trap 'kill -TERM "$child"' TERM
wait "$child"
code=$?
while kill -0 "$child" 2> /dev/null; do  # a signal ended the waiting, not the task
  wait "$child"
  code=$?
done
if [ "$code" -eq 75 ]; then scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"; fi
exit "$code"
)";

constexpr std::string_view report_script = R"(#!/bin/bash
#SBATCH --job-name=bitstate-report
#SBATCH --time={time}
#SBATCH --output={log}
cd {folder} && exec {report}
)";

/// `text` as one word for a shell.
std::string single_quoted(const std::string& text) {
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

}  // namespace

std::string write_parallel_tasks(const TaskList& list, const std::vector<SweepRun>& runs) {
  const fs::path tasks = list.out / "tasks.txt";
  write_file_atomically(tasks, lines_of(list, runs));
  return fmt::format("parallel --jobs={} --joblog={} < {}", list.jobs,
                     single_quoted((list.out / "parallel.log").string()), single_quoted(tasks.string()));
}

std::vector<fs::path> write_slurm_scripts(const TaskList& list, const std::vector<SweepRun>& runs,
                                          const std::string& time) {
  check_time(time);
  const fs::path folder = list.out / "slurm";
  fs::create_directories(folder);
  const std::string threads = list.threads > 0 ? fmt::format("\n#SBATCH --cpus-per-task={}", list.threads) : "";
  std::vector<fs::path> scripts;
  const auto add = [&](const char* name, const std::string& text) {
    write_file_atomically(folder / name, text);
    scripts.push_back(folder / name);
  };
  for (const bool staged : {false, true}) {
    std::vector<SweepRun> part;
    std::copy_if(runs.begin(), runs.end(), std::back_inserter(part),
                 [&](const SweepRun& run) { return run.source.empty() != staged; });
    if (part.empty()) continue;
    const std::string name = staged ? "later" : "first";
    const fs::path tasks = folder / (name + ".txt");
    write_file_atomically(tasks, lines_of(list, part));
    add((name + ".sh").c_str(), fmt::format(array_script, fmt::arg("count", part.size()), fmt::arg("threads", threads),
                                            fmt::arg("jobs", list.jobs), fmt::arg("time", time),
                                            fmt::arg("log", directive_word(folder, "%A_%a.log")),
                                            fmt::arg("tasks", single_quoted(fs::absolute(tasks).string()))));
  }
  add("report.sh",
      fmt::format(report_script, fmt::arg("time", time), fmt::arg("log", directive_word(folder, "report.log")),
                  fmt::arg("folder", list.folder), fmt::arg("report", list.report)));
  return scripts;
}

std::vector<std::string> submit_slurm(const std::vector<fs::path>& scripts) {
  std::vector<std::string> jobs;
  for (const fs::path& script : scripts) {
    const std::string after = jobs.empty() ? "" : fmt::format(" --dependency=afterany:{}", jobs.back());
    const std::string command = fmt::format("sbatch --parsable{} {} 2>&1", after, single_quoted(script.string()));
    FILE* const pipe = ::popen(command.c_str(), "r");
    require(pipe != nullptr, "sbatch", "cannot be started");
    std::array<char, 256> line{};
    const bool said = std::fgets(line.data(), line.size(), pipe) != nullptr;
    const int status = ::pclose(pipe);
    const std::string done =
        jobs.empty() ? "nothing is submitted" : fmt::format("{} wait already", fmt::join(jobs, ", "));
    if (jobs.empty() && WIFEXITED(status) && WEXITSTATUS(status) == 127) return {};
    std::string job = said ? std::string(line.data()) : "";
    job = job.substr(0, job.find_first_of(";\n"));
    const bool number = !job.empty() && job.find_first_not_of("0123456789") == std::string::npos;
    require(status == 0 && number, script.string(), "sbatch does not take it ({}); {}", job, done);
    jobs.push_back(job);
  }
  return jobs;
}

}  // namespace bitstate::experiments
