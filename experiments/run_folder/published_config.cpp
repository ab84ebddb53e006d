#include "experiments/run_folder/published_config.h"

#include "core/error.h"
#include "core/io/atomic_file.h"

#include <nlohmann/json.hpp>

#include <array>
#include <string_view>
#include <system_error>
#include <utility>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t max_config_bytes = std::size_t{1} << 20;

/// Keys and the options that they are here.
using Names = std::pair<const char*, const char*>;
constexpr std::array<Names, 2> sizes_of_model = {{{"d_model", "d_model"}, {"n_layer", "n_layers"}}};
constexpr std::array<Names, 4> sizes_of_mixer = {
    {{"d_state", "d_state"}, {"d_conv", "d_conv"}, {"expand", "expand"}, {"dt_rank", "dt_rank"}}};
constexpr std::array<Names, 2> sizes_of_mamba2 = {{{"headdim", "headdim"}, {"ngroups", "ngroups"}}};

class ConfigReader {
 public:
  explicit ConfigReader(std::string file) : file_(std::move(file)) {}

  std::optional<std::size_t> whole(const json& object, const char* key) const {
    if (!object.contains(key) || object[key] == "auto") return std::nullopt;
    require(object[key].is_number_unsigned(), file_, "{} is not a whole number", key);
    return object[key].get<std::size_t>();
  }

  std::optional<bool> flag(const json& object, const char* key) const {
    if (!object.contains(key)) return std::nullopt;
    require(object[key].is_boolean(), file_, "{} is neither true nor false", key);
    return object[key].get<bool>();
  }

  template <std::size_t N>
  void add(const json& object, const std::array<Names, N>& names, Settings& sizes) const {
    for (const auto& [key, option] : names) {
      if (const auto size = whole(object, key)) sizes.emplace_back(option, std::to_string(*size));
    }
  }

 private:
  std::string file_;
};

std::optional<std::size_t> padded_vocabulary(const ConfigReader& read, const json& config, const std::string& file) {
  const auto size = read.whole(config, "vocab_size");
  if (!size) return std::nullopt;
  const std::size_t multiple = read.whole(config, "pad_vocab_size_multiple").value_or(1);
  constexpr std::size_t limit = std::size_t{1} << 32;
  require(multiple > 0 && multiple <= limit && *size <= limit, file, "vocab_size is {} in multiples of {}", *size,
          multiple);
  return (*size + multiple - 1) / multiple * multiple;
}

void check_family(const json& mixer, const std::string& model, const std::string& file) {
  if (!mixer.contains("layer")) return;
  const std::string expected = model == "mamba2" ? "Mamba2" : "Mamba1";
  require(mixer["layer"] == expected, file, "the layer of ssm_cfg is {}; expected {} for --model={}",
          mixer["layer"].dump(-1, ' ', true), expected, model);
}

}  // namespace

PublishedConfig published_config(const fs::path& checkpoint, const std::string& model) {
  std::error_code ignored;
  const fs::path file = (fs::is_directory(checkpoint, ignored) ? checkpoint : checkpoint.parent_path()) / "config.json";
  PublishedConfig published;
  published.file = file.string();
  if (!fs::exists(file, ignored)) return published;
  const json config = json::parse(read_file(file, max_config_bytes), nullptr, false);
  require(config.is_object(), published.file, "is no JSON object");
  const ConfigReader read(published.file);
  require(read.flag(config, "rms_norm").value_or(true), published.file,
          "rms_norm is false; models with LayerNorm are not read");
  read.add(config, sizes_of_model, published.sizes);
  published.vocabulary = padded_vocabulary(read, config, published.file);
  published.tied = read.flag(config, "tie_embeddings");
  if (!config.contains("ssm_cfg")) return published;
  const json& mixer = config["ssm_cfg"];
  require(mixer.is_object(), published.file, "ssm_cfg is no JSON object");
  check_family(mixer, model, published.file);
  read.add(mixer, sizes_of_mixer, published.sizes);
  if (model == "mamba2") {
    read.add(mixer, sizes_of_mamba2, published.sizes);
    if (const auto before = read.flag(mixer, "norm_before_gate")) {
      published.sizes.emplace_back("norm_before_gate", *before ? "true" : "false");
    }
  }
  return published;
}

}  // namespace bitstate::experiments
