#include "experiments/run_folder/load.h"
#include "experiments/run_folder/model_setup.h"

#include "datasets/registry.h"

#include <doctest/doctest.h>

#include <string>

namespace bitstate::experiments {
namespace {

/// The table of S5's run scripts (lindermanlab/S5, commit 3c18fdb): one task a row.
struct PublishedRow {
  std::string name;
  std::size_t layers, H, P_full, blocks;
  std::string activation, C_init, opt_config;
  bool dt_global, clip;
  double ssm_lr, lr_factor, weight_decay, dropout;
  std::size_t bsz, epochs, warmup;
  double momentum, dt_min;
  std::uint64_t seed;
};

const PublishedRow published_rows[] = {
    {"listops", 8, 128, 16, 8, "half_glu2", "lecun_normal", "BfastandCdecay", false, false, .001, 3,
     .04,       0, 50,  40, 1, .95,         .001,           6554595},
    {"imdb", 6,  256, 192, 12, "half_glu2", "lecun_normal", "standard", true, false, .001, 4,
     .07,    .1, 50,  35,  0,  .95,         .001,           8825365},
    {"aan", 6,  128, 256, 16,   "half_glu1", "trunc_standard_normal", "standard", true, false, .001, 2, .05, 0,
     32,    20, 1,   .95, .001, 5464368},
    {"lra-cifar", 6,  512, 384, 3,   "half_glu1", "lecun_normal", "BfastandCdecay", false, true, .001, 4.5, .07,
     .1,          50, 250, 1,   .95, .001,        16416},
    {"pathfinder", 6,     192,   256,   8,    "half_glu1", "trunc_standard_normal",
     "standard",   false, false, .0009, 5,    .03,         .05,
     64,           200,   1,     .9,    .001, 8180844},
    {"pathx", 6,  128, 256, 16, "half_glu1", "complex_normal", "BandCdecay", false, false, .0006, 3, .06,
     0,       32, 75,  1,   .9, .0001,       6429262},
    {"speech35", 6,  96, 128, 16, "half_glu1", "lecun_normal", "noBCdecay", false, false, .002, 4,
     .04,        .1, 16, 40,  1,  .95,         .001,           4062966},
};

TEST_CASE("recipes: the seven tasks have the settings of S5's run scripts") {
  for (const PublishedRow& row : published_rows) {
    CAPTURE(row.name);
    const RunConfig c = load_run_config(row.name, {});
    CHECK(c.dataset == row.name);
    CHECK(c.model.s5.n_layers == row.layers);
    CHECK(c.model.s5.d_model == row.H);
    CHECK(c.model.s5.ssm_size_base == row.P_full);
    CHECK(c.model.s5.blocks == row.blocks);
    CHECK(c.model.s5.activation_fn == row.activation);
    CHECK(c.model.s5.C_init == row.C_init);
    CHECK(c.model.s5.opt_config == row.opt_config);
    CHECK(c.model.s5.dt_global == row.dt_global);
    CHECK(c.model.s5.clip_eigs == row.clip);
    CHECK(c.training.second_lr == row.ssm_lr);
    CHECK(c.training.lr_factor == row.lr_factor);
    CHECK(c.training.optimizer.weight_decay == row.weight_decay);
    CHECK(c.model.s5.p_dropout == row.dropout);
    CHECK(c.training.bsz == row.bsz);
    CHECK(c.training.epochs == row.epochs);
    CHECK(c.training.warmup_end == row.warmup);
    CHECK(c.model.s5.bn_momentum == row.momentum);
    CHECK(c.model.s5.dt_min == row.dt_min);
    CHECK(c.training.seed == row.seed);
    CHECK(c.model.s5.bidirectional);
    CHECK(c.model.s5.batchnorm);
    CHECK(c.model.s5.prenorm);
    CHECK(c.model.s5.conj_sym);
    CHECK(c.training.cosine_anneal);
    CHECK(c.model.s5.discretization == "zoh");
    CHECK(c.model.s5.dt_max == .1);
    CHECK(c.training.lr_min == 0);
    CHECK(c.model.s5.pad == datasets::shape(row.name).splits.tokens);  // as the reference; the others have no padding
    CHECK_NOTHROW(load_run_config(row.name + "-small", {}));
  }
}

TEST_CASE("recipes: every one makes a model of the data it names, also in the bits of every configuration") {
  for (const auto& name : recipe_names()) {
    CAPTURE(name);
    const RunConfig config = load_run_config(name, {{"n_layers", "1"}, {"d_model", "8"}});
    Model model = make_model(config, datasets::shape(config.dataset).splits);
    if (config.model.model != "s5") continue;  // which has no bits yet
    for (const auto& quant : quant_names()) {
      for (const char* const preset : {"none", "qs5"}) {
        Settings given{{"n_layers", "1"}, {"d_model", "8"}, {"preset", preset}, {"quant", quant}};
        // the flags, too, must fit models with tokens, pairs and sequences of targets
        given.insert(given.end(), {{"a_bits", "8"}, {"non_ssm_bits", "8"}, {"non_ssm_act_bits", "8"}});
        const RunConfig c = load_run_config(name, given);
        Model quantized = make_model(c, datasets::shape(c.dataset).splits);
        Inventory inventory = take_inventory(quantized);
        CHECK_NOTHROW(apply_quantization(c, inventory));
      }
    }
  }
}

TEST_CASE("recipes: every one makes a model of Mamba and of Mamba-2 as well") {
  for (const auto& name : recipe_names()) {
    for (const char* const model : {"mamba", "mamba2"}) {
      CAPTURE(name);
      CAPTURE(model);
      const RunConfig c = load_run_config(name, {{"model", model}, {"n_layers", "1"}, {"d_model", "32"}});
      const datasets::Splits data = datasets::shape(c.dataset).splits;
      CHECK(make_model(c, data).output().output == shape_of(data).output.output);
    }
  }
}

TEST_CASE("recipes: numbers of parameters are those of S5's models") {
  struct Count {
    const char* name;
    std::size_t parameters;
  };
  // by the formula of the reference; S5's ListOps has two input features more that no token uses
  for (const Count& count :
       {Count{"listops", 188'490 - 2 * 128}, Count{"lra-cifar", 5'133'706}, Count{"pathfinder", 1'113'602},
        Count{"pathx", 694'018}, Count{"speech35", 283'523}, Count{"aan", 772'098}, Count{"imdb", 1'321'154 - 256}}) {
    CAPTURE(count.name);
    const RunConfig c = load_run_config(count.name, {});
    Model model = make_model(c, datasets::shape(c.dataset).splits);
    CHECK(take_inventory(model).parameter_count() == count.parameters);
  }
}

}  // namespace
}  // namespace bitstate::experiments
