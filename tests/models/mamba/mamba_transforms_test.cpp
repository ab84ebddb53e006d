// Changes of a Mamba model that leave its outputs as they are, and some that would not.
#include "core/error.h"
#include "core/kernels/hadamard.h"
#include "core/random.h"
#include "models/mamba/balance.h"
#include "models/mamba/rearrange.h"
#include "models/mamba/rotate.h"
#include "tests/support/golden.h"
#include "tests/support/mamba_fixture.h"
#include "tests/support/models/mamba2_golden.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

namespace bitstate::tests::mamba_transforms_test {
namespace {

/// Of section 7 of the reference, relative to the largest output.
constexpr double unchanged = 1e-5;
constexpr double changed = 1e-2;

/// Gives every parameter a spread, so that no norm is 1 and the states matter.
template <class Struct>
void stir(Struct& model) {
  Inventory inventory = take_inventory(model);
  for (const NamedParameter& p : inventory.parameters) {
    const Random random{23, random_stream(p.name)};
    const bool step = p.name.ends_with("dt_bias");
    for (std::size_t i = 0; i < p.parameter->value.size(); ++i) {
      float& v = p.parameter->value.data[i];
      const double spread = v == 0.0F ? 0.3 * random.normal(i) : v * std::exp(0.4 * random.normal(i));
      v = static_cast<float>(spread) + (step ? 2.5F : 0.0F);
    }
  }
}

MambaModelOptions small(bool mamba2) {
  MambaModelOptions options;
  options.shape = {8, true, 8, {Output::class_per_step}};
  options.n_layers = 2;
  options.mixer.mamba2 = mamba2;
  options.mixer.d_model = 16;
  options.mixer.d_state = 4;
  options.mixer.headdim = 4;
  options.mixer.ngroups = mamba2 ? 2 : 1;
  return options;
}

template <class Mixer>
MambaModelOf<Mixer> stirred(const MambaModelOptions& options) {
  MambaModelOf<Mixer> model(options, 7);
  stir(model);
  return model;
}

/// Outputs for two sequences of tokens and of numbers.
template <class Mixer>
std::vector<float> outputs_of(const MambaModelOf<Mixer>& model) {
  const std::vector<std::size_t> rows{30, 17};
  const Random random{5, 0};
  std::vector<float> x;
  std::vector<std::int32_t> tokens;
  for (std::size_t i = 0; i < 47; ++i) {
    tokens.push_back(static_cast<std::int32_t>(random.below(8, i)));
    for (std::size_t c = 0; c < 3; ++c) x.push_back(static_cast<float>(random.normal(100 + 3 * i + c)));
  }
  Tape tape;
  tape.begin({});
  const Value y = model.forward(tape, {{rows, rows, 0}, x, tokens});
  return {tape.value(y), tape.value(y) + tape[y].size()};
}

double distance(const std::vector<float>& got, const std::vector<float>& expected) {
  return relative_error(std::span<const float>(got), std::vector<double>(expected.begin(), expected.end()));
}

template <class Mixer>
void check_rotations(const MambaModelOptions& options) {
  MambaModelOf<Mixer> model = stirred<Mixer>(options);
  const std::vector<float> before = outputs_of(model);
  const auto check = [&](const char* what) {
    CAPTURE(what);
    CHECK(distance(outputs_of(model), before) <= unchanged);
  };
  const std::size_t parameters = take_inventory(model).parameters.size();
  const bool tied = model.tied;
  if (tied) {
    CHECK_THROWS_WITH_AS(rotate_residual(model), "[rotate] the head is tied to the token table: untie it first", Error);
    MambaModelOf<Mixer> still_tied = model;
    fold_norms(still_tied);
    CHECK(distance(outputs_of(still_tied), before) <= unchanged);
    CHECK(still_tied.layers[0].norm.weight.value.data != model.layers[0].norm.weight.value.data);
    CHECK(still_tied.norm_f.weight.value.data == model.norm_f.weight.value.data);
  }
  untie(model);
  CHECK(take_inventory(model).parameters.size() == parameters + (tied ? 1 : 0));
  CHECK(outputs_of(model) == before);
  fold_norms(model);
  check("fold_norms");
  const auto all_ones = [](const RmsNorm& norm) {
    return std::all_of(norm.weight.value.data.begin(), norm.weight.value.data.end(), [](float w) { return w == 1.0F; });
  };
  CHECK(all_ones(model.layers[0].norm));
  CHECK(all_ones(model.norm_f));
  rotate_outputs(model);
  check("rotate_outputs");
  const Tensor once = model.layers[1].mixer.out_proj.weight.value;
  rotate_outputs(model);
  CHECK(model.layers[1].mixer.out_proj.weight.value.data == once.data);
  rotate_residual(model);
  check("rotate_residual");
  // the rotations have changed what they should
  CHECK(model.layers[1].mixer.out_proj.weight.value.data != once.data);
  model.layers[1].mixer.rotated = false;
  CHECK(distance(outputs_of(model), before) > changed);
}

TEST_CASE("mamba: folded norms and rotated streams leave the outputs as they are") {
  for (const bool mamba2 : {false, true}) {
    CAPTURE(mamba2);
    const auto check = [&](const MambaModelOptions& options) {
      if (mamba2) check_rotations<Mamba2Mixer>(options);
      if (!mamba2) check_rotations<MambaMixer>(options);
    };
    MambaModelOptions options = small(mamba2);
    check(options);
    options.tie_embeddings = false;
    options.mixer.norm_before_gate = true;
    options.mixer.d_model = 20;  // matrices that are not symmetric
    check(options);
    options.shape = {3, false, 5, {Output::class_per_sequence}};
    options.bidirectional = true;
    check(options);
  }
}

TEST_CASE("mamba: the head of pairs keeps its norm, and features of pairs or of other widths are not rotated") {
  MambaModelOptions options = small(false);
  options.shape = {8, true, 2, {Output::class_per_sequence, 2}};
  auto model = stirred<MambaMixer>(options);
  const std::vector<float> before = outputs_of(model);
  const Tensor last = model.norm_f.weight.value;
  fold_norms(model);
  CHECK(distance(outputs_of(model), before) <= unchanged);
  CHECK(model.norm_f.weight.value.data == last.data);
  CHECK_THROWS_WITH_AS(rotate_residual(model),
                       "[rotate] the head of pairs of documents multiplies features, which cannot be rotated",
                       UsageError);
  options = small(false);
  options.tie_embeddings = false;
  options.mixer.d_model = 18;
  auto odd = stirred<MambaMixer>(options);
  const std::vector<float> odd_before = outputs_of(odd);
  CHECK_THROWS_WITH_AS(rotate_residual(odd),
                       "[rotate] there is no Hadamard matrix of 18 rows here: expected 2^k, 12, 20, 28 or 40 times "
                       "2^k, such as 16 or 20",
                       UsageError);
  CHECK_THROWS_AS(rotate_outputs(odd), UsageError);
  CHECK(outputs_of(odd) == odd_before);  // nothing was changed by half
}

TEST_CASE("mamba: a rotation behind the gate can be undone in out_proj, one before it cannot") {
  const std::size_t rows = 5;
  const std::size_t width = 24;
  const std::size_t outputs = 6;
  const Random random{31, 0};
  const auto drawn = [&](std::size_t count, std::uint64_t first) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(random.normal(first + i));
    return values;
  };
  const auto y = drawn(rows * width, 0);
  const auto z = drawn(rows * width, 1000);
  const auto weight = drawn(outputs * width, 2000);
  std::vector<float> rotated = weight;
  std::vector<float> scratch(width);
  for (std::size_t r = 0; r < outputs; ++r) {
    const std::span<float> row = std::span(rotated).subspan(r * width, width);
    Hadamard(width, "test").apply(row, scratch);
    for (float& v : row) v /= std::sqrt(static_cast<float>(width));
  }
  Tape tape;
  tape.begin({});
  const Value gate = ops::silu(tape, tape.input(rows, width, z.data()));
  const Value in = tape.input(rows, width, y.data());
  const Value w = tape.input(outputs, width, weight.data());
  const Value turned = tape.input(outputs, width, rotated.data());
  const auto values = [&](Value v) { return std::vector<float>(tape.value(v), tape.value(v) + tape[v].size()); };
  const auto plain = values(ops::linear(tape, ops::product(tape, in, gate), w));
  const auto behind = values(ops::linear(tape, ops::hadamard(tape, ops::product(tape, in, gate)), turned));
  const auto before = values(ops::linear(tape, ops::product(tape, ops::hadamard(tape, in), gate), turned));
  CHECK(distance(behind, plain) <= unchanged);
  CHECK(distance(before, plain) > changed);
}

template <class Mixer>
std::vector<float> mixed(const Mixer& mixer, std::size_t features) {
  const std::size_t rows[] = {25};
  std::vector<float> x(rows[0] * features);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(Random{3, 0}.normal(i));
  Tape tape;
  tape.begin({});
  const Value y = mixer.forward(tape, tape.input(rows[0], features, x.data()), {rows, rows, 0});
  return {tape.value(y), tape.value(y) + tape[y].size()};
}

/// A permutation of [0, count).
std::vector<std::size_t> shuffled(std::size_t count, std::uint64_t seed) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[Random{seed, 1}.below(i, i)]);
  return order;
}

/// Channels for an order of heads, shuffled in each.
std::vector<std::size_t> channels_of(const std::vector<std::size_t>& head_perm, std::size_t width) {
  std::vector<std::size_t> perm;
  for (const std::size_t h : head_perm) {
    for (const std::size_t c : shuffled(width, 100 + h)) perm.push_back(h * width + c);
  }
  return perm;
}

TEST_CASE("mamba2: rearranged heads and channels are those of the reference") {
  const MambaGolden golden;
  std::size_t found = 0;
  for (const auto& name : golden.list("mamba2")) {
    const std::string at = "mamba2/" + name;
    if (!golden.exists(at + "/permuted")) continue;
    CAPTURE(at);
    ++found;
    Mamba2Mixer mixer(mamba2_options(golden, at), 1, "mixer");
    const auto tensors = parameters_of(mixer);
    CHECK(golden.list(at + "/permuted/param").size() == tensors.size());
    for (const auto& [parameter, tensor] : tensors) *tensor = golden.matrix(at + "/param/" + parameter);
    const auto order = [&](const char* what) {
      const auto values = golden.integers(at + "/permuted/" + what);
      return std::vector<std::size_t>(values.begin(), values.end());
    };
    rearrange(mixer, order("head_perm"), order("perm"));
    for (const auto& [parameter, tensor] : tensors) {
      CAPTURE(parameter);
      CHECK(tensor->data == golden.matrix(at + "/permuted/param/" + parameter).data);
    }
  }
  CHECK(found == 3);
}

TEST_CASE("mamba2: heads change places within their group, and not across groups") {
  MambaOptions options = small(true).mixer;
  for (const bool norm_before_gate : {false, true}) {
    options.norm_before_gate = norm_before_gate;
    Mamba2Mixer mixer(options, 1, "mixer");
    stir(mixer);
    const auto before = mixed(mixer, options.d_model);
    const std::vector<std::size_t> inside = {2, 0, 3, 1, 5, 7, 6, 4};  // two groups of four heads
    Mamba2Mixer moved = mixer;
    rearrange(moved, inside, channels_of(inside, options.headdim));
    CHECK(moved.out_proj.weight.value.data != mixer.out_proj.weight.value.data);
    CHECK(distance(mixed(moved, options.d_model), before) <= unchanged);

    const std::vector<std::size_t> across = {4, 1, 2, 3, 0, 5, 6, 7};
    CHECK_THROWS_WITH_AS(rearrange(mixer, across, channels_of(across, options.headdim)),
                         "[rearrange] head 4 would leave its group of 4 heads", Error);
    moved = mixer;  // as if it were one group of twice the states
    moved.groups = 1;
    rearrange(moved, across, channels_of(across, options.headdim));
    moved.groups = mixer.groups;
    CHECK(distance(mixed(moved, options.d_model), before) > changed);
  }
}

TEST_CASE("mamba: channels change places, also where out_proj reads rotated ones") {
  MambaOptions options = small(false).mixer;
  options.d_model = 20;  // a matrix that is not symmetric
  for (const bool rotated : {false, true}) {
    options.rotated = rotated;
    MambaMixer mixer(options, 1, "mixer");
    stir(mixer);
    const auto before = mixed(mixer, options.d_model);
    const Tensor out_proj = mixer.out_proj.weight.value;
    rearrange(mixer, shuffled(options.inner(), 9));
    CHECK(mixer.out_proj.weight.value.data != out_proj.data);
    CHECK(distance(mixed(mixer, options.d_model), before) <= unchanged);
  }
}

TEST_CASE("mamba: what is no order of the channels is refused") {
  MambaOptions options = small(true).mixer;
  Mamba2Mixer mixer(options, 1, "mixer");
  const std::vector<std::size_t> heads = {0, 1, 2, 3, 4, 5, 6, 7};
  std::vector<std::size_t> perm = channels_of(heads, options.headdim);
  CHECK_THROWS_WITH_AS(rearrange(mixer, std::vector<std::size_t>{0, 1}, perm),
                       "[rearrange] got an order of 2 heads, but there are 8", Error);
  std::swap(perm[0], perm[options.headdim]);
  CHECK_THROWS_AS(rearrange(mixer, heads, perm), Error);
  perm = channels_of(heads, options.headdim);
  perm[1] = perm[0];
  CHECK_THROWS_AS(rearrange(mixer, heads, perm), Error);
  perm[1] = 32;
  CHECK_THROWS_WITH_AS(rearrange(mixer, heads, perm),
                       "[rearrange] 32 is out of range or comes twice in the order of 32 channels", Error);
}

TEST_CASE("mamba: balanced states leave the bits of the outputs, and come within a factor 2") {
  const MambaOptions options = small(false).mixer;
  MambaMixer mixer(options, 1, "mixer");
  stir(mixer);
  for (std::size_t e = 0; e < options.inner(); ++e) mixer.x_proj.weight.value(options.rank() + 2, e) *= 300.0F;
  const auto final_states = [&](std::vector<float>& y) {
    const std::size_t rows[] = {25};
    std::vector<float> x(rows[0] * options.d_model);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(Random{3, 0}.normal(i));
    Tape tape;
    tape.begin({});
    MixerState after;
    const Value out = mixer.forward(tape, tape.input(rows[0], options.d_model, x.data()), {rows, rows, 0},
                                    ops::Direction::forward, {}, &after);
    y.assign(tape.value(out), tape.value(out) + tape[out].size());
    std::vector<float> maxima(options.d_state, 0.0F);
    for (std::size_t i = 0; i < tape[after.ssm].size(); ++i) {
      float& m = maxima[i % options.d_state];
      m = std::max(m, std::fabs(tape.value(after.ssm)[i]));
    }
    return maxima;
  };
  std::vector<float> before;
  std::vector<float> after;
  const auto maxima = final_states(before);
  const auto spread = [](const std::vector<float>& m) {
    const auto [low, high] = std::minmax_element(m.begin(), m.end());
    return *high / *low;
  };
  CHECK(spread(maxima) > 50.0F);
  balance_states(mixer, maxima);
  CHECK(spread(final_states(after)) <= 2.0F);
  CHECK(after == before);
  CHECK_THROWS_WITH_AS(balance_states(mixer, std::vector<float>(5, 1.0F)),
                       "[balance] got the maxima of 5 states, but the mixer has 4", Error);
}

}  // namespace
}  // namespace bitstate::tests::mamba_transforms_test
