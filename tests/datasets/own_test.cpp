#include "datasets/own.h"

#include "core/error.h"
#include "core/hdf5.h"
#include "core/units.h"
#include "datasets/splits.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

using namespace bitstate;
using namespace bitstate::datasets;
using tests::error_of;
using tests::TempFolder;

namespace {

using Floats = std::vector<float>;

/// Rows u = i, y = 10 i + 1, c = i mod 3, constant 5.
std::string series(std::size_t rows, std::size_t first = 0) {
  std::string text = "u,y,c,k\n";
  for (std::size_t i = first; i < first + rows; ++i) text += fmt::format("{},{},{},5\n", i, 10 * i + 1, i % 3);
  return text;
}

Example example_of(const std::shared_ptr<const Dataset>& data, std::size_t index) {
  Example example;
  data->read(index, example);
  CHECK(example.length > 0);
  return example;
}

/// An example in the units of the file.
Example restored(const Splits& splits, const std::shared_ptr<const Dataset>& data, std::size_t index) {
  Example example = example_of(data, index);
  restore(splits.reading.input_units, example.x);
  restore(splits.reading.target_units, example.target);
  for (float& v : example.x) v = std::round(v);
  for (float& v : example.target) v = std::round(v);
  return example;
}

Floats counting(std::size_t first, std::size_t count, float factor = 1.0F, float offset = 0.0F) {
  Floats values;
  for (std::size_t i = first; i < first + count; ++i) values.push_back(static_cast<float>(i) * factor + offset);
  return values;
}

std::string usage_of(const std::filesystem::path& file, const OwnOptions& options) {
  return error_of<UsageError>([&] { (void)own_data(file, options); });
}

std::string refusal_of(const std::filesystem::path& file, const OwnOptions& options = {}) {
  return error_of<Error>([&] { (void)own_data(file, options); });
}

bool says(const std::string& message, const std::string& words) {
  CAPTURE(message);
  CAPTURE(words);
  const bool found = message.find(words) != std::string::npos;
  CHECK(found);
  return found;
}

const OwnOptions u_to_y{.input = {"u"}, .target = {"y"}};

OwnOptions with(std::size_t window, std::size_t stride = 0, std::size_t horizon = 0) {
  return {.input = {"u"}, .target = {"y"}, .window = window, .stride = stride, .horizon = horizon};
}

/// Writes x, y and perhaps length of 12 sequences of 4 steps below `group`.
struct Arrays {
  Floats x = counting(0, 48);
  Hdf5Shape x_shape{12, 4};
  Floats y = counting(100, 12);
  Hdf5Shape y_shape{12};
  std::vector<std::int64_t> length{};

  void write(Hdf5Writer& writer, const std::string& group = "") const {
    writer.write(group + "/x", x, x_shape);
    writer.write(group + "/y", y, y_shape);
    if (!length.empty()) writer.write(group + "/length", length);
  }
};

std::filesystem::path written(const TempFolder& folder, const std::function<void(Hdf5Writer&)>& content,
                              const std::string& name = "d.h5") {
  Hdf5Writer writer(folder / name);
  content(writer);
  writer.commit();
  return folder / name;
}

std::filesystem::path written(const TempFolder& folder, const Arrays& arrays) {
  return written(folder, [&](Hdf5Writer& writer) { arrays.write(writer); });
}

}  // namespace

TEST_CASE("own: a CSV file is cut in time, standardised by its training part") {
  const TempFolder folder;
  tests::write_quickly(folder / "s.csv", series(40));
  const Splits splits = own_data(folder / "s.csv", u_to_y);
  CHECK(splits.task == Task::regression);
  CHECK_FALSE(splits.tokens);
  CHECK(splits.d_input == 1);
  CHECK(splits.d_output == 1);
  CHECK(splits.max_length == 32);
  REQUIRE(splits.train->size() == 1);
  REQUIRE(splits.validation->size() == 1);
  REQUIRE(splits.test->size() == 1);
  // of 0 to 31: mean 15.5, variance (32^2 - 1) / 12
  CHECK(splits.reading.input_units.mean == Floats{15.5F});
  CHECK(splits.reading.input_units.deviation[0] == doctest::Approx(std::sqrt(1023.0 / 12.0)).epsilon(1e-6));
  CHECK(splits.reading.target_units.mean == Floats{156.0F});
  CHECK(splits.reading.target_units.deviation[0] == doctest::Approx(10.0 * std::sqrt(1023.0 / 12.0)).epsilon(1e-6));
  const Example train = example_of(splits.train, 0);
  CHECK(train.x[0] == (0.0F - 15.5F) / splits.reading.input_units.deviation[0]);
  CHECK(train.target[31] == (311.0F - 156.0F) / splits.reading.target_units.deviation[0]);
  CHECK(restored(splits, splits.validation, 0).x == counting(32, 4));
  const Example test = restored(splits, splits.test, 0);
  CHECK(test.x == counting(36, 4));
  CHECK(test.target == counting(36, 4, 10.0F, 1.0F));
  CHECK_THROWS_AS((void)example_of(splits.test, 1), Error);
}

TEST_CASE("own: a constant column has the deviation 1") {
  const TempFolder folder;
  tests::write_quickly(folder / "s.csv", series(20));
  const Splits splits = own_data(folder / "s.csv", {.input = {"k", "u"}, .target = {"y", "0"}});
  CHECK(splits.d_input == 2);
  CHECK(splits.d_output == 2);
  CHECK(splits.reading.input_units.mean[0] == 5.0F);
  CHECK(splits.reading.input_units.deviation[0] == 1.0F);
  CHECK(splits.reading.input_units.deviation[1] > 4.0F);
  CHECK(restored(splits, splits.test, 0).target == Floats{181, 18, 191, 19});
}

TEST_CASE("own: training windows start every stride steps, the others follow each other and end with the rest") {
  const TempFolder folder;
  tests::write_quickly(folder / "s.csv", series(100));
  const Splits splits = own_data(folder / "s.csv", with(8, 3));
  REQUIRE(splits.train->size() == 25);  // 0, 3, ..., 72: those that fit into 80
  CHECK(restored(splits, splits.train, 0).x == counting(0, 8));
  CHECK(restored(splits, splits.train, 24).x == counting(72, 8));
  CHECK(restored(splits, splits.train, 24).target == counting(72, 8, 10.0F, 1.0F));
  REQUIRE(splits.test->size() == 2);
  CHECK(restored(splits, splits.test, 0).x == counting(90, 8));
  CHECK(restored(splits, splits.test, 1).x == counting(98, 2));
  CHECK(splits.max_length == 8);
  CHECK(own_data(folder / "s.csv", with(8)).train->size() == 10);
  const Splits whole = own_data(folder / "s.csv", with(500));
  CHECK(whole.train->size() == 1);
  CHECK(whole.max_length == 80);
}

TEST_CASE("own: with a horizon the target of a step is that of a later row, and every step is used once in the test") {
  const TempFolder folder;
  tests::write_quickly(folder / "s.csv", series(100));
  const Splits splits = own_data(folder / "s.csv", with(4, 2, 3));
  CHECK(splits.train->size() == 37);  // 77 steps
  const Example train = restored(splits, splits.train, 36);
  CHECK(train.x == counting(72, 4));
  CHECK(train.target == counting(75, 4, 10.0F, 1.0F));
  REQUIRE(splits.test->size() == 2);  // 7 steps
  CHECK(restored(splits, splits.test, 1).x == counting(94, 3));
  CHECK(restored(splits, splits.test, 1).target == counting(97, 3, 10.0F, 1.0F));
  CHECK(own_data(folder / "s.csv", with(0, 0, 9)).test->size() == 1);
  says(refusal_of(folder / "s.csv", with(0, 0, 10)), "there are 10 rows, the horizon of 10 needs at least 11");
}

TEST_CASE("own: of a value or a class a sequence has that of its last step") {
  const TempFolder folder;
  tests::write_quickly(folder / "s.csv", series(100));
  OwnOptions options = with(5, 5, 1);
  options.task = "value";
  const Splits values = own_data(folder / "s.csv", options);
  CHECK(values.task == Task::value);
  CHECK(restored(values, values.train, 2).x == counting(10, 5));
  CHECK(restored(values, values.train, 2).target == Floats{151});
  options.task = "classification";
  options.target = {"c"};
  const Splits classes = own_data(folder / "s.csv", options);
  CHECK(classes.task == Task::classification);
  CHECK(classes.d_output == 3);
  CHECK(classes.reading.target_units == Units{});
  for (std::size_t i = 0; i < classes.train->size(); ++i) {
    const Example example = restored(classes, classes.train, i);
    CHECK(example.label == (static_cast<int>(example.x[4]) + 1) % 3);
    CHECK(example.target.empty());
  }
  for (const char* bad : {"-1", "0.5", "65536"}) {
    tests::write_quickly(folder / "bad.csv", series(30) + "1,2," + bad + ",3\n");
    says(refusal_of(folder / "bad.csv", options), "allowed are whole numbers from 0 to 65535");
  }
}

TEST_CASE("own: a folder has files or folders of series for its parts") {
  const TempFolder folder;
  tests::write_quickly(folder / "train.csv", series(10));
  tests::write_quickly(folder / "test.csv", series(7, 50));
  const Splits files = own_data(folder.path(), with(4));
  CHECK(files.train->size() == 2);
  CHECK(files.validation == nullptr);
  CHECK(files.test->size() == 2);
  CHECK(files.reading.input_units.mean == Floats{4.5F});
  CHECK(restored(files, files.test, 1).x == counting(54, 3));

  std::filesystem::create_directory(folder / "val");
  tests::write_quickly(folder / "val/b.csv", series(5, 20));
  tests::write_quickly(folder / "val/a.csv", series(6, 10));
  tests::write_quickly(folder / "val/readme.txt", "no data");
  const Splits folders = own_data(folder.path(), with(4));
  REQUIRE(folders.validation->size() == 4);  // 4 and 2 steps, 4 and 1
  CHECK(restored(folders, folders.validation, 1).x == counting(14, 2));
  CHECK(restored(folders, folders.validation, 2).x == counting(20, 4));
  CHECK(restored(folders, folders.validation, 3).target == counting(24, 1, 10.0F, 1.0F));
  const Splits ahead = own_data(folder.path(), with(4, 0, 2));
  REQUIRE(ahead.validation->size() == 2);  // 4 steps and 3
  CHECK(restored(ahead, ahead.validation, 1).x == counting(20, 3));
  CHECK(restored(ahead, ahead.validation, 1).target == counting(22, 3, 10.0F, 1.0F));

  tests::write_quickly(folder / "validation.csv", series(9));
  says(refusal_of(folder.path(), with(4)), "are the same part");
  std::filesystem::remove(folder / "validation.csv");
  std::filesystem::remove(folder / "test.csv");
  says(refusal_of(folder.path(), with(4)), "holds no test");
  std::filesystem::create_directory(folder / "test");
  says(refusal_of(folder.path(), with(4)), "holds no .csv file");
  std::filesystem::remove(folder / "test");
  written(
      folder, [](Hdf5Writer& writer) { Arrays{}.write(writer); }, "test.h5");
  says(refusal_of(folder.path(), with(4)), "are of two kinds");
}

TEST_CASE("own: options that fit neither each other nor the data are usage errors") {
  const TempFolder folder;
  tests::write_quickly(folder / "s.csv", series(20));
  const auto file = folder / "s.csv";
  says(usage_of(file, {.target = {"y"}}), "[input] a CSV file needs --input=");
  says(usage_of(file, {.input = {"u"}}), "[target]");
  says(usage_of(file, {.input = {"u"}, .target = {"x"}}), "no column \"x\"; it has u, y, c, k");
  says(usage_of(file, with(0, 2)), "[stride]");
  says(usage_of(file, {.input = {"u"}, .target = {"y"}, .task = "sorting"}), "\"sorting\" is not allowed: auto");
  says(usage_of(file, {.input = {"u"}, .target = {"y", "c"}, .task = "classification"}), "needs one column");
  says(usage_of(folder / "s.txt", u_to_y), "neither a folder nor a .csv or .h5 file");
  says(refusal_of(folder / "absent.csv", u_to_y), "absent.csv");
  says(usage_of(written(folder, Arrays{}), with(4)), "are for CSV files");
  tests::write_quickly(folder / "short.csv", series(9));
  says(refusal_of(folder / "short.csv", u_to_y), "9 rows, to split them takes at least 10");
}

TEST_CASE("own: what standardised does not fit a float is refused") {
  const TempFolder folder;
  std::string text = "u,y\n";
  for (int i = 0; i < 19; ++i) text += fmt::format("{}e-30,1\n", i);
  tests::write_quickly(folder / "s.csv", text + "3e30,1\n");
  says(refusal_of(folder / "s.csv", u_to_y), "the test part] a value is too far");
}

TEST_CASE("own: sequences of an HDF5 file are split by random_split of seed 42, as they are") {
  const TempFolder folder;
  const Splits splits = own_data(written(folder, Arrays{.length = {1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4}}), {});
  CHECK(splits.task == Task::value);
  CHECK(splits.d_input == 1);
  CHECK(splits.d_output == 1);
  CHECK(splits.reading.input_units == Units{});
  CHECK(splits.max_length == 4);
  const auto parts = random_split({9, 1, 2}, 42);
  const std::shared_ptr<const Dataset> data[] = {splits.train, splits.validation, splits.test};
  for (std::size_t p = 0; p < 3; ++p) {
    REQUIRE(data[p]->size() == parts[p].size());
    for (std::size_t i = 0; i < parts[p].size(); ++i) {
      const Example example = example_of(data[p], i);
      CHECK(example.length == parts[p][i] % 4 + 1);
      CHECK(example.x == counting(4 * parts[p][i], example.length));
      CHECK(example.target == counting(100 + parts[p][i], 1));
      CHECK(example.tokens.empty());
    }
  }
}

TEST_CASE("own: groups of an HDF5 file are its parts, type and shape of x and y say what is learned") {
  const TempFolder folder;
  // tokens and classes
  const std::vector<std::int64_t> tokens{3, 1, 0, 2, 2, 7};
  const auto file = written(folder, [&](Hdf5Writer& writer) {
    for (const char* group : {"train", "test"}) {
      writer.write(std::string(group) + "/x", tokens, {2, 3});
      writer.write(std::string(group) + "/y", std::vector<std::uint8_t>{4, 0});
      writer.write(std::string(group) + "/length", std::vector<std::int32_t>{3, 2});
    }
  });
  const Splits classes = own_data(file, {});
  CHECK(classes.task == Task::classification);
  CHECK(classes.tokens);
  CHECK(classes.d_input == 4);  // 7 stands behind the end of its sequence
  CHECK(classes.d_output == 5);
  CHECK(classes.validation == nullptr);
  const Example second = example_of(classes.test, 1);
  CHECK(second.tokens == std::vector<std::int32_t>{2, 2});
  CHECK(second.x.empty());
  CHECK(second.label == 0);
  CHECK(own_data(file, {.task = "value"}).task == Task::value);

  // numbers, targets at each step, all three parts, standardised
  const auto steps = written(folder, [&](Hdf5Writer& writer) {
    for (const char* group : {"/train", "/validation", "/test"}) {
      Arrays{.x = counting(0, 24), .x_shape = {3, 4, 2}, .y = counting(0, 36), .y_shape = {3, 4, 3}}.write(writer,
                                                                                                           group);
    }
    writer.set_attribute("/", "standardize", 1);
  });
  const Splits regression = own_data(steps, {});
  CHECK(regression.task == Task::regression);
  CHECK(regression.d_input == 2);
  CHECK(regression.d_output == 3);
  CHECK(regression.reading.input_units.mean == Floats{11, 12});
  CHECK(regression.reading.target_units.mean == Floats{16.5F, 17.5F, 18.5F});
  CHECK(restored(regression, regression.validation, 1).x == counting(8, 8));
  CHECK(restored(regression, regression.test, 2).target == counting(24, 12));
}

TEST_CASE("own: HDF5 files of a folder are its parts, attributes say the number of classes and tokens") {
  const TempFolder folder;
  for (const char* name : {"train.h5", "validation.h5", "test.hdf5"}) {
    written(
        folder,
        [&](Hdf5Writer& writer) {
          writer.write("x", std::vector<std::int32_t>{0, 1, 1, 0}, {2, 2});
          writer.write("y", std::vector<std::int32_t>{0, 1});
          writer.set_attribute("/", "vocabulary", 20);
          writer.set_attribute("/", "classes", 10);
        },
        name);
  }
  const Splits splits = own_data(folder.path(), {});
  CHECK(splits.d_input == 20);
  CHECK(splits.d_output == 10);
  CHECK(splits.validation->size() == 2);
  written(
      folder,
      [&](Hdf5Writer& writer) {
        writer.write("x", std::vector<std::int32_t>{0, 21}, {1, 2});
        writer.write("y", std::vector<std::int32_t>{0});
      },
      "test.hdf5");
  says(refusal_of(folder.path()), "the attribute vocabulary is 20, allowed are 22");
}

TEST_CASE("own: a shape of y that may be two things has to be told") {
  const TempFolder folder;
  const auto file = written(folder, Arrays{.y = counting(0, 48), .y_shape = {12, 4}});
  says(usage_of(file, {}), "say --task=regression or --task=value");
  const Splits steps = own_data(file, {.task = "regression"});
  CHECK(steps.d_output == 1);
  CHECK(example_of(steps.test, 0).target == example_of(steps.test, 0).x);
  CHECK(own_data(file, {.task = "value"}).d_output == 4);
  const auto three = written(folder, Arrays{.y = counting(0, 36), .y_shape = {12, 3}});
  CHECK(own_data(three, {}).d_output == 3);
}

TEST_CASE("own: HDF5 arrays that do not fit together are refused with file and array") {
  const TempFolder folder;
  const auto refused = [&](const Arrays& arrays, const std::string& words, const std::string& task = "auto") {
    const std::string message = refusal_of(written(folder, arrays), {.task = task});
    says(message, "d.h5");
    says(message, words);
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Arrays bad;
  bad.x[6] = nan;
  refused(bad, "/x] sequence 1: number 2 of it is nan");
  bad.length = std::vector<std::int64_t>(12, 2);
  CHECK(refusal_of(written(folder, bad)).empty());  // what stands behind the end is not looked at
  bad = {};
  bad.y[3] = std::numeric_limits<float>::infinity();
  refused(bad, "/y] sequence 3: number 0 of it is inf");
  bad = {.y = Floats(96, 1.0F), .y_shape = {12, 4, 2}, .length = std::vector<std::int64_t>(12, 3)};
  bad.y[3 * 8 + 6] = nan;
  CHECK(refusal_of(written(folder, bad)).empty());
  bad.y[3 * 8 + 5] = nan;
  refused(bad, "/y] sequence 3: number 5 of it is nan");
  refused({.length = {0, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4}}, "sequence 0 has a length of 0, allowed are 1 to 4");
  refused({.length = {4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5}}, "sequence 11 has a length of 5");
  refused({.length = {4, 4}}, "/length] the shape is [2], x has 12 sequences");
  refused({.x_shape = {48}}, "/x] the shape is [48]");
  refused({.x = {}, .x_shape = {12, 0}}, "/x] the shape is [12, 0]");
  refused({.x_shape = {6, 8}}, "/y] the shape is [12], which for value of 6 sequences");
  refused({.y_shape = {12, 1, 1}}, "/y] the shape is [12, 1, 1]");
  refused({}, "/y] the shape is [12], which for regression", "regression");
  refused({.y = counting(0, 24), .y_shape = {12, 2}}, "which for classification", "classification");
  refused({.y = Floats(12, 0.5F)}, "/y", "classification");
  refused({.x = counting(0, 9), .x_shape = {9, 1}, .y = counting(0, 9), .y_shape = {9}}, "takes at least 10");
  says(refusal_of(written(folder, [](Hdf5Writer& writer) { writer.group("train"); })), "neither arrays x and y");
  for (const std::int32_t token : {-1, 65536}) {
    const auto file = written(folder, [&](Hdf5Writer& writer) {
      writer.write("x", std::vector<std::int32_t>(12, token), {12, 1});
      writer.write("y", std::vector<std::int32_t>(12, token));
    });
    says(refusal_of(file), fmt::format("the token is {}, allowed are 0 to 65535", token));
  }
  says(refusal_of(written(folder,
                          [](Hdf5Writer& writer) {
                            Arrays{}.write(writer, "/train");
                            Arrays{.x_shape = {12, 2, 2}}.write(writer, "/test");
                          })),
       "/test/] x has 2 columns of numbers");
}

TEST_CASE("own: truncated and damaged HDF5 files are errors or give data of the same sizes") {
  const TempFolder folder;
  const auto file = written(folder, Arrays{});
  std::ifstream stream(file, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(stream), {});
  std::size_t errors = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 13) {
    tests::write_quickly(folder / "t.h5", bytes.substr(0, at));
    CHECK(refusal_of(folder / "t.h5").find("t.h5") != std::string::npos);
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    tests::write_quickly(folder / "t.h5", damaged);
    if (!refusal_of(folder / "t.h5").empty()) {
      ++errors;
    } else {
      CHECK(own_data(folder / "t.h5", {}).train->size() == 9);
    }
  }
  CHECK(errors > 10);
}

TEST_CASE("own: data for a model that is trained are read in its units, whatever their own are") {
  const TempFolder folder;
  tests::write_quickly(folder / "s.csv", series(40));
  tests::write_quickly(folder / "t.csv", series(40, 100));
  const Splits trained = own_data(folder / "s.csv", u_to_y);
  OwnOptions options = u_to_y;
  options.reading = trained.reading;
  const Splits splits = own_data(folder / "t.csv", options);
  CHECK(splits.reading == trained.reading);
  CHECK(own_data(folder / "t.csv", u_to_y).reading != trained.reading);
  const Example test = example_of(splits.test, 0);
  CHECK(test.x[0] == (136.0F - 15.5F) / trained.reading.input_units.deviation[0]);
  CHECK(test.target[0] == (1361.0F - 156.0F) / trained.reading.target_units.deviation[0]);
  options.input = {"u", "k"};
  says(refusal_of(folder / "t.csv", options), "2 columns are read, the model was trained with 1");

  const auto file = written(folder, [](Hdf5Writer& writer) {
    Arrays{}.write(writer);
    writer.set_attribute("/", "standardize", 1);
  });
  CHECK(own_data(file, {.reading = Reading{}}).reading == Reading{});
  CHECK(own_data(file, {}).reading.input_units.mean.size() == 1);
  const Splits given = own_data(file, {.reading = Reading{{{10}, {2}}, {{1}, {4}}, ""}});
  const Example first = example_of(given.train, 0);
  const auto sequence = static_cast<float>(random_split({9, 1, 2}, 42)[0][0]);
  CHECK(first.x[0] == (4.0F * sequence - 10.0F) / 2.0F);
  CHECK(first.target[0] == (100.0F + sequence - 1.0F) / 4.0F);
}

TEST_CASE("own: the group of validation may be called val, but not both") {
  const TempFolder folder;
  const auto file = [&](const std::vector<std::string>& groups) {
    return written(folder, [&](Hdf5Writer& writer) {
      for (const auto& group : groups) Arrays{}.write(writer, group);
    });
  };
  CHECK(own_data(file({"train", "val", "test"}), {}).validation != nullptr);
  CHECK(own_data(file({"train", "validation", "test"}), {}).validation != nullptr);
  CHECK(own_data(file({"train", "test"}), {}).validation == nullptr);
  says(refusal_of(file({"train", "val", "validation", "test"})), "validation and val are the same part");
}
