#include "experiments/run/model_setup.h"

#include "core/error.h"
#include "models/s5/groups.h"
#include "models/s5/models.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace bitstate::experiments {

namespace {

/// Where generated data are kept between runs: $BITSTATE_CACHE, else bitstate in the user's cache folder; nowhere when
/// that cannot be written.
std::filesystem::path cache_folder() {
  std::filesystem::path folder;
  if (const char* const own = std::getenv("BITSTATE_CACHE")) {
    folder = own;
  } else if (const char* const cache = std::getenv("XDG_CACHE_HOME")) {
    folder = std::filesystem::path(cache) / "bitstate";
  } else if (const char* const home = std::getenv("HOME")) {
    folder = std::filesystem::path(home) / ".cache" / "bitstate";
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  return !folder.empty() && access(folder.c_str(), W_OK) == 0 ? folder : std::filesystem::path{};
}

}  // namespace

datasets::Splits load_data(const RunConfig& config, const std::optional<datasets::Reading>& reading) {
  datasets::DataOptions options;
  options.cache = cache_folder();
  options.data = config.data;
  options.trajectories = config.trajectories;
  options.tau = config.tau;
  options.contour_length = config.contour_length;
  options.input = split(config.input, ",");
  options.target = split(config.target, ",");
  options.window = config.window;
  options.stride = config.stride;
  options.horizon = config.horizon;
  options.task = config.task;
  options.reading = reading;
  options.val_split = config.val_split;
  options.limit_train = config.limit_train;
  options.limit_test = config.limit_test;
  return datasets::load(config.dataset, options);
}

OptimizerSettings optimizer_settings(const RunConfig& config) {
  OptimizerSettings settings;
  const OptConfig opt_config = opt_config_of(config.opt_config);
  settings.groups = s5_groups(opt_config, config.dt_global, config.a_training == "frozen");
  settings.method = method_of(opt_config);
  settings.weight_decay = config.weight_decay;
  return settings;
}

namespace {

/// The S5 model with the head that the data ask for.
Model s5_model(const S5Options& options, const datasets::Splits& data, std::uint64_t seed) {
  if (data.pairs) return S5Retrieval(options, seed);
  if (data.task == datasets::Task::regression) return S5Regressor(options, seed);
  return S5Classifier(options, seed);
}

}  // namespace

Model make_model(const RunConfig& config, const datasets::Splits& data) {
  S5Options options;
  options.inputs = data.d_input;
  options.tokens = data.tokens;
  options.outputs = data.d_output;
  options.layers = config.n_layers;
  options.pool_last = config.mode == "last";
  options.values = data.task == datasets::Task::value;
  options.p_dropout = config.p_dropout;
  S5LayerOptions& layer = options.layer;
  layer.sizes.H = config.d_model;
  layer.sizes.P_full = config.ssm_size_base;
  layer.sizes.blocks = config.blocks;
  layer.sizes.conj_sym = config.conj_sym;
  layer.sizes.bidirectional = config.bidirectional;
  layer.sizes.C_init = c_init_of(config.C_init);
  layer.sizes.dt_min = config.dt_min;
  layer.sizes.dt_max = config.dt_max;
  layer.discretize.method =
      config.discretization == "bilinear" ? ops::Discretization::bilinear : ops::Discretization::zoh;
  layer.discretize.clip_eigs = config.clip_eigs;
  layer.discretize.step_rescale = config.step_rescale;
  layer.activation = activation_of(config.activation_fn);
  layer.prenorm = config.prenorm;
  layer.batchnorm = config.batchnorm;
  layer.qgelu = config.qgelu_approx;
  layer.hard_sigmoid = config.hard_sigmoid;
  layer.use_layernorm_bias = config.use_layernorm_bias;
  layer.scan_tree = config.scan == "tree";
  layer.quantize_gradients = config.quantize_gradients;
  Model model = s5_model(options, data, config.seed);
  if (config.a_training == "discrete") {
    for (S5SSM* ssm : ssms(model)) ssm->make_discrete();
  }
  return model;
}

std::string rules_origin(const RunConfig& config) {
  return config.quant == "none" ? "bits" : std::filesystem::path(config.quant).filename().string();
}

void apply_quantization(const RunConfig& config, Inventory& inventory) {
  quantize_sites(inventory, QuantConfig::parse(quant_rules(config), rules_origin(config)));
}

}  // namespace bitstate::experiments
