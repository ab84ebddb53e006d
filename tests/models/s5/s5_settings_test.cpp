#include "models/s5/settings.h"

#include "core/error.h"
#include "models/s5/models.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

namespace bitstate::tests::s5_settings_test {
namespace {

S5Settings small() {
  S5Settings settings;
  settings.n_layers = 2;
  settings.d_model = 4;
  settings.ssm_size_base = 8;
  settings.blocks = 2;
  return settings;
}

TEST_CASE("s5 settings: the model has the head that the data ask for") {
  for (const Output output : {Output::class_per_sequence, Output::values_per_sequence, Output::values_per_step}) {
    const Model model = make_model(small(), {3, false, 5, {output}}, 1);
    CHECK(model.output().output == output);
    CHECK(model.output().sequences == 1);
  }
  Model pairs = make_model(small(), {30, true, 2, {Output::class_per_sequence, 2}}, 1);
  CHECK(pairs.output().sequences == 2);
  CHECK(pairs.as<S5Retrieval>() != nullptr);
  CHECK(tests::error_of<UsageError>([] {
          make_model(small(), {3, false, 5, {Output::class_per_step}}, 1);
        }) == "[model] s5 gives no class per step, which the data ask for; expected mamba or mamba2");
}

TEST_CASE("s5 settings: a model that learns the discrete matrix has it as parameters") {
  const auto lambda_bars = [](const S5Settings& settings) {
    Model model = make_model(settings, {}, 1);
    std::size_t count = 0;
    for (const auto& [name, parameter] : take_inventory(model).parameters) count += name.ends_with("Lambda_bar");
    return count;
  };
  S5Settings settings = small();
  CHECK(lambda_bars(settings) == 0);
  settings.a_training = "discrete";
  CHECK(lambda_bars(settings) == settings.n_layers);
}

TEST_CASE("s5 settings: sizes that make no model are refused") {
  const auto refusal = [](const std::function<void(S5Settings&)>& change) {
    S5Settings settings = small();
    change(settings);
    return tests::error_of<UsageError>([&] { validate(settings); });
  };
  CHECK(refusal([](S5Settings&) {}).empty());
  CHECK(refusal([](S5Settings& s) { s.blocks = 3; }) == "[blocks] expected a divisor of ssm_size_base = 8, got \"3\"");
  CHECK(refusal([](S5Settings& s) { s.blocks = 8; }).find("must be even") != std::string::npos);
  CHECK(refusal([](S5Settings& s) { s.dt_min = 1.0; }) == "[dt_min] expected at most dt_max = 0.1, got \"1\"");
  CHECK(refusal([](S5Settings& s) {
          s.n_layers = 1024;
          s.d_model = 65536;
        }).find("parameters; at most 1,000,000,000 are allowed") != std::string::npos);
}

/// The sites that the rules of one flag mean, each with its bits.
std::string rules(std::optional<int> S5Settings::*flag, bool as_in_qs5, const std::string& activation = "half_glu1") {
  S5Settings settings = small();
  settings.activation_fn = activation;
  settings.*flag = 4;
  return quant_rules(settings, as_in_qs5 ? "qs5" : "none");
}

TEST_CASE("s5 settings: the *_bits flags are rules of S5's sites") {
  CHECK(quant_rules(small(), "none").empty());
  CHECK(rules(&S5Settings::a_bits, false) == "weight:*.ssm.A 4 form=log-polar\n");
  CHECK(rules(&S5Settings::a_bits, true) == "weight:*.ssm.A 4 range=absmax granularity=tensor edge=half\n");
  CHECK(rules(&S5Settings::b_bits, false) == "weight:*.ssm.B 4 range=absmax granularity=channel edge=half\n");
  CHECK(rules(&S5Settings::ssm_act_bits, false) == "act:*.ssm.* 4 range=ema rate=0.3 edge=half\n");
  CHECK(rules(&S5Settings::ssm_act_bits, true) ==
        "act:*.ssm.* 4 range=absmax granularity=step edge=half\n"
        "act:*.ssm.x 4 range=absmax granularity=step edge=half parts=separate\nstate:* 4 range=absmax granularity=step "
        "edge=half\n");
  CHECK(rules(&S5Settings::non_ssm_bits, false).find("weight:*.glu.*") != std::string::npos);
  CHECK(rules(&S5Settings::non_ssm_bits, false, "gelu").find("glu") == std::string::npos);
  CHECK(rules(&S5Settings::non_ssm_act_bits, false, "gelu").find("act:*.gelu 4 ") != std::string::npos);
}

TEST_CASE("s5 settings: a discrete model is made of a continuous one where the parameters are continuous") {
  S5Settings settings = small();
  settings.n_layers = 2;
  const std::vector<std::string> continuous{"encoder.weight", "layers.0.ssm.Lambda_re"};
  const std::vector<std::string> discrete{"encoder.weight", "layers.0.ssm.Lambda_bar"};
  CHECK_FALSE(stored_model(settings, settings, {}, 1, continuous));
  settings.a_training = "discrete";
  CHECK_FALSE(stored_model(settings, settings, {}, 1, discrete));
  auto stored = stored_model(settings, settings, {}, 1, continuous);
  REQUIRE(stored);
  const auto names = [](Model& model) {
    std::vector<std::string> found;
    for (const NamedParameter& parameter : take_inventory(model).parameters) found.push_back(parameter.name);
    return found;
  };
  Model wanted = make_model(settings, {}, 1);
  CHECK(names(stored->model) != names(wanted));
  stored->convert(stored->model);
  CHECK(names(stored->model) == names(wanted));
}

TEST_CASE("s5 settings: what learns, and by which method, follows from opt_config and a_training") {
  S5Settings settings = small();
  CHECK(training_of(settings).method == Method::adamw);
  settings.opt_config = "qaft";
  CHECK(training_of(settings).method == Method::sgd);
  const auto frozen = [](const S5Settings& s) {
    std::size_t count = 0;
    for (const GroupRule& rule : training_of(s).groups) count += rule.group == frozen_group ? 1U : 0U;
    return count;
  };
  CHECK(frozen(settings) == 0);
  settings.a_training = "frozen";
  CHECK(frozen(settings) == 4);
}

}  // namespace
}  // namespace bitstate::tests::s5_settings_test
