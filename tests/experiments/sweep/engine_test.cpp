#include "experiments/sweep/engine.h"

#include "core/io/atomic_file.h"
#include "core/text.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

namespace bitstate::experiments {

TEST_CASE("engine: arrays of Slurm have at most 1,000 tasks, and each run is in one of them") {
  const tests::TempFolder out;
  std::vector<SweepRun> runs(2101);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    runs[i].hash = std::to_string(i);
    if (i % 21 == 20) runs[i].source = "0";
  }
  const auto scripts = write_slurm_scripts({out.path(), "/", "bitstate", "sweep", 0, 3}, runs, "1:00:00");
  std::vector<std::string> names;
  for (const auto& script : scripts) names.push_back(script.filename().string());
  CHECK(names == std::vector<std::string>{"first.sh", "first-2.sh", "first-3.sh", "later.sh", "report.sh"});
  const auto text = [&](const char* name) { return read_file(out / "slurm/1" / name, 1U << 20U); };
  CHECK(text("first-2.sh").find("#SBATCH --array=1-1000\n") != std::string::npos);
  CHECK(text("first-3.sh").find("#SBATCH --array=1-1\n") != std::string::npos);
  CHECK(text("later.sh").find("#SBATCH --array=1-100\n") != std::string::npos);
  CHECK(text("later.sh").find("#SBATCH --cpus-per-task=3\n") != std::string::npos);
  std::set<std::string> tasks;
  for (const char* const list : {"first.txt", "first-2.txt", "first-3.txt", "later.txt"}) {
    for (const std::string& task : split(text(list), "\n")) tasks.insert(task);
  }
  CHECK(tasks.size() == 2101);
}

}  // namespace bitstate::experiments
