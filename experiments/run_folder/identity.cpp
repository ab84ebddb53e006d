#include "experiments/run_folder/identity.h"

#include "core/error.h"
#include "datasets/splits.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/model_setup.h"

namespace bitstate::experiments {

RunIdentity identity_of(const RunConfig& config) {
  return {format_ini(kept_settings(config)), quant_rules(config), config.source.digest};
}

std::optional<std::string> trained_rules(const std::filesystem::path& folder) {
  for (const char* const name : {"best.h5", "checkpoint.h5"}) {
    if (!std::filesystem::exists(folder / name)) continue;
    try {
      return identity_in(folder / name).rules;
    } catch (const NewerVersion&) {
      throw;
    } catch (const Error&) {  // whoever needs this file says what is damaged
    }
  }
  return std::nullopt;
}

TrainedOn trained_on(const std::filesystem::path& file) {
  const RunIdentity trained = identity_in(file);
  return {value_of(parse_ini(trained.settings, file.string()), "dataset"), trained.reading};
}

void check_identity(const std::filesystem::path& file, const RunIdentity& run) {
  const RunIdentity trained = identity_in(file);
  const Settings own = completed(parse_ini(run.settings, "settings"), "settings");
  const Settings saved = completed(parse_ini(trained.settings, file.string()), file.string());
  for (const auto& [name, value] : saved) {
    const std::string wanted = value_of(own, name);
    const bool same = name == "from" ? value.empty() == wanted.empty() : value == wanted;
    require(same, "checkpoint",
            "{} was trained with {}={}, but this run has {}={}; a run resumes with its own settings only",
            file.string(), name, value, name, wanted);
  }
  require(trained.rules == run.rules, "checkpoint",
          "{} was trained with other quantization rules than those that its settings stand for now; restore the .quant "
          "file, or go on without naming it",
          file.string());
  require(run.source.empty() || trained.source == run.source, "checkpoint",
          "{} started from other weights than those that from={} holds now", file.string(), value_of(saved, "from"));
  require(run.data.empty() || trained.data == run.data, "checkpoint",
          "{} was trained on other data than those that are there now; restore them, or choose another --out",
          file.string());
}

Progress load_checkpoint(const std::filesystem::path& file, const RunIdentity& run, const Inventory& inventory,
                         Optimizer* optimizer) {
  check_identity(file, run);
  return bitstate::load_checkpoint(file, inventory, optimizer);
}

void check_own_data(const RunConfig& config, const std::filesystem::path& folder) {
  const auto best = folder / "best.h5";
  if (own_paths(config).empty() || !std::filesystem::exists(best)) return;
  RunIdentity now = identity_of(config);
  now.data = datasets::digest(load_data(config, trained_on(best).reading));
  check_identity(best, now);
}

}  // namespace bitstate::experiments
