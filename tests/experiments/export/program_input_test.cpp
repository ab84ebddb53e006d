#include "experiments/export/program_input.h"

#include "core/error.h"
#include "core/io/hdf5.h"
#include "datasets/own/own.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <string>
#include <vector>

namespace bitstate::tests {
namespace {

using experiments::read_sequences;

/// A program that reads what `data` holds.
program::Program program_for(const datasets::Splits& data) {
  program::Program p;
  p.input.cols = static_cast<std::uint32_t>(data.d_input);
  p.input.grid = {0.0123F, -127, 127};
  p.input.units = data.reading.input_units;
  return p;
}

}  // namespace

TEST_CASE("program input: values of a file become the codes that the data set's examples have") {
  const TempFolder folder;
  std::string table = "u,v,y\n";
  std::string inputs = "u,v\n";
  std::vector<float> tested;
  for (int i = 0; i < 200; ++i) {
    const std::string row = fmt::format("{},{}", 20.0 + std::sin(0.1 * i) / 3.0, 1e-3 * std::cos(0.37 * i));
    table += row + ",1\n";
    if (i < 180) continue;
    inputs += row + "\n";
    tested.push_back(static_cast<float>(20.0 + std::sin(0.1 * i) / 3.0));
    tested.push_back(static_cast<float>(1e-3 * std::cos(0.37 * i)));
  }
  write_quickly(folder / "s.csv", table);
  write_quickly(folder / "inputs.csv", inputs);
  const datasets::Splits data = datasets::own_data(folder / "s.csv", {.input = "u,v", .target = "y"});
  const program::Program p = program_for(data);

  datasets::Example example;
  data.test->read(0, example);
  std::vector<std::vector<std::int32_t>> expected(1);
  expected[0].resize(example.x.size());
  program::encode_input(p, example.x.data(), expected[0].size(), expected[0].data());
  REQUIRE(expected[0].size() == 40);
  CHECK(expected[0][0] != expected[0][20]);
  std::string said;
  CHECK(read_sequences(p, folder / "inputs.csv", &said) == expected);
  CHECK(said == (folder / "inputs.csv").string() + ": 1 sequence of 20 steps with the header u,v");
  write_quickly(folder / "INPUTS.CSV", inputs.substr(4));
  CHECK(read_sequences(p, folder / "INPUTS.CSV", &said) == expected);
  CHECK(said == (folder / "INPUTS.CSV").string() + ": 1 sequence of 20 steps without a header");

  Hdf5Writer writer(folder / "inputs.h5");
  writer.write("x", tested, {1, 20, 2});
  writer.commit();
  CHECK(read_sequences(p, folder / "inputs.h5") == expected);
}

TEST_CASE(
    "program input: of an HDF5 file the true steps are read, and what is wrong with them is named by its sequence") {
  const TempFolder folder;
  program::Program p;
  p.input.cols = 1;
  p.input.grid = {1.0F, -100, 100};
  const auto file = [&](std::vector<float> x, const std::vector<std::int64_t>& length) {
    Hdf5Writer writer(folder / "x.h5");
    writer.write("x", x, {2, 3});
    if (!length.empty()) writer.write("length", length);
    writer.commit();
    return folder / "x.h5";
  };
  const float nan = std::nanf("");
  const auto refusal = [&](const std::filesystem::path& path) {
    return error_of<Error>([&] { (void)read_sequences(p, path); });
  };
  CHECK(read_sequences(p, file({1, 2, 3, 4, 5, 6}, {})) ==
        std::vector<std::vector<std::int32_t>>{{1, 2, 3}, {4, 5, 6}});
  CHECK(read_sequences(p, file({1, 2, nan, 4, nan, nan}, {2, 1})) ==
        std::vector<std::vector<std::int32_t>>{{1, 2}, {4}});
  CHECK(refusal(file({1, 2, 3, 4, nan, 6}, {3, 2}))
            .find("x.h5: sequence 1] expected finite numbers, but number 1 of it is nan") != std::string::npos);
  CHECK(refusal(file({1, 2, 3, 4, 5, 6}, {3, 4})).find("sequence 1: expected a length from 1 to 3, got 4") !=
        std::string::npos);
}

TEST_CASE("program input: sequences with labels, arrays and sounds, as the run that trained the program read them") {
  const TempFolder folder;
  program::Program p;
  p.input.cols = 1;
  p.input.grid = {1.0F, -100, 100};
  using Sequences = std::vector<std::vector<std::int32_t>>;
  write_quickly(folder / "a.ts", "@classLabel true a b\n@data\n1,2,3:a\n4:b\n");
  CHECK(read_sequences(p, folder / "a.ts") == Sequences{{1, 2, 3}, {4}});
  p.settings = "dataset = own\n";
  write_quickly(folder / "a.tsv", "0\t1\t2\n1\t3\t4\n");
  CHECK(read_sequences(p, folder / "a.tsv") == Sequences{{1, 2}, {3, 4}});
  write_quickly(folder / "a.csv", "0,1,2\n1,3,4\n");
  p.settings = "dataset = own\nrows = sequences\n";
  CHECK(read_sequences(p, folder / "a.csv") == Sequences{{1, 2}, {3, 4}});
  Hdf5Writer writer(folder / "x.h5");
  writer.write("/group/u", std::vector<float>{1, 2, 3, 4, 5, 6}, {3, 2});
  writer.commit();
  p.settings = "dataset = own\nx = /group/u\n";
  CHECK(read_sequences(p, folder / "x.h5") == Sequences{{1, 2}, {3, 4}, {5, 6}});
  p.input.cols = 2;
  CHECK(error_of<Error>([&] {
          (void)read_sequences(p, folder / "x.h5");
        }).find("x.h5: a step has 1 numbers, but the program reads 2") != std::string::npos);
  p.settings += "rows = steps\n";
  CHECK(read_sequences(p, folder / "x.h5") == Sequences{{1, 2, 3, 4, 5, 6}});
  p.settings.clear();
  CHECK(error_of<Error>([&] {
          (void)read_sequences(p, folder / "x.h5");
        }).find("there is no array x; it holds group") != std::string::npos);
}

TEST_CASE("program input: a CSV file of another width, or with a hole, is refused by its line") {
  const TempFolder folder;
  program::Program p;
  p.input.cols = 2;
  p.input.grid = {1.0F, -7, 7};
  const auto refusal = [&](const std::string& text) {
    write_quickly(folder / "x.csv", text);
    return error_of<Error>([&] { (void)read_sequences(p, folder / "x.csv"); });
  };
  CHECK(refusal("1,2\n3,4\n").empty());
  CHECK(refusal("u,v,w\n1,2,3\n").find("x.csv, line 1: there are 3 columns, but the program reads 2") !=
        std::string::npos);
  CHECK(refusal("1,2\n3,\n").find("x.csv, line 2") != std::string::npos);
  CHECK(refusal("1,2\nnan,1\n").find("x.csv, line 2") != std::string::npos);
  CHECK(refusal("1,2\n1e39,1\n").find("number 2 of it is 1e+39, which is too large for this program") !=
        std::string::npos);
  CHECK(refusal(",0,1\n0,1.5,2.5\n").find("x.csv, line 1: \"0, 1\" may be names") != std::string::npos);
  p.input.cols = 1;
  CHECK(refusal("u\n1\n\n2\n").find("x.csv, line 3: column u is empty, but goes on in line 4") != std::string::npos);
}

TEST_CASE("program input: a table with holes or times says with which options the program was trained") {
  const TempFolder folder;
  program::Program p;
  p.input.cols = 1;
  p.input.grid = {1.0F, -7, 7};
  p.settings = "dataset = own\ninput = u\ntarget = y\ntime = t\nmissing = hold\n";
  std::string said;
  const auto refusal = [&](const std::string& text, const datasets::TableSettings& given = {}) {
    write_quickly(folder / "x.csv", text);
    said.clear();
    return error_of<Error>([&] { (void)read_sequences(p, folder / "x.csv", &said, given); });
  };
  const std::string hint = "the program was trained with --missing=hold --time=t";
  const std::string hole = "t,u\n0,1\n1,\n2,3\n";
  says(refusal(hole), "line 3: column u is empty");
  says(refusal(hole), hint + ": run takes the same options");
  says(refusal(hole, {.time = "t"}), "trained with --missing=hold: run takes the same options");
  CHECK(refusal(hole, {.missing = "hold", .time = "t"}).empty());
  says(said, "of which u is read (t in steps of 1");
  CHECK(said.find("trained") == std::string::npos);
  CHECK(refusal("t,u\n0,1\n1,2\n").empty());
  says(said, "of which u is read; " + hint + ", which is not given here");
  CHECK(refusal("u\n1\n2\n").empty());  // no time in it that could matter
  CHECK(said.find("trained") == std::string::npos);
  p.settings = "dataset = own\ninput = u\ntarget = y\n";
  CHECK(refusal(hole).find("trained") == std::string::npos);
  says(refusal(hole), "column u");

  const auto folder_sentence = error_of<UsageError>([&] { (void)read_sequences(p, folder.path()); });
  says(folder_sentence,
       folder.path().string() + " is a folder; run takes one file, a table (.csv, .tsv, .dat or .txt)");
}

}  // namespace bitstate::tests
