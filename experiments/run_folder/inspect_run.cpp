#include "experiments/run_folder/inspect_run.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "experiments/inspect/device_report.h"
#include "experiments/run_folder/identity.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/settings/run_config.h"
#include "experiments/training/export_model.h"

namespace bitstate::experiments {
namespace {

/// The best weights of a run, and its data.
struct TrainedRun {
  datasets::Splits data;
  Model model;
  Inventory inventory;

  TrainedRun(const RunConfig& config, const std::filesystem::path& run)
      : data(load_data(config, trained_on(best_of(run)).reading)),
        model(make_model(config, data)),
        inventory(take_inventory(model)) {
    apply_quantization(config, inventory);
    load_checkpoint(best_of(run), identity_of(config), inventory, nullptr);
  }

  static std::filesystem::path best_of(const std::filesystem::path& run) {
    auto best = run / "best.h5";
    require(std::filesystem::exists(best), "inspect", "{} holds no best.h5: it is not the folder of a trained run",
            run.string());
    return best;
  }
};

}  // namespace

Inspection inspect_run(const RunConfig& config, const std::filesystem::path& run, std::size_t sequences) {
  const TrainedRun trained(config, run);
  Inspection result =
      inspect(trained.model, trained.inventory, *trained.data.train, sequences, padded_length(config, trained.data));
  result.run = run.string();
  return result;
}

void write_inspection(const Model& model, const Inventory& inventory, const datasets::Dataset& part,
                      std::size_t padded_length, const std::filesystem::path& folder) {
  constexpr std::size_t sequences = 4;
  const Inspection inspection = inspect(model, inventory, part, sequences, padded_length);
  write_file_atomically(folder / "sites.csv", sites_csv(inspection));
  write_file_atomically(folder / "eigenvalues.csv", eigenvalues_csv(inspection));
  datasets::Example example;
  part.read(0, example);
  const auto program = part_program(model, first_step(example), 0, all_parts, padded_length);
  if (!program || !program::can_stream(*program)) return;
  std::vector<const program::Device*> devices;
  for (const program::Device& device : program::devices()) devices.push_back(&device);
  write_file_atomically(folder / "instructions.csv", instructions_csv(device_report(*program, devices)));
}

StepSettings step_settings(const RunConfig& config, const datasets::Splits& data, const Inventory& inventory) {
  StepSettings step;
  step.padded_length = padded_length(config, data);
  step.norm_backward = config.training.norm_backward;
  step.act_backward = config.training.act_backward;
  if (const auto top = config.source.top_blocks) step.frozen_layers = inventory.layer_count() - *top;
  step.metric = metric_of(data);
  return step;
}

MemoryLedger memory_of_run(const RunConfig& config, const std::filesystem::path& run) {
  TrainedRun trained(config, run);
  const StepSettings step = step_settings(config, trained.data, trained.inventory);
  if (step.frozen_layers) freeze_below(trained.inventory, *step.frozen_layers);
  MemoryLedger result = memory_ledger(trained.model, trained.inventory, *trained.data.train, step);
  result.run = run.string();
  return result;
}

}  // namespace bitstate::experiments
