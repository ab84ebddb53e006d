#include "experiments/run_folder/import_run.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/io/folder_lock.h"
#include "core/io/safetensors.h"
#include "datasets/formats/npz.h"
#include "datasets/registry.h"
#include "experiments/run_folder/identity.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/run_folder/published_config.h"
#include "experiments/settings/options.h"
#include "experiments/training/checkpoint.h"
#include "models/import.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

NamedTensors open_checkpoint(const fs::path& file, const std::string& model) {
  const bool npz = file.extension() == ".npz";
  require<UsageError>(npz == (model == "s5"), "import",
                      "{}: weights of s5 are read from .npz files, those of mamba and mamba2 from safetensors",
                      file.string());
  return npz ? datasets::read_npz(file) : open_safetensors(file);
}

/// Throws `E` where `said`, by `who`, is not what the shapes tell.
template <class E>
void check_sizes(const Settings& said, const RunConfig& found, const std::string& who, const std::string& file) {
  RunConfig told = found;
  for (const auto& [name, value] : said) set_option(told, name, value);
  for (const auto& [name, value] : said) {
    const Option& option = *find_option(option_table(), name);
    require<E>(option.text(told) == option.text(found), who, "{} is {}, but the shapes of {} make it {}", name, value,
               file, option.text(found));
  }
}

void check_published(const PublishedConfig& published, const RunConfig& found, const NamedTensors& tensors) {
  check_sizes<Error>(published.sizes, found, published.file, tensors.file);
  const auto shape = shape_in(found.model, tensors);
  require(!published.vocabulary || !shape || *published.vocabulary == shape->inputs, published.file,
          "vocab_size makes {} tokens, but {} has {}", published.vocabulary.value_or(0), tensors.file,
          shape ? shape->inputs : 0);
  const bool tied = found.model.mamba.tie_embeddings;
  require(!published.tied.value_or(false) || tied, published.file,
          "tie_embeddings is true, but lm_head.weight of {} is not the table of tokens", tensors.file);
  require(published.tied.value_or(true) || !tied || tensors.shapes.contains("lm_head.weight"), published.file,
          "tie_embeddings is false, but {} has no lm_head.weight", tensors.file);
}

/// The settings that options, config.json and shapes make together.
RunConfig imported_config(const fs::path& checkpoint, const Settings& given, const std::string& model,
                          const NamedTensors& tensors) {
  const PublishedConfig published = published_config(checkpoint, model);
  Settings all{{"dataset", "own"}, {"model", model}};
  // a text of ids is one sequence without a window; ranges are calibrated by one window at a time
  const bool own = last_value(given, "dataset") == nullptr && model != "s5";
  if (own) all.insert(all.end(), {{"window", "512"}, {"bsz", "1"}});
  all.insert(all.end(), published.sizes.begin(), published.sizes.end());
  all.insert(all.end(), given.begin(), given.end());
  RunConfig found;
  set_options(found, all, "options");
  const RunConfig asked = found;
  set_sizes(found.model, tensors);
  check_published(published, found, tensors);
  check_sizes<UsageError>(given, found, "import", tensors.file);
  for (const Option& option : option_table()) {
    const std::string text = option.text(found);
    if (text != option.text(asked)) all.emplace_back(option.name, text);
  }
  return load_run_config("", all);
}

/// A checkpoint that tells what its data are like is for such data only.
void check_data(const RunConfig& config, const ModelShape& shape, const std::string& file) {
  if (config.dataset == "own") return;
  const ModelShape data = shape_of(datasets::shape(config.dataset).splits);
  const bool same = data.tokens == shape.tokens && data.inputs == shape.inputs && data.outputs == shape.outputs &&
                    data.output.output == shape.output.output;
  require<UsageError>(same, "dataset", "{} is for data that ask for one of {} tokens at every step, and {} is not so",
                      file, shape.inputs, config.dataset);
}

void require_new(const fs::path& folder) {
  for (const char* const name : {"settings.ini", "best.h5", "checkpoint.h5", "result.json"}) {
    require<UsageError>(!fs::exists(folder / name), "import", "{} already holds a run; choose another --out",
                        folder.string());
  }
}

}  // namespace

ImportedRun import_run(const fs::path& checkpoint, const Settings& given) {
  const std::string* const model_name = last_value(given, "model");
  require<UsageError>(model_name != nullptr, "import", "needs --model=mamba, mamba2 or s5");
  const NamedTensors tensors = open_checkpoint(checkpoint, *model_name);
  ImportedRun imported{imported_config(checkpoint, given, *model_name, tensors), {}};
  RunConfig& config = imported.config;
  if (config.run.out.empty()) config.run.out = fmt::format("runs/{}", checkpoint.stem().string());
  const fs::path folder = config.run.out;
  require_new(folder);

  datasets::Reading reading;
  if (const auto shape = shape_in(config.model, tensors)) {
    check_data(config, *shape, tensors.file);
    imported.shape = *shape;
    reading.inputs = shape->inputs;
    reading.outputs = shape->outputs;
  } else {
    const datasets::Splits data = load_data(config);
    imported.shape = shape_of(data);
    reading = data.reading;
  }
  Model model = bitstate::make_model(config.model, imported.shape, config.training.seed);
  const Inventory inventory = take_inventory(model);
  import_weights(config.model, imported.shape, tensors, inventory);
  imported.parameters = inventory.parameter_count();

  const FolderLock lock(folder);
  RunIdentity identity = identity_of(config);
  identity.reading = reading;
  save_checkpoint(folder / "best.h5", identity, {}, inventory, nullptr);
  write_file_atomically(folder / "settings.ini", settings_text(config));
  return imported;
}

}  // namespace bitstate::experiments
