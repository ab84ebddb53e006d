// The blocks and language models of Mamba and Mamba-2 against the reference in double precision: values, states,
// gradients, and steps of AdamW.
#include "tests/support/models/mamba_golden.h"
#include "autograd/optimizer.h"
#include "models/mamba/model.h"
#include "models/mamba/settings.h"

#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace bitstate::tests::mamba_golden_test {
namespace {

/// What the models call a parameter of the fixture: "layers.0.conv.w" is "layers.0.mixer.conv1d.weight". `mixer` stands
/// before the names of a mixer's parameters.
std::string own_name(std::string_view golden_name, const std::string& mixer) {
  static const std::map<std::string, std::string> names = {{"in_proj", "in_proj.weight"},
                                                           {"conv.w", "conv1d.weight"},
                                                           {"conv.b", "conv1d.bias"},
                                                           {"x_proj", "x_proj.weight"},
                                                           {"dt_proj", "dt_proj.weight"},
                                                           {"out_proj", "out_proj.weight"},
                                                           {"dt_bias", "dt_bias"},
                                                           {"A_log", "A_log"},
                                                           {"D", "D"},
                                                           {"norm.w", "norm.weight"}};
  const std::string golden(golden_name);
  if (golden == "embedding" || golden == "norm_f" || golden == "lm_head") return golden + ".weight";
  const std::size_t at = golden.rfind("layers.", 0) == 0 ? golden.find('.', 7) + 1 : 0;
  const std::string leaf = golden.substr(at);
  if (at > 0 && leaf == "norm") return golden + ".weight";
  const auto found = names.find(leaf);
  REQUIRE(found != names.end());
  return golden.substr(0, at) + mixer + found->second;
}

std::string in_a_mixer(std::string_view golden_name) { return own_name(golden_name, ""); }
std::string in_a_model(std::string_view golden_name) { return own_name(golden_name, "mixer."); }

/// A mixer or a model with the fixture's parameters.
template <class T>
struct LoadedMamba : Loaded<T> {
  using Loaded<T>::Loaded;

  void load(const MambaGolden& golden, const std::string& group) {
    const auto names = golden.list(group);
    REQUIRE(names.size() == this->inventory.parameters.size());
    for (const auto& name : names) {
      CAPTURE(name);
      Tensor& tensor = this->parameter(name).value;
      const Tensor value = golden.matrix(group + "/" + name);
      REQUIRE(tensor.rows == value.rows);
      REQUIRE(tensor.cols == value.cols);
      tensor = value;
    }
  }
  void check_gradients(const MambaGolden& golden, const std::string& group) const {
    std::size_t found = 0;
    for (const auto& name : golden.list(group)) {
      if (name == "x") continue;  // of the input, checked by the caller
      CAPTURE(name);
      CHECK(relative_error(this->gradient_of(name), golden.values(group + "/" + name)) <= close);
      ++found;
    }
    CHECK(found == this->inventory.parameters.size());
  }
};

MambaOptions options_of(const MambaGolden& golden, const std::string& at) {
  MambaOptions options;
  options.d_model = golden.count(at, "D");
  options.d_state = golden.count(at, "N");
  options.d_conv = golden.count(at, "K");
  options.expand = golden.count(at, "E") / options.d_model;
  return options;
}

template <class Mixer>
void check_block(const MambaGolden& golden, const std::string& at, const MambaOptions& options,
                 const std::string& parameters) {
  CAPTURE(parameters);
  LoadedMamba<Mixer> loaded(options, std::uint64_t{1}, "mixer");
  loaded.name_of = in_a_mixer;
  loaded.load(golden, at + parameters);
  const std::vector<std::size_t> rows(golden.count(at, "Z"), golden.count(at, "L"));
  const Tensor x = golden.matrix(at + "/x");
  Tape tape;
  tape.begin(loaded.training());
  const Value in = tape.input(x.rows, x.cols, x.data.data());
  tape.keep_gradient(in);
  MixerState after;
  const Value y = loaded.model.forward(tape, in, {rows, rows, 0}, ops::Direction::forward, {}, &after);
  CHECK(relative_error(value_of(tape, y), golden.values(at + "/y")) <= close);
  if (parameters != "/param") return;  // channels in another order
  CHECK(relative_error(value_of(tape, after.conv), golden.values(at + "/inner/conv_state")) <= close);
  CHECK(relative_error(value_of(tape, after.ssm), golden.values(at + "/inner/hT")) <= close);
  tape.backward(y, golden.matrix(at + "/g").data);
  CHECK(relative_error(std::span<const float>(tape[in].gradient, x.size()), golden.values(at + "/grad/x")) <= close);
  loaded.check_gradients(golden, at + "/grad");
}

TEST_CASE("mamba: blocks have the values, states and gradients of the reference") {
  const MambaGolden golden;
  const auto cases = golden.cases("mamba1", {"D", "E", "K", "L", "N", "R", "Z"});
  CHECK(cases.size() == 3);
  for (const auto& at : cases) {
    CAPTURE(at);
    MambaOptions options = options_of(golden, at);
    options.dt_rank = golden.count(at, "R");
    check_block<MambaMixer>(golden, at, options, "/param");
  }
}

MambaOptions options2_of(const MambaGolden& golden, const std::string& at) {
  MambaOptions options = options_of(golden, at);
  options.mamba2 = true;
  options.headdim = golden.count(at, "P");
  options.ngroups = golden.count(at, "G");
  return options;
}

TEST_CASE("mamba2: blocks have the values, states and gradients of the reference, channels permuted or not") {
  const MambaGolden golden;
  const auto cases = golden.cases(
      "mamba2", {"D", "E", "G", "H", "K", "L", "N", "P", "Z", "chunk", "dt_max", "dt_min", "norm_before_gate"});
  CHECK(cases.size() == 3);
  for (const auto& at : cases) {
    CAPTURE(at);
    MambaOptions options = options2_of(golden, at);
    CHECK(options.heads() == golden.count(at, "H"));
    options.norm_before_gate = golden.flag(at, "norm_before_gate");
    options.dt_limit_min = golden.number(at, "dt_min");
    options.dt_limit_max = golden.number(at, "dt_max");
    check_block<Mamba2Mixer>(golden, at, options, "/param");
    if (golden.exists(at + "/permuted")) check_block<Mamba2Mixer>(golden, at, options, "/permuted/param");
  }
}

TEST_CASE("mamba: a sequence may be cut anywhere, and its parts give what the whole gives") {
  MambaOptions options;
  options.d_model = 6;
  options.headdim = 4;
  options.d_state = 3;
  const std::size_t steps = 41;
  std::vector<float> x(steps * options.d_model);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(Random{3, 0}.normal(i));
  const auto check = [&](const auto& mixer) {
    const std::size_t whole_rows[] = {steps};
    Tape whole;
    whole.begin({});
    const Value y = mixer.forward(whole, whole.input(steps, options.d_model, x.data()), {whole_rows, whole_rows, 0});
    for (const std::size_t cut : {std::size_t{1}, std::size_t{2}, std::size_t{20}, std::size_t{32}, steps - 1}) {
      CAPTURE(cut);
      Tape tape;
      tape.begin({});
      MixerState state;
      std::vector<float> joined;
      for (const auto& [first, count] : {std::pair(std::size_t{0}, cut), std::pair(cut, steps - cut)}) {
        const std::size_t rows[] = {count};
        const MixerState before = state;
        const Value part = mixer.forward(tape, tape.input(count, options.d_model, x.data() + first * options.d_model),
                                         {rows, rows, 0}, ops::Direction::forward, before, &state);
        const auto values = value_of(tape, part);
        joined.insert(joined.end(), values.begin(), values.end());
      }
      const std::vector<double> expected(value_of(whole, y).begin(), value_of(whole, y).end());
      CHECK(relative_error(std::span<const float>(joined), expected) <=
            1e-6);  // products of other sizes may add in another order
    }
  };
  check(MambaMixer(options, 1, "mixer"));
  options.mamba2 = true;
  check(Mamba2Mixer(options, 1, "mixer"));
}

template <class Model>
void check_language_model(const MambaGolden& golden, const std::string& at) {
  MambaModelOptions options;
  options.mixer = options_of(golden, at);
  options.mixer.mamba2 = golden.count(at, "kind") == 2;
  options.mixer.headdim = golden.count(at, "P");
  options.mixer.ngroups = golden.count(at, "G");
  CHECK(golden.number(at, "eps") == 1e-5);
  options.n_layers = golden.count(at, "n_layer");
  options.tie_embeddings = golden.flag(at, "tied");
  const std::size_t vocabulary = golden.count(at, "V");
  options.shape = {vocabulary, true, vocabulary, {Output::class_per_step}};
  LoadedMamba<Model> loaded(options, std::uint64_t{1});
  loaded.name_of = in_a_model;
  loaded.load(golden, at + "/param");

  const auto ids = golden.integers(at + "/tokens");
  const auto wanted = golden.integers(at + "/targets");
  const std::vector<std::int32_t> tokens(ids.begin(), ids.end());
  const std::vector<std::int32_t> targets(wanted.begin(), wanted.end());
  const std::size_t batch = 3;
  const std::vector<std::size_t> rows(batch, tokens.size() / batch);
  const auto kept = std::count_if(targets.begin(), targets.end(), [](std::int32_t t) { return t >= 0; });
  REQUIRE(kept < std::ssize(targets));
  Tape tape;
  const auto run = [&](bool first) {
    tape.begin(loaded.training());
    const Value logits = loaded.model.forward(tape, {{rows, rows, 0}, {}, tokens});
    if (first) CHECK(relative_error(value_of(tape, logits), golden.values(at + "/logits")) <= close);
    const Value losses = ops::cross_entropy(tape, logits, targets);
    double loss = 0.0;
    for (const float l : value_of(tape, losses)) loss += l;
    tape.backward(losses, std::vector<float>(targets.size(), 1.0F / static_cast<float>(kept)));
    return loss / static_cast<double>(kept);
  };
  const double loss = run(true);
  CHECK(std::fabs(loss - golden.values(at + "/loss").at(0)) <= 1e-5 * loss);
  loaded.check_gradients(golden, at + "/grad");

  const std::string adamw = at + "/adamw";
  MambaSettings settings;
  settings.mamba2 = options.mixer.mamba2;
  OptimizerSettings how{.groups = training_of(settings).groups};
  how.weight_decay = golden.number(adamw, "wd");
  how.beta1 = golden.number(adamw, "b1");
  how.beta2 = golden.number(adamw, "b2");
  how.eps = golden.number(adamw, "eps");
  how.clip = golden.number(adamw, "clip");
  Optimizer optimizer(loaded.inventory.parameters, how);
  const std::string no_decay = "," + golden.text(adamw, "no_decay") + ",";
  for (const auto& name : golden.list(at + "/param")) {
    CAPTURE(name);
    const std::string own = in_a_model(name);
    const auto rule = std::find_if(optimizer.rules().begin(), optimizer.rules().end(),
                                   [&](const ParameterRule& r) { return r.name == own; });
    REQUIRE(rule != optimizer.rules().end());
    CHECK((rule->decay == 0.0) == (no_decay.find("," + name + ",") != std::string::npos));
  }
  const double rate = golden.number(adamw, "lr");
  for (const double expected : golden.values(adamw + "/losses")) {
    CHECK(std::fabs(run(false) - expected) <= 1e-5 * expected);
    optimizer.step(loaded.inventory.parameters, loaded.gradient, rate, rate);
  }
  for (const auto& name : golden.list(adamw + "/param")) {
    CAPTURE(name);
    const Tensor& value = loaded.parameter(name).value;
    CHECK(relative_error(std::span<const float>(value.data), golden.values(adamw + "/param/" + name)) <= close);
  }
}

TEST_CASE("mamba: language models have the logits, loss, gradients and steps of AdamW of the reference") {
  const MambaGolden golden;
  const auto cases = golden.cases("lm", {"D", "E", "G", "K", "N", "P", "V", "eps", "kind", "n_layer", "tied"});
  CHECK(cases.size() == 4);
  for (const auto& at : cases) {
    CAPTURE(at);
    if (golden.count(at, "kind") == 1) {
      check_language_model<MambaModel>(golden, at);
    } else {
      check_language_model<Mamba2Model>(golden, at);
    }
  }
}

}  // namespace
}  // namespace bitstate::tests::mamba_golden_test
