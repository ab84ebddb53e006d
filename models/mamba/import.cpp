#include "models/mamba/import.h"

#include "core/error.h"
#include "models/foreign_tensors.h"

#include <fmt/format.h>

#include <cstring>
#include <set>
#include <string>
#include <string_view>

namespace bitstate {
namespace {

constexpr std::string_view head = "lm_head.weight";

/// The table of tokens: transformers writes it in the plural.
std::string table_name(const NamedTensors& tensors) {
  const std::string plural = "backbone.embeddings.weight";
  return tensors.shapes.contains(plural) ? plural : "backbone.embedding.weight";
}

/// What a tensor of ours is called there.
std::string foreign_name(const MambaSettings& settings, const NamedTensors& tensors, const std::string& name) {
  if (name == "embedding.weight") return table_name(tensors);
  if (name == head) return name;
  constexpr std::string_view bias = ".dt_bias";
  if (!settings.mamba2 && name.ends_with(bias)) {
    return fmt::format("backbone.{}.dt_proj.bias", name.substr(0, name.size() - bias.size()));
  }
  return "backbone." + name;
}

/// The shape that a tensor of ours has there.
TensorShape foreign_shape(const MambaSettings& settings, const std::string& name, const Tensor& tensor) {
  if (name.ends_with(".conv1d.weight")) return {tensor.rows, 1, tensor.cols};
  const bool matrix = name.ends_with("_proj.weight") || name == "embedding.weight" || name == head ||
                      (name.ends_with(".A_log") && !settings.mamba2);
  return matrix ? TensorShape{tensor.rows, tensor.cols} : TensorShape{tensor.cols};
}

bool same_numbers(const NamedTensors& tensors, const std::string& a, const std::string& b) {
  const auto first = tensors.read(a);
  const auto second = tensors.read(b);
  return first.size() == second.size() && std::memcmp(first.data(), second.data(), first.size() * sizeof(float)) == 0;
}

/// `whole` / `part`. Throws Error where it is no whole number.
std::size_t ratio(const NamedTensors& tensors, std::size_t whole, std::size_t part, std::string_view what) {
  require(whole > 0 && part > 0 && whole % part == 0, tensors.file, "{} would be {} / {}, no whole number", what, whole,
          part);
  return whole / part;
}

void set_sizes_of_mamba(MambaSettings& s, const NamedTensors& tensors, const std::string& mixer) {
  s.d_state = shape_of(tensors, mixer + "A_log", 2)[1];
  const std::size_t columns = shape_of(tensors, mixer + "x_proj.weight", 2)[0];
  require(columns > 2 * s.d_state, tensors.file, "{}x_proj.weight has {} rows; with d_state {} expected more than {}",
          mixer, columns, s.d_state, 2 * s.d_state);
  const std::size_t rank = columns - 2 * s.d_state;
  if (s.dt_rank > 0 || rank != (s.d_model + 15) / 16) s.dt_rank = rank;
}

void set_sizes_of_mamba2(MambaSettings& s, const NamedTensors& tensors, const std::string& mixer) {
  const std::size_t inner = s.expand * s.d_model;
  s.headdim = ratio(tensors, inner, shape_of(tensors, mixer + "dt_bias", 1)[0], "headdim");
  const std::size_t channels = shape_of(tensors, mixer + "conv1d.weight", 3)[0];
  require(channels > inner, tensors.file, "{}conv1d.weight has {} channels; with expand {} expected more than {}",
          mixer, channels, s.expand, inner);
  s.d_state = ratio(tensors, channels - inner, 2 * s.ngroups, fmt::format("d_state with ngroups {}", s.ngroups));
}

}  // namespace

void set_sizes(MambaSettings& s, const NamedTensors& tensors) {
  const std::string table = table_name(tensors);
  s.d_model = shape_of(tensors, table, 2)[1];
  s.n_layers = 1;
  while (tensors.shapes.contains(fmt::format("backbone.layers.{}.norm.weight", s.n_layers))) ++s.n_layers;
  const std::string mixer = "backbone.layers.0.mixer.";
  const std::string_view family = tensors.shapes.contains(mixer + "x_proj.weight") ? "mamba" : "mamba2";
  require(s.mamba2 == (family == "mamba2"), tensors.file, "holds the tensors of {0}; --model={0} imports them", family);
  s.expand = ratio(tensors, shape_of(tensors, mixer + "out_proj.weight", 2)[1], s.d_model, "expand");
  s.d_conv = shape_of(tensors, mixer + "conv1d.weight", 3)[2];
  (s.mamba2 ? set_sizes_of_mamba2 : set_sizes_of_mamba)(s, tensors, mixer);
  s.tie_embeddings = !tensors.shapes.contains(head) || same_numbers(tensors, table, std::string(head));
}

std::optional<ModelShape> shape_in(const MambaSettings& /*settings*/, const NamedTensors& tensors) {
  const std::size_t vocabulary = shape_of(tensors, table_name(tensors), 2)[0];
  return ModelShape{vocabulary, true, vocabulary, {Output::class_per_step}};
}

void import_weights(const MambaSettings& settings, const ModelShape& /*shape*/, const NamedTensors& tensors,
                    const Inventory& inventory) {
  std::set<std::string> used;
  if (settings.tie_embeddings) used.emplace(head);
  for (const NamedParameter& p : inventory.parameters) {
    Tensor& value = p.parameter->value;
    const std::string name = foreign_name(settings, tensors, p.name);
    value.data = numbers_of(tensors, name, foreign_shape(settings, p.name, value));
    used.insert(name);
  }
  require_all_used(tensors, used);
}

}  // namespace bitstate
