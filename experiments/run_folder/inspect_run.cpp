#include "experiments/run_folder/inspect_run.h"

#include "core/error.h"
#include "experiments/run_folder/identity.h"
#include "experiments/run_folder/model_setup.h"

namespace bitstate::experiments {

Inspection inspect_run(const RunConfig& config, const std::filesystem::path& run, std::size_t sequences) {
  const auto best = run / "best.h5";
  require(std::filesystem::exists(best), "inspect", "{} holds no best.h5: it is not the folder of a trained run",
          run.string());
  const datasets::Splits data = load_data(config, trained_on(best).reading);
  Model model = make_model(config, data);
  Inventory inventory = take_inventory(model);
  apply_quantization(config, inventory);
  load_checkpoint(best, identity_of(config), inventory, nullptr);
  Inspection result = inspect(model, inventory, *data.train, sequences, padded_length(config, data));
  result.run = run.string();
  return result;
}

}  // namespace bitstate::experiments
