#include "models/s5/import.h"

#include "core/error.h"
#include "models/foreign_tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace bitstate {
namespace {

/// The tree under paths of slashes that begin below `params` and `batch_stats`.
NamedTensors tree_of(const NamedTensors& tensors) {
  NamedTensors tree{tensors.file, {}, {}};
  std::map<std::string, std::string> names;
  for (const auto& [name, shape] : tensors.shapes) {
    std::string path = name;
    std::replace(path.begin(), path.end(), '.', '/');
    for (const std::string_view root : {"params/", "batch_stats/"}) {
      if (path.starts_with(root)) path.erase(0, root.size());
    }
    require(tree.shapes.emplace(path, shape).second, tensors.file, "holds {} twice", path);
    names.emplace(path, name);
  }
  tree.read = [names, read = tensors.read](const std::string& path) { return read(names.at(path)); };
  return tree;
}

/// The path of a tensor of ours in the tree.
std::string path_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 9> parts = {{{"layers.", "layers_"},
                                                                                   {".ssm.", "/seq/"},
                                                                                   {".glu.", "/"},
                                                                                   {".running_mean", "/mean"},
                                                                                   {".running_variance", "/var"},
                                                                                   {"decoder.0.", "decoder/layer1."},
                                                                                   {"decoder.1.", "decoder/layer2."},
                                                                                   {".weight", "/kernel"},
                                                                                   {".", "/"}}};
  std::string path(name);
  for (const auto& [ours, theirs] : parts) {
    for (std::size_t at = path.find(ours); at != path.npos; at = path.find(ours, at + theirs.size())) {
      path.replace(at, ours.size(), theirs);
    }
  }
  return path.starts_with("decoder") ? path : "encoder/" + path;
}

/// [rows, cols] of pairs (re, im) as planes of rows.
std::vector<float> planes_of_rows(const std::vector<float>& pairs) {
  const std::size_t count = pairs.size() / 2;
  std::vector<float> planar(pairs.size());
  for (std::size_t i = 0; i < count; ++i) {
    planar[i] = pairs[2 * i];
    planar[count + i] = pairs[2 * i + 1];
  }
  return planar;
}

/// The columns [first, first + states) of [H, all] pairs (re, im) as [H, re | im].
std::vector<float> planes_of_columns(const std::vector<float>& pairs, std::size_t all, std::size_t first,
                                     std::size_t states) {
  std::vector<float> planar;
  for (std::size_t row = 0; row < pairs.size(); row += 2 * all) {
    for (std::size_t plane = 0; plane < 2; ++plane) {
      for (std::size_t p = first; p < first + states; ++p) planar.push_back(pairs[row + 2 * p + plane]);
    }
  }
  return planar;
}

std::vector<float> transposed(const std::vector<float>& numbers, std::size_t rows) {
  const std::size_t cols = numbers.size() / rows;
  std::vector<float> result(numbers.size());
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) result[c * rows + r] = numbers[r * cols + c];
  }
  return result;
}

/// Reads the tree into a model, and notes what it has read.
class Importer {
 public:
  Importer(const NamedTensors& tensors, bool tokens) : tree_(tree_of(tensors)), tokens_(tokens) {}

  void fill(const std::string& name, Tensor& value) {
    const std::string path = path_of(name);
    if (name.ends_with(".ssm.B")) {
      value.data = planes_of_rows(numbers(path, {value.rows / 2, value.cols, 2}));
    } else if (name.ends_with(".ssm.C") || name.ends_with(".ssm.C1") || name.ends_with(".ssm.C2")) {
      value.data = readout(path, value);
    } else if (name.ends_with(".log_step")) {
      value.data = numbers(path, {value.cols, 1});
    } else if (name == "encoder.weight" && tokens_) {
      value.data = numbers(path, {value.rows, value.cols});
    } else if (name.ends_with(".weight")) {
      value.data = transposed(numbers(path, {value.cols, value.rows}), value.cols);
    } else {
      value.data = numbers(path, {value.cols});
    }
  }

  void finish() const { require_all_used(tree_, used_); }

 private:
  std::vector<float> numbers(const std::string& path, const TensorShape& shape) {
    used_.insert(path);
    return numbers_of(tree_, path, shape);
  }

  /// C of one direction. With C_init = complex_normal both directions are one array C.
  std::vector<float> readout(const std::string& path, const Tensor& value) {
    const std::size_t states = value.cols / 2;
    const bool alone = path.ends_with("C") || tree_.shapes.contains(path);
    if (alone) return planes_of_columns(numbers(path, {value.rows, states, 2}), states, 0, states);
    const std::string both = path.substr(0, path.size() - 1);
    const std::size_t first = path.ends_with("1") ? 0 : states;
    return planes_of_columns(numbers(both, {value.rows, 2 * states, 2}), 2 * states, first, states);
  }

  NamedTensors tree_;
  bool tokens_;
  std::set<std::string> used_;
};

}  // namespace

void set_sizes(S5Settings& s, const NamedTensors& tensors) {
  const NamedTensors tree = tree_of(tensors);
  const auto has = [&](const std::string& path) { return tree.shapes.contains(path); };
  const std::string layer = "encoder/layers_0/";
  s.d_model = shape_of(tree, "encoder/encoder/kernel", 2)[1];
  s.n_layers = 1;
  while (has(fmt::format("encoder/layers_{}/seq/Lambda_re", s.n_layers))) ++s.n_layers;
  const std::size_t states = shape_of(tree, layer + "seq/Lambda_re", 1)[0];
  s.ssm_size_base = s.conj_sym ? 2 * states : states;
  if (states % s.blocks != 0) s.blocks = 1;  // which only initial values depend on
  s.bidirectional = has(layer + "seq/C2") || (has(layer + "seq/C") && shape_of(tree, layer + "seq/C", 3)[1] > states);
  s.batchnorm = has(layer + "norm/mean");
  s.use_layernorm_bias = s.batchnorm || has(layer + "norm/bias");
  if (has(layer + "out1/kernel")) {
    s.activation_fn = "full_glu";
  } else if (!has(layer + "out2/kernel")) {
    s.activation_fn = "gelu";
  } else if (s.activation_fn != "half_glu2") {
    s.activation_fn = "half_glu1";
  }
}

std::optional<ModelShape> shape_in(const S5Settings& /*settings*/, const NamedTensors& /*tensors*/) {
  return std::nullopt;
}

void import_weights(const S5Settings& /*settings*/, const ModelShape& shape, const NamedTensors& tensors,
                    const Inventory& inventory) {
  Importer importer(tensors, shape.tokens);
  for (const NamedParameter& p : inventory.parameters) importer.fill(p.name, p.parameter->value);
  for (const NamedBuffer& b : inventory.buffers) importer.fill(b.name, b.buffer->value);
  importer.finish();
}

}  // namespace bitstate
