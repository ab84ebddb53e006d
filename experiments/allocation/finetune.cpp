#include "experiments/allocation/finetune.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "experiments/host/console.h"
#include "experiments/run_folder/load.h"
#include "experiments/settings/options.h"

#include <fmt/format.h>

namespace bitstate::experiments {

void check_epochs(const Finetuning& tuning) {
  const auto file = std::filesystem::path(tuning.measurement.run) / "settings.ini";
  require<UsageError>(tuning.epochs || load_run_config(file.string(), {}).training.epochs > 0, "finetune_epochs",
                      "{} was not trained itself (epochs = 0); give the epochs of fine-tuning", tuning.measurement.run);
}

TrainResult finetune(const Finetuning& tuning, const std::string& rules, const std::filesystem::path& folder) {
  const std::string file = folder.string() + ".quant";
  std::filesystem::create_directories(folder.parent_path());
  write_file_atomically(file, rules);
  MeasurementOptions plain = tuning.measurement;
  std::erase_if(plain.overrides, [](const auto& setting) { return is_quant_setting(setting.first); });
  Settings more{{"quant", file}, {"from_lr_factor", "0.1"}, {"out", folder.string()}, {"resume", "true"}};
  if (tuning.epochs) {
    more.emplace_back("epochs", fmt::format("{}", *tuning.epochs));
  } else {
    more.emplace_back("from_epochs_factor", "0.333");
  }
  TrainResult result = train(config_from(plain, more, tuning.holds_out));
  if (result.status == "interrupted") throw Stopped{};
  if (result.status == "diverged") print_line(fmt::format("diverged: {}", result.reason));
  return result;
}

}  // namespace bitstate::experiments
