// Models of ours in the layouts of the programs that publish checkpoints.
#pragma once

#include "core/io/named_tensors.h"
#include "core/random.h"
#include "models/inventory.h"
#include "models/model.h"
#include "tests/support/safetensors_file.h"

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::tests {

/// Gives every parameter and running statistic numbers of its own, so that none can stand for another.
inline void stir_all(Model& model) {
  Inventory inventory = take_inventory(model);
  const auto stir = [](const std::string& name, Tensor& value, double least) {
    const Random random{29, random_stream(name)};
    for (std::size_t i = 0; i < value.size(); ++i) {
      value.data[i] = static_cast<float>(value.data[i] + 0.1 * (least + random.uniform(i)));
    }
  };
  for (const NamedParameter& p : inventory.parameters) stir(p.name, p.parameter->value, -0.5);
  for (const NamedBuffer& b : inventory.buffers) stir(b.name, b.buffer->value, 0.0);
}

/// What state-spaces calls the parameters of a Mamba or Mamba-2, and their shapes there.
inline WrittenTensors state_spaces_layout(Model& model, bool mamba2) {
  WrittenTensors tensors;
  const Inventory inventory = take_inventory(model);
  for (const NamedParameter& p : inventory.parameters) {
    const Tensor& value = p.parameter->value;
    const std::string leaf = p.name.substr(p.name.rfind('.', p.name.rfind('.') - 1) + 1);
    std::string name = p.name == "lm_head.weight" ? p.name : "backbone." + p.name;
    std::vector<std::size_t> shape{value.rows, value.cols};
    const bool vector = leaf == "norm.weight" || leaf == "norm_f.weight" || leaf == "conv1d.bias" ||
                        leaf == "mixer.D" || leaf == "mixer.dt_bias" || (leaf == "mixer.A_log" && mamba2);
    if (vector) shape = {value.cols};
    if (leaf == "conv1d.weight") shape = {value.rows, 1, value.cols};
    if (leaf == "mixer.dt_bias" && !mamba2) name.replace(name.size() - 7, 7, "dt_proj.bias");
    tensors[name] = {shape, value.data};
  }
  return tensors;
}

/// A row of planar [rows, re | im] as pairs.
inline void append_pairs(std::vector<float>& pairs, const Tensor& planar, std::size_t row) {
  const std::size_t count = planar.cols / 2;
  for (std::size_t p = 0; p < count; ++p) pairs.insert(pairs.end(), {planar(row, p), planar(row, count + p)});
}

/// The parameter tree of S5 in JAX. `tokens`: the encoder is a table. `one_c`: C1 and C2 are one array, as with
/// C_init = complex_normal.
inline WrittenTensors s5_layout(Model& model, bool tokens, bool one_c = false) {
  WrittenTensors tree;
  const Inventory inventory = take_inventory(model);
  const auto tensor = [&](const std::string& name) -> const Tensor& {
    for (const NamedParameter& p : inventory.parameters) {
      if (p.name == name) return p.parameter->value;
    }
    throw std::logic_error("no parameter " + name);
  };
  const auto dense = [&](const std::string& path, const std::string& name, bool table = false) {
    const Tensor& w = tensor(name + ".weight");
    WrittenTensor kernel{{w.cols, w.rows}, {}};
    for (std::size_t c = 0; c < w.cols; ++c) {
      for (std::size_t r = 0; r < w.rows; ++r) kernel.numbers.push_back(w(r, c));
    }
    tree["params/" + path + "/kernel"] = table ? WrittenTensor{{w.rows, w.cols}, w.data} : kernel;
    tree["params/" + path + "/bias"] = {{tensor(name + ".bias").cols}, tensor(name + ".bias").data};
  };
  dense("encoder/encoder", "encoder", tokens);
  for (const NamedParameter& p : inventory.parameters) {
    const Tensor& value = p.parameter->value;
    const std::size_t dot = p.name.find('.', 7);
    const std::string leaf = p.name.substr(p.name.rfind('.') + 1);
    if (p.name.ends_with(".weight") && !p.name.starts_with("layers.") && p.name != "encoder.weight") {
      const std::string name = p.name.substr(0, p.name.size() - 7);
      dense(name == "decoder.0" ? "decoder/layer1" : name == "decoder.1" ? "decoder/layer2" : name, name);
    }
    if (!p.name.starts_with("layers.")) continue;
    const std::string layer = "encoder/layers_" + p.name.substr(7, dot - 7) + "/";
    if (p.name.find(".glu.") != p.name.npos && leaf == "weight") {
      const std::string name = p.name.substr(0, p.name.size() - 7);
      dense(layer + name.substr(name.rfind('.') + 1), name);
    }
    if (p.name.find(".norm.") != p.name.npos) tree["params/" + layer + "norm/" + leaf] = {{value.cols}, value.data};
    if (p.name.find(".ssm.") == p.name.npos) continue;
    WrittenTensor& w = tree["params/" + layer + "seq/" + (one_c && leaf == "C1" ? "C" : leaf)];
    if (leaf == "B") {
      w.shape = {value.rows / 2, value.cols, 2};
      for (std::size_t i = 0; i < value.size() / 2; ++i) {
        w.numbers.insert(w.numbers.end(), {value.data[i], value.data[value.size() / 2 + i]});
      }
    } else if (leaf[0] == 'C') {
      const bool both = one_c && leaf == "C1";
      w.shape = {value.rows, (both ? 2 : 1) * value.cols / 2, 2};
      for (std::size_t row = 0; row < value.rows; ++row) {
        append_pairs(w.numbers, value, row);
        if (both) append_pairs(w.numbers, tensor(p.name.substr(0, p.name.size() - 1) + "2"), row);
      }
    } else {
      w = {{value.cols}, value.data};
      if (leaf == "log_step") w.shape = {value.cols, 1};
    }
    if (one_c) tree.erase("params/" + layer + "seq/C2");
  }
  for (const NamedBuffer& b : inventory.buffers) {
    const std::string layer = b.name.substr(7, b.name.find('.', 7) - 7);
    const std::string leaf = b.name.ends_with("mean") ? "mean" : "var";
    tree["batch_stats/encoder/layers_" + layer + "/norm/" + leaf] = {{b.buffer->value.cols}, b.buffer->value.data};
  }
  return tree;
}

/// Tensors that are in memory.
inline NamedTensors in_memory(const WrittenTensors& written) {
  NamedTensors tensors{"the file", {}, {}};
  for (const auto& [name, tensor] : written) tensors.shapes[name] = tensor.shape;
  tensors.read = [written](const std::string& name) { return written.at(name).numbers; };
  return tensors;
}

}  // namespace bitstate::tests
