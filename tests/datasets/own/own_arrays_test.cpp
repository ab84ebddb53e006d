#include "datasets/own/own_arrays.h"

#include "datasets/splits.h"
#include "tests/datasets/formats/mat_files.h"
#include "tests/datasets/formats/npy_files.h"
#include "tests/datasets/own/own_files.h"
#include "tests/support/archives.h"

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
  CHECK(classes.d_output == 2);
  CHECK(classes.reading.classes == std::vector<std::string>{"0", "4"});
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
  written(
      folder,
      [&](Hdf5Writer& writer) {
        writer.write("x", std::vector<std::int32_t>{0, 1}, {1, 2});
        writer.write("y", std::vector<std::int32_t>{10});
      },
      "test.hdf5");
  says(refusal_of(folder.path()), "the file states the classes 0 to 9; these data also hold 10");
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
       "/test/x] x has 2 columns of numbers");
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

TEST_CASE("own arrays: names by option, with or without groups, and those of parts in one file") {
  const TempFolder folder;
  const auto file = written(folder, [](Hdf5Writer& writer) {
    writer.write("/group/u", counting(0, 48), {12, 4});
    writer.write("/group/v", std::vector<std::int32_t>{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1});
    writer.write("/group/length", std::vector<std::int64_t>(12, 3));
    writer.write("other", counting(0, 2));
  });
  const Splits splits = own_data(file, {.x = "/group/u", .y = "/group/v"});
  CHECK(splits.train->size() == 9);
  CHECK(splits.d_output == 2);
  says(splits.origin, "; not read: other");
  says(refusal_of(file), "there are neither arrays x and y nor groups train and test with them; it holds group, other");
  says(refusal_of(file, {.x = "/group/u"}), "y] is not a readable array");

  using npz = std::vector<Member>;
  const auto x = [](int first) {
    return npy_of<double>("<f8", "(2, 3)", {first + 0.0, first + 1.0, first + 2.0, 10, 11, 12});
  };
  const std::string y = npy_of<std::uint32_t>("<U1", "(2,)", {'b', 'a'});
  write_quickly(folder / "a.npz", zip_of(npz{{"x_train.npy", x(0)},
                                             {"y_train.npy", y},
                                             {"XTest.npy", x(5)},
                                             {"YTest.npy", y},
                                             {"val-x.npy", x(7)},
                                             {"val_y.npy", y}},
                                         true));
  const Splits parts = own_data(folder / "a.npz", {});
  CHECK(parts.reading.classes == std::vector<std::string>{"a", "b"});
  CHECK(restored(parts, parts.train, 0).x == Floats{0, 1, 2});
  CHECK(restored(parts, parts.test, 0).x == Floats{5, 6, 7});
  CHECK(restored(parts, parts.validation, 0).x == Floats{7, 8, 9});
  CHECK(parts.reading.input_units.mean.size() == 1);  // no place in the file says that it stays as it is
  write_quickly(folder / "b.npz",
                zip_of(npz{{"x_train.npy", x(0)}, {"X_TRAIN.npy", x(0)}, {"x_test.npy", x(0)}}, false));
  says(usage_of(folder / "b.npz", {}), "holds X_TRAIN, x_train, any of which may be x of train: say --x=NAME");
}

TEST_CASE("own arrays: sequences are cut into windows with the label of the whole") {
  const TempFolder folder;
  const auto file = written(folder, [](Hdf5Writer& writer) {
    for (const char* group : {"train", "test"}) {
      writer.write(std::string(group) + "/x", counting(0, 24), {2, 6, 2});
      writer.write(std::string(group) + "/y", std::vector<std::int32_t>{0, 1});
      writer.write(std::string(group) + "/length", std::vector<std::int64_t>{6, 5});
    }
  });
  const Splits splits = own_data(file, {}, {3, 2});
  CHECK(splits.train->size() == 4);  // from 0 and 2 of both
  CHECK(splits.test->size() == 4);   // from 0 and 3 of both, the last with 2 steps
  CHECK(splits.max_length == 3);
  CHECK(example_of(splits.train, 1).x == counting(4, 6));
  CHECK(example_of(splits.train, 2).label == 1);
  CHECK(example_of(splits.test, 3).x == counting(18, 4));
  says(usage_of(file, {}, {3, 2, 1}), "[horizon] is for series (--rows=steps), not for sequences");
  says(usage_of(file, {}, {0, 2}), "[stride] is 2, but there is no window to move");
}

TEST_CASE("own arrays: a long series of steps is cut in time and into windows as a table is") {
  const TempFolder folder;
  const auto file = written(folder, [](Hdf5Writer& writer) {
    writer.write("x", counting(0, 80), {40, 2});
    writer.write("y", counting(0, 40, 10.0F, 1.0F), {40});
    writer.write_texts("names", std::vector<std::string>(40, "up"));
  });
  const OwnSettings steps{.rows = "steps"};
  const Splits splits = own_data(file, steps, {8, 4, 1});
  CHECK(splits.task == Task::regression);
  CHECK(splits.d_input == 2);
  CHECK(splits.train->size() == 6);
  CHECK(restored(splits, splits.train, 1).x == counting(8, 16));
  CHECK(restored(splits, splits.train, 1).target == counting(5, 8, 10.0F, 1.0F));
  CHECK(restored(splits, splits.test, 0).x == counting(72, 6));
  says(splits.origin, "40 steps of d.h5, x of 2 columns, y of 1, standardised");
  const OwnSettings names{.task = "classification", .rows = "steps", .y = "names"};
  CHECK(own_data(file, names, {8}).reading.classes == std::vector<std::string>{"up"});
  says(usage_of(file, {}, {8}),
       "x [40, 2] may be 40 sequences of 2 steps or a series of 40 steps: say --rows=sequences");
  CHECK(own_data(file, {.rows = "sequences"}, {1}).train->size() == 64);

  for (int i = 0; i < 12; ++i) {
    std::filesystem::create_directory(folder / "all");
    written(
        folder,
        [&](Hdf5Writer& writer) {
          writer.write("x", counting(static_cast<std::size_t>(10 * i), 5), {5});
          writer.write("y", counting(0, 5), {5});
        },
        fmt::format("all/{:02}.h5", i));
  }
  const Splits files = own_data(folder / "all", steps);
  CHECK(files.train->size() == 9);
  CHECK(files.validation->size() == 1);
  CHECK(files.test->size() == 2);
  for (const Hdf5Shape& columns : {Hdf5Shape{5, 2}, Hdf5Shape{5}}) {
    const bool x = columns.size() == 2;
    written(
        folder,
        [&](Hdf5Writer& writer) {
          writer.write("x", counting(0, x ? 10 : 5), columns);
          writer.write("y", counting(0, x ? 5 : 10), x ? Hdf5Shape{5} : Hdf5Shape{5, 2});
        },
        "all/12.h5");
    says(refusal_of(folder / "all", steps),
         fmt::format("12.h5] x has {} columns and y {}, but before they had 1 and 1", x ? 2 : 1, x ? 1 : 2));
  }
}

TEST_CASE("own arrays: sequences of several files of a part keep their classes and values") {
  const TempFolder folder;
  std::filesystem::create_directory(folder / "train");
  for (const bool classes : {true, false}) {
    for (const std::size_t file : {0, 1, 2}) {
      written(
          folder,
          [&](Hdf5Writer& writer) {
            writer.write("x", counting(10 * file, 6), {3, 2});
            const auto label = static_cast<std::int32_t>(file);
            if (classes) writer.write("y", std::vector<std::int32_t>{label, 3, label});
            if (!classes) writer.write("y", counting(100 * file, 3), {3});
          },
          file == 2 ? "test.h5" : fmt::format("train/{}.h5", file));
    }
    const Splits splits = own_data(folder.path(), {});
    REQUIRE(splits.train->size() == 6);
    for (std::size_t i = 0; i < 6; ++i) {
      const Example example = example_of(splits.train, i);
      CHECK(example.x == counting(10 * (i / 3) + 2 * (i % 3), 2));
      if (classes) CHECK(example.label == (i % 3 == 1 ? 3 : static_cast<std::int32_t>(i / 3)));
      if (!classes) CHECK(example.target == counting(100 * (i / 3) + i % 3, 1));
    }
  }
}

TEST_CASE("own arrays: MATLAB's files of both kinds, whose numbers are classes when it is said") {
  const TempFolder folder;
  Doubles x, y;
  for (int i = 0; i < 36; ++i) x.push_back(i);  // [12, 3], column by column
  for (int i = 0; i < 12; ++i) y.push_back(i % 2 == 0 ? -1 : 1);
  {
    MatWriter writer(folder / "a.mat");
    writer.doubles("X", {12, 3}, x);
    writer.doubles("Y", {12, 1}, y);
    writer.texts("names", {"u", "d", "u", "d", "u", "d", "u", "d", "u", "d", "u", "d"});
  }
  const Splits splits = own_data(folder / "a.mat", {.task = "classification"});
  CHECK(splits.reading.classes == std::vector<std::string>{"-1", "1"});
  for (std::size_t i = 0; i < splits.train->size(); ++i) {
    const Example example = restored(splits, splits.train, i);
    CHECK(example.x == Floats{example.x[0], example.x[0] + 12, example.x[0] + 24});
    CHECK(example.label == static_cast<int>(example.x[0]) % 2);
  }
  CHECK(own_data(folder / "a.mat", {}).task == Task::value);
  CHECK(own_data(folder / "a.mat", {.y = "names"}).reading.classes == std::vector<std::string>{"d", "u"});
  Hdf5Writer writer(folder / "b.h5");
  writer.write("X", x, {3, 12});
  writer.write("Y", y, {1, 12});
  writer.commit();
  make_mat_73(folder / "b.h5", folder / "b.mat");
  const Splits later = own_data(folder / "b.mat", {.task = "classification"});
  CHECK(later.reading == splits.reading);
  CHECK(example_of(later.train, 3).x == example_of(splits.train, 3).x);
}
