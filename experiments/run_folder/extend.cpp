#include "experiments/run_folder/extend.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/text.h"
#include "experiments/run_folder/identity.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/run_folder/source.h"
#include "experiments/run_folder/text_files.h"

#include <algorithm>
#include <optional>
#include <string>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

/// The epochs of the run that wrote `checkpoint`, if these alone tell it from `wanted`.
std::optional<std::size_t> epochs_of_same(const fs::path& checkpoint, const RunIdentity& wanted) {
  const RunIdentity saved = identity_in(checkpoint);
  if (saved.rules != wanted.rules || saved.source != wanted.source) return {};
  const Settings own = completed(parse_ini(wanted.settings, "settings"), "settings");
  RunConfig before;
  for (const auto& [name, value] : completed(parse_ini(saved.settings, checkpoint.string()), checkpoint.string())) {
    if (name == "epochs") set_option(before, name, value);
    if (name != "epochs" && value_of(own, name) != value) return {};
  }
  return before.training.epochs;
}

}  // namespace

fs::path shorter_run(const RunConfig& config, const std::vector<fs::path>& finished) {
  const RunIdentity wanted = identity_of(config);
  fs::path found;
  std::size_t most = 0;
  for (const fs::path& folder : finished) {
    const fs::path checkpoint = folder / "checkpoint.h5";
    if (!fs::exists(checkpoint) || !fs::exists(folder / "best.h5")) continue;
    try {
      const std::size_t epochs = epochs_of_same(checkpoint, wanted).value_or(0);
      if (epochs <= most || epochs >= config.training.epochs) continue;
      most = epochs;
      found = folder;
    } catch (const Error&) {  // the run is trained from its beginning
    }
  }
  return found;
}

void extend_run(const RunConfig& config, const fs::path& shorter) {
  const fs::path folder = config.run.out;
  const datasets::Splits data = load_data(config, trained_on(shorter / "checkpoint.h5").reading);
  Model model = make_model(config, data);
  Inventory inventory = take_inventory(model);
  apply_quantization(config, inventory);
  Optimizer optimizer(inventory.parameters, optimizer_settings(config));
  write_file_atomically(folder / "extended_from.txt", source_text(folder, shorter) + "\n");
  if (fs::exists(shorter / "curves.csv")) {
    write_file_atomically(folder / "curves.csv", read_text(shorter / "curves.csv"));
  }
  // the checkpoint is the last, so that there is none without the rest
  for (const char* const name : {"best.h5", "checkpoint.h5"}) {
    Optimizer* const learns = std::string(name) == "checkpoint.h5" ? &optimizer : nullptr;
    RunIdentity identity = identity_in(shorter / name);
    identity.settings = identity_of(config).settings;
    const Progress progress = bitstate::load_checkpoint(shorter / name, inventory, learns);
    save_checkpoint(folder / name, identity, progress, inventory, learns);
  }
}

std::string extended_from(const fs::path& folder) {
  const fs::path mark = folder / "extended_from.txt";
  if (!fs::exists(mark)) return {};
  if (fs::exists(folder / "checkpoint.h5")) return std::string(trimmed(read_file(mark, std::size_t{1} << 16)));
  // the mark is the last, so that whoever is killed meanwhile does it again
  for (const char* const name : {"best.h5", "curves.csv", "extended_from.txt"}) fs::remove(folder / name);
  return {};
}

}  // namespace bitstate::experiments
