// A finished run that is trained for more epochs, as a run of its own.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace bitstate::experiments {

struct RunConfig;

/// The one of `finished`, folders of runs, that differs from `config` in nothing but fewer epochs, and has the most of
/// these; empty where there is none. Runs whose checkpoint cannot be read are passed over.
std::filesystem::path shorter_run(const RunConfig& config, const std::vector<std::filesystem::path>& finished);

/// Gives config.run.out, which holds no checkpoint yet, that of the run in `shorter`, from shorter_run(): resumed, the
/// run goes on where that one ended. extended_from.txt says so. Throws Error where a file cannot be read or written.
void extend_run(const RunConfig& config, const std::filesystem::path& shorter);

/// The shorter run that the run in `folder` goes on from, or empty, to be asked before it writes. Where there is no
/// checkpoint it begins anew, and the rest of what extend_run() wrote is taken away. Throws Error.
std::string extended_from(const std::filesystem::path& folder);

}  // namespace bitstate::experiments
