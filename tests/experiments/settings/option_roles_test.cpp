#include "experiments/settings/options.h"
#include "experiments/settings/run_config.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

namespace bitstate::experiments {
namespace {

using Names = std::set<std::string>;

/// The options for which `property` holds.
template <class Property>
Names options_with(const Property& property) {
  Names names;
  for (const Option& option : option_table()) {
    if (property(option)) names.insert(option.name);
  }
  return names;
}

TEST_CASE("options: those that give bits are the rules and the flags of S5") {
  CHECK(options_with([](const Option& o) { return o.gives_bits; }) == Names{"quant", "bits", "a_bits", "b_bits",
                                                                            "c_bits", "d_bits", "ssm_act_bits",
                                                                            "non_ssm_bits", "non_ssm_act_bits"});
  CHECK(is_quant_setting("a_bits"));
  CHECK_FALSE(is_quant_setting("seed"));
  CHECK_FALSE(is_quant_setting("nothing_bits"));
}

TEST_CASE("options: what ptq takes besides bits changes a model that is trained") {
  CHECK(options_with([](const Option& o) { return o.changes_trained; }) ==
        Names{"preset", "qgelu_approx", "hard_sigmoid", "scan", "hadamard", "balance", "transforms"});
}

TEST_CASE("options: a run that starts from another one takes over all but its source, its calibration and its stream") {
  CHECK(options_with([](const Option& o) { return !o.inherited; }) ==
        Names{"from", "from_lr_factor", "from_epochs_factor", "balance", "transforms", "weight_range", "top_blocks",
              "memory_budget", "calibration_batches", "stream"});
}

TEST_CASE("options: a sweep is not checked again for values that only training tells apart") {
  CHECK(options_with([](const Option& o) { return o.checked_alone; }) ==
        Names{"seed",       "epochs",         "ssm_lr_base",    "lr_factor",          "dt_global",    "lr_min",
              "warmup_end", "lanes",          "cosine_anneal",  "p_dropout",          "weight_decay", "opt_config",
              "dt_min",     "dt_max",         "from_lr_factor", "from_epochs_factor", "tau",          "warmup_steps",
              "beta2",      "clip_grad_norm", "act_backward"});
}

TEST_CASE("options: the data and what is asked of them decide on what a run is tested") {
  const Names names{
      "dataset",    "data",   "trajectories", "tau",     "contour_length", "target",       "horizon", "task",
      "limit_test", "length", "examples",     "copied",  "test_bytes",     "document_end", "stream",  "separator",
      "decimal",    "header", "skip",         "missing", "time",           "resample",     "gap",     "rows",
      "x",          "y",      "test"};
  CHECK(options_with([](const Option& o) { return o.decides_test; }) == names);
  CHECK(options_with([](const Option& o) { return decides_test(o.name); }) == names);
}

TEST_CASE("options: a trained model may be evaluated on other data and at other rates") {
  CHECK(options_with([](const Option& o) { return o.of_evaluation; }) ==
        Names{"dataset",      "step_rescale", "limit_test", "contour_length", "length", "copied", "test_bytes",
              "document_end", "stream",       "separator",  "decimal",        "header", "skip",   "missing",
              "time",         "resample",     "gap",        "rows",           "x",      "y"});
}

}  // namespace
}  // namespace bitstate::experiments
