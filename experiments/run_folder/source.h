// The run that another one starts from: the weights and running statistics of its best.h5.
#pragma once

#include "datasets/dataset.h"
#include "models/inventory.h"

#include <filesystem>
#include <string>

namespace bitstate::experiments {

struct RunConfig;

/// The folder that `from`, in the settings of the run in `run`, leads to: absolute, or relative to `run`. Runs with
/// checkpoints of format 2 kept it relative to where they were started: it is also looked for from the folders above
/// `run`, and from the working one.
std::filesystem::path source_folder(const std::filesystem::path& run, const std::filesystem::path& from);

/// `from` as the settings of the run in `run` keep it: relative to `run`, so that both may be moved together; absolute
/// where only the root is above both.
std::string source_text(const std::filesystem::path& run, const std::filesystem::path& from);

/// SHA-256 of the names and bits of all parameters, buffers and stored ranges in `run`/best.h5, or "" where there is no
/// such file. Throws Error when it is damaged.
std::string source_digest(const std::filesystem::path& run);

/// A warning where a run on the user's own data starts from one that was trained on other columns, for it reads its own
/// in the units of those; else "".
std::string other_columns(const RunConfig& config);

/// Sets parameters and buffers of config's model from `config.source.from`/best.h5, and stored ranges where the
/// source's rule for the site is the same; other ranges are not taken over. A source of another form
/// (stored_model of models/registry.h) is converted. Throws UsageError, naming the first tensor that differs, when the
/// file belongs to a model of another architecture, Error when it is damaged.
std::string load_source(const RunConfig& config, const datasets::Splits& data, const Inventory& inventory);

}  // namespace bitstate::experiments
