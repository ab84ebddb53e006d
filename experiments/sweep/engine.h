// The runs of a sweep as tasks of GNU parallel or of Slurm.
#pragma once

#include "experiments/sweep/sweep_plan.h"

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace bitstate::experiments {

/// What both engines need of a sweep.
struct TaskList {
  std::filesystem::path out;
  std::string folder;       ///< where the commands are called, as a word for a shell
  std::string program;      ///< with its path, as a word for a shell
  std::string words;        ///< behind the program, without --threads; `--run=HASH` behind them does one run
  std::size_t jobs = 0;     ///< at once; 0: one of GNU parallel, any number of Slurm
  std::size_t threads = 1;  ///< of each run
};

/// Writes OUT/tasks.txt, one command per run, and returns the command that has GNU parallel do them. Throws Error.
std::string write_parallel_tasks(const TaskList& list, const std::vector<SweepRun>& runs);

/// Writes OUT/slurm/NUMBER/*.sh: an array of the runs that start from no other, one of those that do, and the report.
/// Arrays have at most 1,000 tasks, as many as Slurm takes by default; there may be several of either kind. Each call
/// has a folder of its own, because jobs that wait still read theirs. `time` is the limit of each, as sbatch takes it,
/// from check_time(). Each waits for the one before it. A run has as many threads as Slurm gives its task processors,
/// which are list.threads unless somebody edits the script. Throws Error.
std::vector<std::filesystem::path> write_slurm_scripts(const TaskList& list, const std::vector<SweepRun>& runs,
                                                       const std::string& time);

/// The scripts that write_slurm_scripts() would write now, each behind its path. Writes nothing. Throws Error.
std::string slurm_scripts_text(const TaskList& list, const std::vector<SweepRun>& runs, const std::string& time);

/// Throws UsageError unless `time` is a limit as sbatch takes it, of 5 minutes or more.
void check_time(const std::string& time);

/// Submits the scripts, each to begin when the one before it has ended. Returns the number of each job; of none
/// where there is no sbatch. Throws Error where it refuses; what is submitted then stays so and is named.
std::vector<std::string> submit_slurm(const std::vector<std::filesystem::path>& scripts);

}  // namespace bitstate::experiments
