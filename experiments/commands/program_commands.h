// The commands of bitstate that write, run and measure integer programs.
#pragma once

#include "datasets/formats/table_settings.h"
#include "experiments/export/export_files.h"

#include <cstddef>
#include <filesystem>
#include <string>

namespace bitstate::experiments {

struct RunConfig;

/// Writes the program of a run in a format, if it is equal to the run, and runs what it wrote; returns the exit code.
int export_command(const RunConfig& config, const std::filesystem::path& run, const ExportOptions& options);

/// Runs a program file on the sequences of `input`: for classes one line per sequence (its number, the class,
/// the logits), else one line per step (for a value per sequence, one per sequence) in the units of the target. To
/// stdout, or to `out`. Of the input "-" a table comes through standard input: each step is run when its line has come,
/// if the program can stream, and its line of results is written at once.
int run_program_command(const std::filesystem::path& program, const std::filesystem::path& input,
                        const std::filesystem::path& out, std::size_t threads,
                        const datasets::TableSettings& settings = {});

}  // namespace bitstate::experiments
