// What y and x of one's own HDF5 files are, by type and shape, as h5py, sklearn and others write them.
#include "datasets/own/own.h"
#include "datasets/splits.h"
#include "tests/datasets/own/own_files.h"

#include <hdf5.h>

#include <doctest/doctest.h>

#include <array>

using namespace bitstate;
using namespace bitstate::datasets;
using namespace bitstate::tests;

namespace {

/// Adds an array of booleans as h5py stores them: an enum of bytes.
void add_booleans(const std::filesystem::path& file, const char* name, const std::vector<hsize_t>& shape,
                  const std::vector<std::int8_t>& values) {
  const hid_t opened = H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t type = H5Tenum_create(H5T_NATIVE_INT8);
  const std::array<std::int8_t, 2> both = {0, 1};
  H5Tenum_insert(type, "FALSE", both.data());
  H5Tenum_insert(type, "TRUE", both.data() + 1);
  const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
  const hid_t array = H5Dcreate2(opened, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  REQUIRE(H5Dwrite(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0);
  H5Dclose(array);
  H5Sclose(space);
  H5Tclose(type);
  H5Fclose(opened);
}

/// A file of x alone, of 12 sequences of 4 steps.
std::filesystem::path with_x(const TempFolder& folder) {
  return written(folder, [](Hdf5Writer& writer) { writer.write("x", counting(0, 48), {12, 4}); });
}

const std::vector<std::int8_t> booleans = {0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1};

template <class T>
std::filesystem::path with_y(const TempFolder& folder, const std::vector<T>& y, const Hdf5Shape& shape) {
  return written(folder, [&](Hdf5Writer& writer) {
    writer.write("x", counting(0, 48), {12, 4});
    writer.write("y", y, shape);
  });
}

void check_classes(const Splits& splits) {
  CHECK(splits.task == Task::classification);
  CHECK(splits.d_output == 2);
  for (std::size_t i = 0; i < splits.train->size(); ++i) {
    const Example example = example_of(splits.train, i);
    CHECK(example.label == booleans[static_cast<std::size_t>(example.x[0]) / 4]);
  }
}

}  // namespace

TEST_CASE("own labels: booleans and integers are classes, also as a column") {
  const TempFolder folder;
  for (const std::vector<hsize_t>& shape : {std::vector<hsize_t>{12}, {12, 1}}) {
    const auto file = with_x(folder);
    add_booleans(file, "y", shape, booleans);
    check_classes(own_data(file, {}));
    check_classes(own_data(file, {.task = "classification"}));
    CHECK(own_data(file, {.task = "value"}).task == Task::value);
    const Hdf5Shape sizes(shape.begin(), shape.end());
    check_classes(own_data(with_y(folder, std::vector<std::uint8_t>(booleans.begin(), booleans.end()), sizes), {}));
    check_classes(own_data(with_y(folder, std::vector<std::int64_t>(booleans.begin(), booleans.end()), sizes), {}));
    check_classes(own_data(with_y(folder, std::vector<std::uint64_t>(booleans.begin(), booleans.end()), sizes), {}));
  }
}

TEST_CASE("own labels: floating-point numbers that may be classes are refused, --task decides") {
  const TempFolder folder;
  for (const Hdf5Shape& shape : {Hdf5Shape{12}, Hdf5Shape{12, 1}}) {
    const auto file = with_y(folder, Floats(booleans.begin(), booleans.end()), shape);
    says(usage_of(file, {}),
         "holds the whole numbers from 0 to 1 as floating-point numbers, which may be classes or "
         "values: say --task=classification or --task=value");
    check_classes(own_data(file, {.task = "classification"}));
    CHECK(own_data(file, {.task = "value"}).task == Task::value);
  }
  // a number is missing, is there once, or is a fraction: values
  CHECK(own_data(with_y(folder, counting(0, 12), {12}), {}).task == Task::value);
  CHECK(own_data(with_y(folder, Floats{0, 2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 2}, {12}), {}).task == Task::value);
  CHECK(own_data(with_y(folder, Floats{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0.5F}, {12}), {}).task == Task::value);
  CHECK(own_data(with_y(folder, Floats{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, -1}, {12}), {}).task == Task::value);
}

TEST_CASE("own labels: rows with one 1 are refused, --task=value takes them as values") {
  const TempFolder folder;
  Floats rows;
  for (const std::int8_t one : booleans)
    rows.insert(rows.end(), {one == 0 ? 1.0F : 0.0F, one == 0 ? 0.0F : 1.0F, 0.0F});
  const auto file = with_y(folder, rows, {12, 3});
  says(usage_of(file, {}), "each row of " + file.string() + ": /y has one 1 among 0, which may be a class or 3 values");
  CHECK(own_data(file, {.task = "value"}).d_output == 3);
  rows[5] = 0.25F;
  CHECK(own_data(with_y(folder, rows, {12, 3}), {}).d_output == 3);
}

TEST_CASE("own labels: x of integers with one column, and of booleans, may be tokens or numbers") {
  const TempFolder folder;
  const std::vector<std::int64_t> y(12, 1);
  const auto integers = [&](const Hdf5Shape& shape) {
    return written(folder, [&](Hdf5Writer& writer) {
      writer.write("x", std::vector<std::int32_t>(48, 3), shape);
      writer.write("y", y);
    });
  };
  says(usage_of(integers({12, 4, 1}), {}), "/x] integers of the shape [12, 4, 1] may be token ids or numbers");
  CHECK(own_data(integers({12, 4}), {}).tokens);
  CHECK_FALSE(own_data(integers({12, 2, 2}), {}).tokens);
  const auto file = written(folder, [&](Hdf5Writer& writer) { writer.write("y", y); });
  add_booleans(file, "x", {12, 4}, std::vector<std::int8_t>(48, 1));
  says(usage_of(file, {}), "/x] booleans of the shape [12, 4] may be token ids or numbers");
}

TEST_CASE("own labels: texts, negative numbers and numbers with gaps in HDF5 are classes with names") {
  const TempFolder folder;
  const auto with_texts = [&](const std::vector<std::string>& y) {
    return written(folder, [&](Hdf5Writer& writer) {
      writer.write("x", counting(0, 48), {12, 4});
      writer.write_texts("y", y);
    });
  };
  const std::vector<std::string> y{"up", "up", "b", "up", "b", "-1", "up", "b", "b", "up", "up", "-1"};
  const Splits texts = own_data(with_texts(y), {});
  CHECK(texts.task == Task::classification);
  CHECK(texts.reading.classes == std::vector<std::string>{"-1", "b", "up"});
  for (std::size_t i = 0; i < texts.train->size(); ++i) {
    const Example example = example_of(texts.train, i);
    const auto label = static_cast<std::size_t>(example.label);
    CHECK(texts.reading.classes[label] == y[static_cast<std::size_t>(example.x[0]) / 4]);
  }
  Reading learnt = texts.reading;
  learnt.outputs = 3;
  learnt.classes = {"up", "b", "-1"};  // as it was trained
  CHECK(own_data(folder / "d.h5", {}, {}, learnt).reading.classes == learnt.classes);
  auto other = y;
  other[3] = "down";
  says(error_of<Error>([&] { (void)own_data(with_texts(other), {}, {}, learnt); }),
       "the model was trained with the classes up, b, -1; these data also hold down");
  other[3] = "";
  says(refusal_of(with_texts(other)), "/y] element 3: expected a class (a whole number or a name), got \"\"");

  const std::vector<std::int64_t> numbers{-1, 1, 1, -1, 1, 1, -1, 5, 5, 1, -1, 1};
  CHECK(own_data(with_y(folder, numbers, {12}), {}).reading.classes == std::vector<std::string>{"-1", "1", "5"});
  const auto floats = with_y(folder, Floats(numbers.begin(), numbers.end()), {12});
  CHECK(own_data(floats, {.task = "classification"}).reading.classes == std::vector<std::string>{"-1", "1", "5"});
  CHECK(own_data(floats, {}).task == Task::value);
}

TEST_CASE("own labels: a column of texts in CSV is one of classes, and the digest sees their names") {
  const TempFolder folder;
  const auto with = [&](const char* up, const char* down) {
    std::string rows = "u,y\n";
    for (int i = 0; i < 60; ++i) rows += fmt::format("{},{}\n", i, i % 3 == 0 ? up : down);
    tests::write_quickly(folder / "s.csv", rows);
    return own_data(folder / "s.csv", {.input = "u", .target = "y", .task = "classification"}, {.window = 5});
  };
  const Splits splits = with("up", "\"going down\"");
  CHECK(splits.d_output == 2);
  CHECK(splits.reading.classes == std::vector<std::string>{"going down", "up"});
  for (std::size_t i = 0; i < splits.train->size(); ++i) {
    CHECK(example_of(splits.train, i).label == ((i * 5 + 4) % 3 == 0 ? 1 : 0));
  }
  CHECK(summary(splits).find("2 classes: going down, up;") != std::string::npos);
  CHECK(digest(with("up", "down")) != digest(splits));
  CHECK(with("-1", "1.0").reading.classes == std::vector<std::string>{"-1", "1"});
}
