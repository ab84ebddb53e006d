// Every SSM and every layer of the reference: discretisation, states, statistics, gradients.
#include "core/error.h"
#include "tests/support/folders.h"
#include "tests/support/models/golden_model.h"
#include "tests/support/temp_folder.h"

#include <cmath>
#include <complex>
#include <string>
#include <vector>

namespace bitstate::tests::s5_golden_test {
namespace {

TEST_CASE("fixture: the repository's file has groups of every kind, and each is known") {
  const Golden golden(source_folder() / "tests/fixtures/s5_reference.h5");
  const auto count = [&](GoldenKind kind) { return golden.groups(kind).size(); };
  CHECK(count(GoldenKind::hippo) == 5);
  CHECK(count(GoldenKind::block_hippo) == 4);
  CHECK(count(GoldenKind::dense_system) == 1);
  CHECK(count(GoldenKind::ssm) == 17);
  CHECK(count(GoldenKind::layer) == 14);
  CHECK(count(GoldenKind::model) == 3);
  CHECK(count(GoldenKind::scalar) == 1);
  CHECK(count(GoldenKind::schedule) == 1);
}

TEST_CASE("fixture: a group is what its attributes say under any name; an unknown kind or attribute is refused") {
  const TempFolder folder;
  const auto file = folder / "other.h5";
  // an SSM and a model under other names, and a group of one more kind or attribute
  const auto write = [&](const std::string& group, const std::string& attribute) {
    Hdf5Writer writer(file);
    for (const char* name : {"some/ssm", "m"}) {
      writer.group(name);
      for (const char* size : {"H", "P_full"}) writer.set_attribute(name, size, 4);
    }
    for (const char* size : {"activation", "n_classes"}) writer.set_attribute("m", size, 4);
    if (group != "m") writer.group(group);
    writer.set_attribute(group, attribute, 1);
    writer.commit();
    return error_of<Error>([&] { (void)Golden(file).groups(GoldenKind::ssm); });
  };
  CHECK(write("m", "mode").empty());
  CHECK(Golden(file).groups(GoldenKind::ssm) == std::vector<std::string>{"some/ssm"});
  CHECK(Golden(file).groups(GoldenKind::model) == std::vector<std::string>{"m"});
  CHECK(Golden(file).groups(GoldenKind::layer).empty());
  CHECK(
      write("some/conv", "kernel").find("some/conv is of no kind that the tests know; its attributes are \"kernel\"") !=
      std::string::npos);
  CHECK(write("m", "kernel").find("m has the attribute \"kernel\", which no test reads") != std::string::npos);
}

/// Checks the states of one direction: the one at the end of the scan, and all where the fixture has them.
void check_states(const Golden& golden, std::span<const float> got, const std::string& all, const std::string& end,
                  bool backward) {
  const auto expected = planar_columns(golden.array(end)).values;
  const std::size_t width = 2 * golden.array(end).shape.at(0);
  REQUIRE(expected.size() == width);
  CHECK(relative_error(backward ? got.first(width) : got.last(width), expected) <= close);
  if (golden.exists(all)) CHECK(relative_error(got, planar_columns(golden.array(all)).values) <= close);
}

void check_ssm_case(const Golden& golden, const std::string& group) {
  const S5LayerOptions options = layer_options(golden, group);
  Loaded<S5SSM> loaded(options, 0U, "ssm");
  loaded.load(golden, group + "/param");
  const Tensor u = real_matrix(golden.array(group + "/u")).tensor();
  const Tensor g = real_matrix(golden.array(group + "/g")).tensor();
  const std::vector<std::size_t> rows = {u.rows};

  Tape tape;
  tape.begin(loaded.training());
  const Value input = tape.input(u.rows, u.cols, u.data.data());
  tape.keep_gradient(input);
  const Value y = loaded.model.forward(tape, input, {rows, rows});

  const auto lambda_bar = values_of(tape, "discretize_lambda");
  const auto b_bar = values_of(tape, "discretize_b");
  const auto states = values_of(tape, "scan");
  REQUIRE(lambda_bar.size() == 1);
  REQUIRE(b_bar.size() == 1);
  REQUIRE(states.size() == (options.sizes.bidirectional ? 2 : 1));
  CHECK(relative_error(lambda_bar[0], planar_columns(golden.array(group + "/Lambda_bar")).values) <= close);
  CHECK(relative_error(b_bar[0], planar_rows(golden.array(group + "/B_bar")).values) <= close);
  check_states(golden, states[0], group + "/x_fwd", group + "/x_fwd_last", false);
  if (states.size() == 2) check_states(golden, states[1], group + "/x_bwd", group + "/x_bwd_first", true);

  const auto out = value_of(tape, y);
  CHECK(relative_error(out, golden.array(group + "/y").values) <= close);
  double loss = 0.0;
  double magnitude = 0.0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double term = double{out[i]} * double{g.data[i]};
    loss += term;
    magnitude += std::abs(term);
  }
  CHECK(std::abs(loss - golden.scalar(group + "/loss")) <= close * magnitude);

  tape.backward(y, g.data);
  CHECK(relative_error(std::span<const float>(tape[input].gradient, u.size()),
                       golden.array(group + "/grad/u").values) <= close);
  loaded.check_gradients(golden, group + "/grad");
}

TEST_CASE("ssm: every case of the reference, its discretisation, its states and all gradients") {
  const Golden golden;
  const auto cases = golden.groups(GoldenKind::ssm);
  REQUIRE(!cases.empty());
  for (const auto& group : cases) {
    CAPTURE(group);
    check_ssm_case(golden, group);
  }
}

/// The dense system of the fixture, its S diagonalised: B~ = V⁻¹ B, C~ = C V.
void load_dense(Loaded<S5SSM>& loaded, const BlockHippo& basis, const Golden& golden, const std::string& group) {
  using Complex = std::complex<double>;
  const std::size_t n = basis.P_full;
  const std::size_t H = golden.count(group, "H");
  const auto B = golden.array(group + "/B").values;
  const auto C = golden.array(group + "/C").values;
  GoldenArray b{{basis.P, H}, true, {}};
  GoldenArray c{{H, basis.P}, true, std::vector<double>(2 * H * basis.P)};
  GoldenMatrix re{1, basis.P, {}};
  GoldenMatrix im{1, basis.P, {}};
  for (std::size_t p = 0; p < basis.P; ++p) {
    re.values.push_back(basis.Lambda[p].real());
    im.values.push_back(basis.Lambda[p].imag());
    for (std::size_t h = 0; h < H; ++h) {
      Complex b_ph;
      Complex c_hp;
      for (std::size_t i = 0; i < n; ++i) {
        b_ph += basis.Vinv[p * n + i] * B[i * H + h];
        c_hp += C[h * n + i] * basis.V[i * basis.P + p];
      }
      b.values.insert(b.values.end(), {b_ph.real(), b_ph.imag()});
      c.values[2 * (h * basis.P + p)] = c_hp.real();
      c.values[2 * (h * basis.P + p) + 1] = c_hp.imag();
    }
  }
  loaded.set("Lambda_re", re);
  loaded.set("Lambda_im", im);
  loaded.set("log_step", {1, basis.P, std::vector<double>(basis.P, std::log(golden.number(group, "dt")))});
  loaded.set("B", planar_rows(b));
  loaded.set("C", planar_columns(c));
  loaded.set("D", real_matrix(golden.array(group + "/D")));
}

/// k Re(V diag(scale) right) with right [P, cols]: back to the real basis, where the conjugate half is implied by k
/// = 2.
std::vector<double> undo_basis(const BlockHippo& basis, const std::vector<std::complex<double>>& right,
                               std::size_t cols) {
  const double k = basis.P < basis.P_full ? 2.0 : 1.0;
  std::vector<double> out(basis.P_full * cols);
  for (std::size_t i = 0; i < basis.P_full; ++i) {
    for (std::size_t p = 0; p < basis.P; ++p) {
      for (std::size_t j = 0; j < cols; ++j) {
        out[i * cols + j] += k * (basis.V[i * basis.P + p] * right[p * cols + j]).real();
      }
    }
  }
  return out;
}

void check_dense_equivalence(const Golden& golden, const std::string& group, bool conj_sym, const std::string& method) {
  S5LayerOptions options;
  options.sizes.H = golden.count(group, "H");
  options.sizes.P_full = golden.count(group, "N");
  options.sizes.blocks = 1;
  options.sizes.conj_sym = conj_sym;
  options.discretize.method = discretization_of(method);
  const BlockHippo basis = block_hippo(options.sizes.P_full, 1, conj_sym);
  Loaded<S5SSM> loaded(options, 0U, "ssm");
  load_dense(loaded, basis, golden, group);

  const Tensor u = real_matrix(golden.array(group + "/u")).tensor();
  const std::vector<std::size_t> rows = {u.rows};
  Tape tape;
  tape.begin({});
  const Value y = loaded.model.forward(tape, tape.input(u.rows, u.cols, u.data.data()), {rows, rows});
  CHECK(relative_error(value_of(tape, y), golden.array(group + "/y_" + method).values) <= close);

  const auto lambda_bar = values_of(tape, "discretize_lambda").at(0);
  const auto b_bar = values_of(tape, "discretize_b").at(0);
  std::vector<std::complex<double>> b;
  for (std::size_t i = 0; i < basis.P * u.cols; ++i) b.emplace_back(b_bar[i], b_bar[basis.P * u.cols + i]);
  CHECK(relative_error(undo_basis(basis, b, u.cols), golden.array(group + "/B_bar_" + method).values) <= close);
  std::vector<std::complex<double>> a = basis.Vinv;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::size_t p = i / basis.P_full;
    a[i] *= std::complex<double>(lambda_bar[p], lambda_bar[basis.P + p]);
  }
  CHECK(relative_error(undo_basis(basis, a, basis.P_full), golden.array(group + "/A_bar_" + method).values) <= close);
}

TEST_CASE("ssm: the halved and the full diagonal system reproduce the dense real system") {
  const Golden golden;
  const auto systems = golden.groups(GoldenKind::dense_system);
  REQUIRE(!systems.empty());
  for (const auto& group : systems) {
    for (const bool conj_sym : {true, false}) {
      for (const std::string method : {"zoh", "bilinear"}) {
        CAPTURE(group);
        CAPTURE(conj_sym);
        CAPTURE(method);
        check_dense_equivalence(golden, group, conj_sym, method);
      }
    }
  }
}

void check_scalars(const Golden& golden, const std::string& group) {
  const Tensor x = real_matrix(golden.array(group + "/x")).tensor();
  const Parameter parameter{x, 0};
  std::vector<float> gradient(x.size());
  Pass pass;
  pass.gradients = true;
  pass.gradient = gradient;
  Tape tape;
  tape.begin(pass);
  const Value in = tape.parameter(parameter);
  const Value gelu = ops::gelu(tape, in);
  CHECK(relative_error(value_of(tape, gelu), golden.array(group + "/gelu_tanh").values) <= 1e-6);
  CHECK(relative_error(value_of(tape, gelu), golden.array(group + "/gelu_erf").values) > 1e-5);
  const Value sigmoid = ops::sigmoid(tape, in);
  CHECK(relative_error(value_of(tape, sigmoid), golden.array(group + "/sigmoid").values) <= 1e-6);
  tape.backward(gelu, std::vector<float>(x.size(), 1.0F));
  CHECK(relative_error(std::span<const float>(gradient), golden.array(group + "/gelu_tanh_grad").values) <= 5e-6);
}

TEST_CASE("scalar: GELU in its tanh form, its derivative, and the sigmoid are the reference's") {
  const Golden golden;
  const auto groups = golden.groups(GoldenKind::scalar);
  REQUIRE(!groups.empty());
  for (const auto& group : groups) check_scalars(golden, group);
}

/// Batch and running statistics after the training pass, then the evaluation with the running ones.
void check_batch_norm(const Golden& golden, const std::string& group, Loaded<S5Layer>& loaded, const Tensor& x,
                      const Sequences& sequences) {
  const std::size_t H = x.cols;
  const std::span<const double> batch(loaded.statistics);
  CHECK(relative_error(batch.first(H), golden.array(group + "/batch_mean").values) <= close);
  CHECK(relative_error(batch.last(H), golden.array(group + "/batch_var").values) <= close);
  update_running_statistics(loaded.inventory, loaded.statistics, golden.number(group, "bn_momentum"));
  const Norm& norm = loaded.model.norm;
  CHECK(relative_error(norm.running_mean.value.data, golden.array(group + "/running_mean_after").values) <= close);
  CHECK(relative_error(norm.running_variance.value.data, golden.array(group + "/running_var_after").values) <= close);
  Tape tape;
  tape.begin({});
  const Value y = loaded.model.forward(tape, tape.input(x.rows, x.cols, x.data.data()), sequences);
  CHECK(relative_error(value_of(tape, y), golden.array(group + "/y_eval").values) <= close);
}

void check_layer_case(const Golden& golden, const std::string& group) {
  Loaded<S5Layer> loaded(layer_options(golden, group), 0U, "layer");
  loaded.load(golden, group + "/param");
  const Tensor x = real_matrix(golden.array(group + "/x")).tensor();
  const Tensor g = real_matrix(golden.array(group + "/g")).tensor();
  const std::vector<std::size_t> rows(golden.count(group, "Bsz"), golden.count(group, "L"));
  const Sequences sequences{rows, rows};
  Tensor mask0;
  Tensor mask1;
  if (golden.number(group, "dropout") > 0.0) {
    mask0 = real_matrix(golden.array(group + "/mask0")).tensor();
    mask1 = real_matrix(golden.array(group + "/mask1")).tensor();
  }

  Tape tape;
  tape.begin(loaded.training());
  const Value input = tape.input(x.rows, x.cols, x.data.data());
  tape.keep_gradient(input);
  const Value y = loaded.model.forward(tape, input, sequences, {mask0.data, mask1.data});
  CHECK(relative_error(value_of(tape, y), golden.array(group + "/y").values) <= close);
  tape.backward(y, g.data);
  CHECK(relative_error(std::span<const float>(tape[input].gradient, x.size()),
                       golden.array(group + "/grad/x").values) <= close);
  loaded.check_gradients(golden, group + "/grad");

  const bool batchnorm = golden.text(group, "norm") == "batch";
  REQUIRE(golden.exists(group + "/y_eval") == batchnorm);
  if (batchnorm) check_batch_norm(golden, group, loaded, x, sequences);
}

TEST_CASE("layer: every case of the reference, its statistics, evaluation, dropout and all gradients") {
  const Golden golden;
  const auto cases = golden.groups(GoldenKind::layer);
  REQUIRE(!cases.empty());
  std::size_t dropped = 0;
  for (const auto& group : cases) {
    CAPTURE(group);
    check_layer_case(golden, group);
    if (golden.number(group, "dropout") > 0.0) ++dropped;
  }
  CHECK(dropped > 0);
}

}  // namespace
}  // namespace bitstate::tests::s5_golden_test
