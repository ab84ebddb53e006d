#include "core/units.h"

#include "core/error.h"
#include "core/io/hdf5.h"
#include "core/program/c/source.h"
#include "core/program/file.h"
#include "core/program/onnx/onnx.h"
#include "tests/support/c_build.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

namespace bitstate::tests {
namespace {

using Floats = std::vector<float>;
using program::Program;

const Units two_units{{0.1, -20.0}, {3.0, 0.7}};
const Units single_units{{double{0.1F}, -20.0}, {3.0, double{0.7F}}, true};

/// Two numbers per step in, two out.
Program program_with_units() {
  Program p;
  p.name = "own";
  p.input.cols = 2;
  p.input.grid = {0.05F, -127, 127};
  p.input.units = two_units;
  program::Linear linear;
  linear.weight = {2, 2, 3, {3, -3, 1, 2}};
  linear.bias = {0, 1};
  p.instructions.emplace_back(linear);
  p.output.scale = {0.01F};
  p.output.units = {{0.1, 1e-7}, {16777216.0, 1.0}};
  return p;
}

std::string refusal_of(const Program& p) {
  return error_of<Error>([&] { (void)program::analyse(p); });
}

}  // namespace

TEST_CASE("units: rows are standardised column by column in double, and restored") {
  const std::vector<double> values{1.0, 2.0, -0.5, 0.3};
  Floats x(4);
  standardise(two_units, values, x);
  CHECK(x == Floats{static_cast<float>(0.9 / 3.0), static_cast<float>(22.0 / 0.7), static_cast<float>(-0.6 / 3.0),
                    static_cast<float>(20.3 / 0.7)});
  CHECK(restored(two_units, x)[0] == 0.1 + 3.0 * double{x[0]});
  CHECK(restored(two_units, x)[3] == -20.0 + 0.7 * double{x[3]});
  CHECK_THROWS_WITH_AS(standardise(two_units, std::span(values).first(3), x), doctest::Contains("3 values"), Error);

  // far from 0 a float would have lost the variation: its neighbours are 64 apart
  const Units far{{1e9}, {0.25}};
  const std::vector<double> stamps{1e9 + 0.5, 1e9 - 0.125};
  standardise(far, stamps, std::span(x).first(2));
  CHECK(x[0] == 2.0F);
  CHECK(x[1] == -0.5F);
  CHECK(restored(far, std::span(x).first(2)) == stamps);

  standardise({}, values, x);
  CHECK(x == Floats{1.0F, 2.0F, -0.5F, 0.3F});
  CHECK(restored({}, x) == std::vector<double>{1.0, 2.0, -0.5, double{0.3F}});
}

TEST_CASE("units: those of single precision standardise and restore as they always did") {
  const std::vector<double> values{1.0, 2.0, -0.5, 0.3};
  Floats x(4);
  standardise(single_units, values, x);
  CHECK(x == Floats{(1.0F - 0.1F) / 3.0F, 22.0F / 0.7F, (-0.5F - 0.1F) / 3.0F, (0.3F + 20.0F) / 0.7F});
  CHECK(restored(single_units, x)[3] == double{x[3] * 0.7F + -20.0F});
}

TEST_CASE("units: a program file keeps them, without any it is the file it was") {
  const TempFolder folder;
  Program p = program_with_units();
  program::save(p, folder / "p.h5");
  CHECK(program::load(folder / "p.h5") == p);
  CHECK(Hdf5Reader(folder / "p.h5").read<double>("input_mean").values == p.input.units.mean);
  p.input.units = single_units;  // of a file that an earlier version wrote
  program::save(p, folder / "p.h5");
  CHECK(program::load(folder / "p.h5") == p);
  CHECK(Hdf5Reader(folder / "p.h5").is_single("input_mean"));
  CHECK_FALSE(Hdf5Reader(folder / "p.h5").is_single("output_mean"));
  p.input.units = {};
  p.output.units = {};
  program::save(p, folder / "p.h5");
  CHECK(program::load(folder / "p.h5") == p);
  CHECK(Hdf5Reader(folder / "p.h5").list() == std::vector<std::string>{"code", "output_scale"});
}

TEST_CASE("units: a program whose units do not fit it is refused") {
  CHECK(refusal_of(program_with_units()).empty());
  const auto refused = [](auto change, const std::string& words) {
    Program p = program_with_units();
    change(p);
    const std::string message = refusal_of(p);
    CAPTURE(message);
    CHECK(message.find(words) != std::string::npos);
  };
  refused([](Program& p) { p.input.units.mean.pop_back(); }, "the input has 1 means and 2 deviations for 2 columns");
  refused([](Program& p) { p.output.units = {{1.0}, {1.0}}; }, "the output has 1 means");
  refused([](Program& p) { p.output.units.deviation.clear(); }, "the output has 2 means and 0 deviations");
  refused([](Program& p) { p.input.units.mean[1] = std::numeric_limits<double>::infinity(); },
          "a mean of the input is not finite");
  for (const double bad : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
    refused([&](Program& p) { p.output.units.deviation[0] = bad; }, "a deviation of the output is not positive");
  }
  refused(
      [](Program& p) {
        p.input.cols = 1;
        p.input.tokens = true;
        p.input.grid = {1.0F, 0, 3};
        p.input.units.mean.pop_back();
        p.input.units.deviation.pop_back();
      },
      "the input has 1 means and 1 deviations for 0 columns");
}

TEST_CASE("units: the C header has them as initialisers, of arrays of double exactly, of arrays of float rounded") {
  const TempFolder folder;
  const Program p = program_with_units();
  const program::CTestSequence test = random_sequence(p, 3, 1);
  write_c(folder, program::c_source(p, "model", std::vector{test}));
  const std::string header = program::c_source(p, "model", std::vector{test}).header;
  CHECK(header.find("x = (value - mean) / deviation") != std::string::npos);
  CHECK(header.find("value = real number * deviation + mean") != std::string::npos);
  if (no_compiler()) return;
  write_quickly(folder / "units.c", R"(#include "model.h"
int main(void) {
  static const double means[] = MODEL_INPUT_MEAN_DOUBLE;
  static const double deviations[MODEL_INPUTS] = MODEL_INPUT_DEVIATION_DOUBLE;
  static const float float_means[] = MODEL_INPUT_MEAN;
  static const float out_means[] = MODEL_OUTPUT_MEAN;
  static const float out_deviations[MODEL_OUTPUTS] = MODEL_OUTPUT_DEVIATION;
  if (sizeof means != sizeof deviations || sizeof means != 2 * sizeof(double) || sizeof out_means != sizeof out_deviations) return 1;
  if (means[0] != 0x1.999999999999ap-4 || means[1] != -20.0) return 2;
  if (float_means[0] != 0x1.99999ap-4f) return 4;
  if (deviations[0] != 3.0 || deviations[1] != 0x1.6666666666666p-1) return 3;
  return out_means[1] != 0x1.ad7f2ap-24f || out_deviations[0] != 16777216.0f || out_deviations[1] != 1.0f;
}
)");
  const Outcome compiled = compile(folder, "cc", "-o units units.c model.c");
  CHECK(compiled.output.empty());
  CHECK(compiled.code == 0);
  CHECK(shell((folder / "units").string()).code == 0);
  CHECK(compile(folder, "cc", "-Werror -DMODEL_NO_FLOAT -c model.c").code == 0);  // as docs/export.md says

  Program plain = p;
  plain.input.units = plain.output.units = {};
  const std::string without = program::c_source(plain, "model", std::vector{test}).header;
  CHECK(without.find("MEAN") == std::string::npos);
  CHECK(without.find("mean") == std::string::npos);
}

TEST_CASE("units: the ONNX model says that its input is standardised, and by what") {
  const std::string model = program::onnx_model(program_with_units());
  CHECK(model.find("x is (value - mean) / deviation in float64, then rounded to float32; mean [0.1, -20], deviation "
                   "[3, 0.7].") != std::string::npos);
  CHECK(model.find("The target's value is y * deviation + mean; mean [0.1, 1e-07], deviation [16777216, 1].") !=
        std::string::npos);
}

}  // namespace bitstate::tests
