#include "core/units.h"

#include "core/error.h"
#include "core/hdf5.h"
#include "core/program/c_source.h"
#include "core/program/file.h"
#include "core/program/onnx.h"
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

const Units two_units{{0.1F, -20.0F}, {3.0F, 0.7F}};

/// Two numbers a step in, two out.
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
  p.output.units = {{0.1F, 1e-7F}, {16777216.0F, 1.0F}};
  return p;
}

std::string refusal_of(const Program& p) {
  return error_of<Error>([&] { (void)program::analyse(p); });
}

}  // namespace

TEST_CASE("units: rows are standardised column by column in single precision, and restored") {
  Floats values{1.0F, 2.0F, -0.5F, 0.3F};
  standardise(two_units, values);
  CHECK(values == Floats{(1.0F - 0.1F) / 3.0F, 22.0F / 0.7F, (-0.5F - 0.1F) / 3.0F, (0.3F + 20.0F) / 0.7F});
  restore(two_units, values);
  CHECK(values[0] == doctest::Approx(1.0F));
  CHECK(values[3] == doctest::Approx(0.3F));
  CHECK_THROWS_WITH_AS(standardise(two_units, std::span(values).first(3)), doctest::Contains("3 values"), Error);

  const Floats before{1.0F, 2.0F, 3.0F};
  values = before;
  standardise({}, values);
  restore({}, values);
  CHECK(values == before);
}

TEST_CASE("units: a program file keeps them, without any it is the file it was") {
  const TempFolder folder;
  Program p = program_with_units();
  program::save(p, folder / "p.h5");
  CHECK(program::load(folder / "p.h5") == p);
  CHECK(Hdf5Reader(folder / "p.h5").read<float>("input_mean").values == p.input.units.mean);
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
  refused([](Program& p) { p.output.units = {{1.0F}, {1.0F}}; }, "the output has 1 means");
  refused([](Program& p) { p.output.units.deviation.clear(); }, "the output has 2 means and 0 deviations");
  refused([](Program& p) { p.input.units.mean[1] = std::numeric_limits<float>::infinity(); },
          "a mean of the input is not finite");
  for (const float bad : {0.0F, -1.0F, std::numeric_limits<float>::quiet_NaN()}) {
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

TEST_CASE("units: the C header has them as initialisers of float arrays, exactly") {
  const TempFolder folder;
  const Program p = program_with_units();
  const program::CTestSequence test = random_sequence(p, 3, 1);
  write_c(folder, program::c_source(p, "model", std::vector{test}));
  const std::string header = program::c_source(p, "model", std::vector{test}).header;
  CHECK(header.find("x = (value - mean) / deviation") != std::string::npos);
  CHECK(header.find("value = real number * deviation + mean") != std::string::npos);
  if (!there_is("cc")) {
    MESSAGE("skipped: there is no C compiler cc");
    return;
  }
  write_quickly(folder / "units.c", R"(#include "model.h"
int main(void) {
  static const float means[] = MODEL_INPUT_MEAN;
  static const float deviations[MODEL_INPUTS] = MODEL_INPUT_DEVIATION;
  static const float out_means[] = MODEL_OUTPUT_MEAN;
  static const float out_deviations[MODEL_OUTPUTS] = MODEL_OUTPUT_DEVIATION;
  if (sizeof means != sizeof deviations || sizeof out_means != sizeof out_deviations) return 1;
  if (means[0] != 0x1.99999ap-4f || means[1] != -20.0f) return 2;
  if (deviations[0] != 3.0f || deviations[1] != 0x1.666666p-1f) return 3;
  return out_means[1] != 0x1.ad7f2ap-24f || out_deviations[0] != 16777216.0f || out_deviations[1] != 1.0f;
}
)");
  const Outcome compiled = compile(folder, "cc", "-o units units.c model.c");
  CHECK(compiled.output.empty());
  CHECK(compiled.code == 0);
  CHECK(shell((folder / "units").string()).code == 0);

  Program plain = p;
  plain.input.units = plain.output.units = {};
  const std::string without = program::c_source(plain, "model", std::vector{test}).header;
  CHECK(without.find("MEAN") == std::string::npos);
  CHECK(without.find("mean") == std::string::npos);
}

TEST_CASE("units: the ONNX model says that its input is standardised, and by what") {
  const std::string model = program::onnx_model(program_with_units());
  CHECK(
      model.find("x is (value - mean) / deviation in float32; mean [0.100000001, -20], deviation [3, 0.699999988].") !=
      std::string::npos);
  CHECK(model.find("The target's value is y * deviation + mean; mean [0.100000001, 1.00000001e-07], deviation "
                   "[16777216, 1].") != std::string::npos);
}

}  // namespace bitstate::tests
