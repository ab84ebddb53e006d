#include "datasets/own/own_hdf5.h"

#include "datasets/splits.h"
#include "tests/datasets/own/own_files.h"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <limits>

using namespace bitstate;
using namespace bitstate::datasets;
using namespace bitstate::tests;

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
  CHECK(regression.reading.input_units.mean == Doubles{11, 12});
  CHECK(regression.reading.target_units.mean == Doubles{16.5, 17.5, 18.5});
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
  says(refusal_of(folder.path()), "expected the attribute vocabulary to be from 22");
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
  refused(bad, "/x] sequence 1: expected finite numbers, but number 2 of it is nan");
  bad.length = std::vector<std::int64_t>(12, 2);
  CHECK(refusal_of(written(folder, bad)).empty());  // what stands behind the end is not looked at
  bad = {};
  bad.y[3] = std::numeric_limits<float>::infinity();
  refused(bad, "/y] sequence 3: expected finite numbers, but number 0 of it is inf");
  bad = {.y = Floats(96, 1.0F), .y_shape = {12, 4, 2}, .length = std::vector<std::int64_t>(12, 3)};
  bad.y[3 * 8 + 6] = nan;
  CHECK(refusal_of(written(folder, bad)).empty());
  bad.y[3 * 8 + 5] = nan;
  refused(bad, "/y] sequence 3: expected finite numbers, but number 5 of it is nan");
  refused({.length = {0, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4}}, "sequence 0: expected a length from 1 to 4, got 0");
  refused({.length = {4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5}}, "sequence 11: expected a length from 1 to 4, got 5");
  refused({.length = {4, 4}}, "/length] the shape is [2], but x has 12 sequences");
  refused({.x_shape = {48}}, "/x] expected the shape [sequences, steps, columns] or [sequences, steps], got [48]");
  refused({.x = {}, .x_shape = {12, 0}},
          "/x] expected the shape [sequences, steps, columns] or [sequences, steps], got [12, 0]");
  refused({.x_shape = {6, 8}}, "/y] the shape is [12], which does not fit value of 6 sequences");
  refused({.y_shape = {12, 1, 1}}, "/y] the shape is [12, 1, 1]");
  refused({}, "/y] the shape is [12], which does not fit regression", "regression");
  refused({.y = counting(0, 24), .y_shape = {12, 2}}, "which does not fit classification", "classification");
  refused({.y = Floats(12, 0.5F)}, "/y", "classification");
  refused({.x = counting(0, 9), .x_shape = {9, 1}, .y = counting(0, 9), .y_shape = {9}}, "takes at least 10");
  says(refusal_of(written(folder, [](Hdf5Writer& writer) { writer.group("train"); })), "neither arrays x and y");
  for (const std::int32_t token : {-1, 65536}) {
    const auto file = written(folder, [&](Hdf5Writer& writer) {
      writer.write("x", std::vector<std::int32_t>(12, token), {12, 1});
      writer.write("y", std::vector<std::int32_t>(12, token));
    });
    says(refusal_of(file), fmt::format("expected a token from 0 to 65535, got {}", token));
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
