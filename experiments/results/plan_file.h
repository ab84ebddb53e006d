// plan.json in the folder of a sweep: what was planned, in which order and under which labels. The sweep writes it; the
// report takes the order and the labels of its rows from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace bitstate::experiments {

struct PlanRun {
  std::uint64_t seed = 0;
  std::string hash;    ///< settings_hash(), 16 hex digits
  std::string folder;  ///< its name below runs/
};

/// Runs that differ in nothing but the seed.
struct PlanRow {
  std::string label;  ///< for humans
  std::string stage;  ///< empty in a sweep without stages
  std::vector<PlanRun> runs;
};

/// Keys of rows by which a report lays them out (report/pivot.h). Both or neither are empty.
struct PivotKeys {
  std::string rows;
  std::string columns;

  bool operator==(const PivotKeys&) const = default;
};

struct PlanFile {
  std::string program;    ///< program_version() of the last call of the sweep
  std::string command;    ///< its command line
  std::string date;       ///< its day, in UTC
  std::string cpu;        ///< the machine's processor
  std::size_t cores = 0;  ///< that the machine has; 0: not known
  std::string data;       ///< digest of the data, where all runs have the same and it is known; else empty
  std::vector<PlanRow> rows;
  PivotKeys pivot = {};  ///< what the sweep's file names
};

bool has_seed(const PlanRow& row, std::uint64_t seed);

/// The plan.json of `sweep`; nothing where there is none. Throws Error naming the file when it is damaged or of a newer
/// version.
std::optional<PlanFile> read_plan_file(const std::filesystem::path& sweep);

/// Writes plan.json into `sweep`, atomically. Throws Error naming the file.
void write_plan_file(const std::filesystem::path& sweep, const PlanFile& plan);

/// `plan` with what was known `before` it: rows keep the order of `plan`, and each run stands once. Other seeds of a
/// row are added to it; what `plan` does not hold at all stands behind.
PlanFile merged(PlanFile plan, const PlanFile& before);

}  // namespace bitstate::experiments
