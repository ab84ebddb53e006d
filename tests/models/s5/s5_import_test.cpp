// Parameter trees of S5 that were trained elsewhere.
#include "models/s5/import.h"

#include "core/error.h"
#include "tests/support/models/published_layout.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

namespace bitstate::tests::s5_import_test {
namespace {

S5Settings small() {
  S5Settings s;
  s.n_layers = 2;
  s.d_model = 6;
  s.ssm_size_base = 8;
  s.blocks = 2;
  return s;
}

ModelShape shape_with(Output output, bool tokens = false, std::size_t sequences = 1) {
  return {5, tokens, 3, {output, sequences}};
}

/// Whether a model that is imported has the numbers of ours.
bool comes_back(const S5Settings& settings, const ModelShape& shape, const WrittenTensors& tree, Model& ours) {
  S5Settings found;
  found.activation_fn = settings.activation_fn;
  found.conj_sym = settings.conj_sym;
  set_sizes(found, in_memory(tree));
  CHECK(found.n_layers == settings.n_layers);
  CHECK(found.d_model == settings.d_model);
  CHECK(found.ssm_size_base == settings.ssm_size_base);
  CHECK(found.bidirectional == settings.bidirectional);
  CHECK(found.batchnorm == settings.batchnorm);
  CHECK(found.use_layernorm_bias == settings.use_layernorm_bias);
  CHECK(found.activation_fn == settings.activation_fn);
  Model model = make_model(found, shape, 8);
  const Inventory theirs = take_inventory(model);
  import_weights(found, shape, in_memory(tree), theirs);
  const Inventory own = take_inventory(ours);
  const bool parameters = std::equal(own.parameters.begin(), own.parameters.end(), theirs.parameters.begin(),
                                     theirs.parameters.end(), [](const auto& a, const auto& b) {
                                       return a.name == b.name && a.parameter->value.data == b.parameter->value.data;
                                     });
  return parameters &&
         std::equal(own.buffers.begin(), own.buffers.end(), theirs.buffers.begin(), theirs.buffers.end(),
                    [](const auto& a, const auto& b) { return a.buffer->value.data == b.buffer->value.data; });
}

TEST_CASE("import s5: trees of all kinds of models come back bit for bit") {
  std::vector<S5Settings> all(6, small());
  all[1].activation_fn = "full_glu";
  all[2].activation_fn = "gelu";
  all[2].bidirectional = true;
  all[3].activation_fn = "half_glu2";
  all[3].batchnorm = false;
  all[4].conj_sym = false;
  all[5].batchnorm = all[5].use_layernorm_bias = false;
  for (const S5Settings& settings : all) {
    for (const ModelShape& shape : {shape_with(Output::values_per_step), shape_with(Output::class_per_sequence, true),
                                    shape_with(Output::class_per_sequence, true, 2)}) {
      Model model = make_model(settings, shape, 7);
      stir_all(model);
      WrittenTensors tree = s5_layout(model, shape.tokens);
      CHECK(comes_back(settings, shape, tree, model));
      WrittenTensors dotted;
      for (const auto& [name, tensor] : tree) {
        std::string path = name.substr(name.find('/') + 1);
        std::replace(path.begin(), path.end(), '/', '.');
        dotted[path] = tensor;
      }
      CHECK(comes_back(settings, shape, dotted, model));
    }
  }
}

TEST_CASE("import s5: both directions of C may be one array") {
  S5Settings settings = small();
  settings.bidirectional = true;
  const ModelShape shape = shape_with(Output::values_per_step);
  Model model = make_model(settings, shape, 7);
  stir_all(model);
  CHECK(comes_back(settings, shape, s5_layout(model, false, true), model));
}

TEST_CASE("import s5: what makes another model is refused with its path") {
  const ModelShape shape = shape_with(Output::values_per_step);
  Model model = make_model(small(), shape, 7);
  const WrittenTensors whole = s5_layout(model, false);
  const auto refusal = [&](const WrittenTensors& tree) {
    return error_of<Error>([&] {
      S5Settings found;
      set_sizes(found, in_memory(tree));
      Model made = make_model(found, shape, 8);
      import_weights(found, shape, in_memory(tree), take_inventory(made));
    });
  };
  CHECK(refusal(whole).empty());
  for (const auto& [name, tensor] : whole) {
    WrittenTensors tree = whole;
    tree.erase(name);
    CHECK(contains(refusal(tree), name.find("layers_") != name.npos ? "layers_" : name.substr(name.find('/') + 1)));
    tree = whole;
    tree[name].shape.push_back(1);
    CHECK(contains(refusal(tree), name.substr(name.find('/') + 1)));
  }
  WrittenTensors more = whole;
  more["params/encoder/layers_0/seq/E"] = {{1}, {0.0F}};
  CHECK(contains(refusal(more), "holds encoder/layers_0/seq/E, which this model does not have"));
  more = whole;
  more["encoder.encoder.bias"] = more["params/encoder/encoder/bias"];
  CHECK(contains(refusal(more), "holds encoder/encoder/bias twice"));
}

}  // namespace
}  // namespace bitstate::tests::s5_import_test
