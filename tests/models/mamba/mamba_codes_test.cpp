// Quantized models of Mamba and Mamba-2: their codes are those of the program that is exported, in training too, and
// the program's those of the formulas.
#include "autograd/export.h"
#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/kernels/hadamard.h"
#include "core/program/run/runner.h"
#include "core/random.h"
#include "models/mamba/model.h"
#include "models/mamba/settings.h"
#include "tests/support/folders.h"
#include "tests/support/plain_program.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

namespace bitstate::tests::mamba_codes_test {
namespace {

/// Those of --quant=w8a8.
std::string rules() {
  return read_file(source_folder() / "experiments/configs/mamba/w8a8.quant", std::size_t{1} << 16);
}

/// A model of drawn sizes and parameters with calibrated ranges, and two sequences.
template <class M>
struct Drawn {
  MambaModelOptions options;
  M model;
  Inventory inventory;
  std::vector<std::size_t> rows;
  std::vector<float> x;
  std::vector<std::int32_t> tokens;
  Tape tape;
  std::vector<float> gradient, observed;

  Drawn(std::uint64_t number, bool mamba2, const std::string& more) {
    const Random random{number, random_stream("mamba codes")};
    std::uint64_t drawn = 0;
    const auto draw = [&](std::uint64_t lo, std::uint64_t hi) { return lo + random.below(hi - lo + 1, drawn++); };
    options.n_layers = draw(1, 2);
    options.bidirectional = draw(0, 3) == 0;
    options.tie_embeddings = draw(0, 1) == 0;
    options.mixer.mamba2 = mamba2;
    options.mixer.headdim = draw(1, 5);
    options.mixer.ngroups = draw(1, 2);
    options.mixer.d_model = options.mixer.headdim * options.mixer.ngroups * draw(1, 4);
    options.mixer.d_state = draw(1, 17);
    options.mixer.d_conv = draw(1, 5);
    options.mixer.n_layers = options.n_layers;
    options.mixer.norm_before_gate = draw(0, 1) == 0;
    options.mixer.rotated = Hadamard::exists(options.mixer.inner()) && draw(0, 1) == 0;
    options.mixer.dt_max = 0.5;
    if (draw(0, 2) == 0) options.mixer.dt_limit_max = 0.3;
    options.shape.tokens = draw(0, 1) == 0;
    options.shape.inputs = options.shape.tokens ? 11 : 3;
    options.shape.outputs = options.shape.tokens ? 11 : 4;
    const auto kind = draw(0, 2);
    options.shape.output = {kind == 0 ? Output::class_per_sequence : Output::class_per_step, 1};
    options.pool_last = draw(0, 1) == 0;
    model = M(options, number);
    inventory = take_inventory(model);
    std::uint64_t at = 0;
    for (const auto& entry : inventory.parameters) {
      const Random values{number + 1, random_stream(entry.name)};
      const bool biased = entry.name.ends_with("dt_bias");
      for (float& v : entry.parameter->value.data) {
        v = static_cast<float>(v * (1.0 + 0.3 * values.normal(at)) + (biased ? 2.0 : 0.0));
        ++at;
      }
      if (entry.name == "embedding.weight") {
        for (float& v : entry.parameter->value.data) v *= 30.0F;
      }
    }
    quantize_sites(inventory, QuantConfig::parse(rules() + more, "test"));
    rows = {draw(1, 90), draw(1, 90)};
    for (std::size_t t = 0; t < rows[0] + rows[1]; ++t) {
      tokens.push_back(static_cast<std::int32_t>(draw(0, 10)));
      for (std::size_t c = 0; c < 3; ++c) x.push_back(static_cast<float>(random.normal(drawn++)));
    }
    Pass pass = training_pass();
    pass.calibrating = true;
    forward(pass);
    calibrate_ranges(inventory, {observed, {}});
  }

  Pass training_pass() {
    gradient.assign(inventory.parameter_count(), 0.0F);
    observed.assign(inventory.range_count(), 0.0F);
    Pass pass;
    pass.training = pass.gradients = true;
    pass.gradient = gradient;
    pass.observed = observed;
    return pass;
  }

  Value forward(const Pass& pass) {
    tape.begin(pass);
    return model.forward(tape,
                         options.shape.tokens ? Batch{{rows, rows, 0}, {}, tokens} : Batch{{rows, rows, 0}, x, {}});
  }

  /// Codes of the inputs of a sequence, by the first instruction of the program.
  std::vector<std::int32_t> input(const program::Program& p, std::size_t sequence) {
    const std::size_t first = sequence == 0 ? 0 : rows[0];
    if (options.shape.tokens) {
      return {tokens.begin() + static_cast<std::ptrdiff_t>(first),
              tokens.begin() + static_cast<std::ptrdiff_t>(first + rows[sequence])};
    }
    std::vector<std::int32_t> codes(3 * rows[sequence]);
    program::encode_input(p, {&x[3 * first], codes.size()}, codes);
    return codes;
  }
};

template <class M>
void check_models(bool mamba2, std::uint64_t count, const std::string& more) {
  for (std::uint64_t number = 0; number < count; ++number) {
    CAPTURE(number);
    Drawn<M> drawn(number, mamba2, more);
    const Value output = drawn.forward({});
    REQUIRE(drawn.tape[output].has_codes());
    const std::vector<std::int32_t> codes = drawn.tape.codes32(output);
    const program::Program p = export_program(drawn.tape, output, "mamba", true, 0);
    const program::Runner runner(p);
    std::size_t at = 0;
    for (std::size_t s = 0; s < 2; ++s) {
      const auto input = drawn.input(p, s);
      const std::vector<std::int32_t> found = runner.run(input);
      const std::vector<std::int32_t> expected(codes.begin() + static_cast<std::ptrdiff_t>(at),
                                               codes.begin() + static_cast<std::ptrdiff_t>(at + found.size()));
      REQUIRE(found == expected);
      REQUIRE(plain_run(p, input) == expected);
      at += found.size();
    }
    REQUIRE(at == codes.size());
    const Value trained = drawn.forward(drawn.training_pass());
    REQUIRE(drawn.tape.codes32(trained) == codes);
    const std::vector<float> seed(codes.size(), 0.01F);
    drawn.tape.backward(trained, seed);
    const auto finite = [](float g) { return std::isfinite(g); };
    CHECK(std::all_of(drawn.gradient.begin(), drawn.gradient.end(), finite));
    CHECK(std::any_of(drawn.gradient.begin(), drawn.gradient.end(), [](float g) { return g != 0.0F; }));
  }
}

TEST_CASE("mamba codes: the exported program of Mamba gives the codes of the forward, in evaluation and in training") {
  check_models<MambaModel>(false, 40, "");
}

TEST_CASE("mamba codes: that of Mamba-2, too") { check_models<Mamba2Model>(true, 40, ""); }

TEST_CASE("mamba codes: states of 8 bits, with each way to round them") {
  for (const char* const rounding : {"nearest", "feedback", "decayed"}) {
    const std::string rule = std::string("state:* 8 range=ema granularity=channel rounding=") + rounding + "\n";
    check_models<MambaModel>(false, 8, rule);
    check_models<Mamba2Model>(true, 8, rule);
  }
}

TEST_CASE("mamba codes: a scale for each group of channels") {
  const char* const rules =
      "act:*.mixer*.x 8 granularity=group\nact:*.mixer*.conv 12 granularity=group\n"
      "act:*.mixer*.u 8 granularity=group\nact:*.mixer*.B 8 granularity=group\n"
      "act:*.mixer*.C 8 granularity=group\n?act:*.B_* 8 granularity=group\n"
      "?act:*.C_* 8 granularity=group\nact:*.mixer*.z 8 granularity=group\n"
      "act:*.mixer*.gate 16 granularity=group\nact:*.mixer*.du 16 granularity=group\n"
      "state:* 16 granularity=group\n";
  check_models<MambaModel>(false, 10, rules);
  check_models<Mamba2Model>(true, 40, rules);
}

TEST_CASE("mamba codes: weights in groups of columns, and token tables of few bits with a scale per row") {
  const char* const rules =
      "weight:*.in_proj 4 granularity=channel edge=half group=3\n?weight:*.x_proj 4 granularity=channel group=2\n"
      "weight:*.out_proj 3 granularity=channel group=4\n?weight:lm_head 4 granularity=channel group=3\n"
      "?weight:decoder 4 granularity=channel group=3\n?weight:embedding 4 granularity=channel\n"
      "?act:lm_head.y 16\n?act:decoder.y 16\n";
  check_models<MambaModel>(false, 20, rules);
  check_models<Mamba2Model>(true, 20, rules);
}

/// The mean squared error of B of the two groups, of which one is 30 times larger, where these sites have 8 bits.
std::array<double, 2> errors_of_groups(const std::string& rules) {
  MambaModelOptions options;
  options.shape = {3, false, 4, {Output::class_per_step}};
  options.n_layers = 1;
  options.mixer.mamba2 = true;
  options.mixer.d_model = 16;
  options.mixer.d_state = 8;
  options.mixer.headdim = 8;
  options.mixer.ngroups = 2;
  Mamba2Model model(options, 3);
  Tensor& in = model.layers[0].mixer.in_proj.weight.value;
  Tensor& bias = model.layers[0].mixer.conv1d.bias.value;
  for (std::size_t n = 0; n < 8; ++n) {  // the first group of B: z, x, then B
    for (std::size_t d = 0; d < in.cols; ++d) in(64 + n, d) *= 30.0F;
    bias.data[32 + n] *= 30.0F;
  }
  Inventory inventory = take_inventory(model);
  std::vector<float> x;
  const Random random{9, 0};
  for (std::size_t i = 0; i < 3 * 200; ++i) x.push_back(static_cast<float>(random.normal(i)));
  const std::vector<std::size_t> rows{200};
  const auto run = [&](const Pass& pass) {
    Tape tape;
    tape.begin(pass);
    static_cast<void>(model.forward(tape, {{rows, rows, 0}, x, {}}));
    for (const SiteVisit& visit : tape.visits()) {
      if (visit.site != &model.layers[0].mixer.sites.B) continue;
      const float* const values = tape.value(visit.output);
      return std::vector<float>(values, values + tape[visit.output].size());
    }
    return std::vector<float>{};
  };
  const std::vector<float> exact = run({});
  quantize_sites(inventory, QuantConfig::parse(rules, "test"));
  std::vector<float> observed(inventory.range_count(), 0.0F);
  Pass pass;
  pass.training = pass.calibrating = true;
  pass.observed = observed;
  run(pass);
  calibrate_ranges(inventory, {observed, {}});
  const std::vector<float> rounded = run({});
  std::array<double, 2> errors{};
  for (std::size_t i = 0; i < exact.size(); ++i) {
    errors[i % 16 / 8] += std::pow(double{rounded[i]} - double{exact[i]}, 2.0) / (200.0 * 8.0);
  }
  return errors;
}

TEST_CASE("mamba codes: with a scale per group, a small group of B is not rounded at the scale of a loud one") {
  const auto with = [](const std::string& granularity) {
    return errors_of_groups("act:*.B 8" + granularity + "\nact:*.B_conv 12" + granularity + "\nact:*.B_in 8" +
                            granularity);
  };
  const auto tensor = with("");
  const auto group = with(" granularity=group");
  CHECK(group[0] == doctest::Approx(tensor[0]).epsilon(1e-6));
  CHECK(tensor[1] > 100.0 * group[1]);
  CHECK(group[1] > 0.0);
}

}  // namespace
}  // namespace bitstate::tests::mamba_codes_test
