// One's own data as the tests of own.h and own_hdf5.h write and compare them.
#pragma once

#include "core/error.h"
#include "core/io/hdf5.h"
#include "core/units.h"
#include "datasets/own/own.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace bitstate::tests {

using datasets::Dataset;
using datasets::Example;
using datasets::own_data;
using datasets::OwnSettings;
using datasets::SeriesSettings;
using datasets::Splits;

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

/// Rows u = i, y = 10 i + 1, c = i mod 3, constant 5.
inline std::string series(std::size_t rows, std::size_t first = 0) {
  std::string text = "u,y,c,k\n";
  for (std::size_t i = first; i < first + rows; ++i) text += fmt::format("{},{},{},5\n", i, 10 * i + 1, i % 3);
  return text;
}

inline Example example_of(const std::shared_ptr<const Dataset>& data, std::size_t index) {
  Example example;
  data->read(index, example);
  CHECK(example.length > 0);
  return example;
}

/// An example in the units of the file.
inline Example restored(const Splits& splits, const std::shared_ptr<const Dataset>& data, std::size_t index) {
  Example example = example_of(data, index);
  const auto rounded = [](const Units& units, Floats& values) {
    const std::vector<double> numbers = bitstate::restored(units, values);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(std::round(numbers[i]));
  };
  rounded(splits.reading.input_units, example.x);
  rounded(splits.reading.target_units, example.target);
  return example;
}

inline Floats counting(std::size_t first, std::size_t count, float factor = 1.0F, float offset = 0.0F) {
  Floats values;
  for (std::size_t i = first; i < first + count; ++i) values.push_back(static_cast<float>(i) * factor + offset);
  return values;
}

inline std::string usage_of(const std::filesystem::path& file, const OwnSettings& own,
                            const SeriesSettings& series = {}) {
  return error_of<UsageError>([&] { (void)own_data(file, own, series); });
}

inline std::string refusal_of(const std::filesystem::path& file, const OwnSettings& own = {},
                              const SeriesSettings& series = {}) {
  return error_of<Error>([&] { (void)own_data(file, own, series); });
}

inline const OwnSettings u_to_y{.input = "u", .target = "y"};

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

inline std::filesystem::path written(const TempFolder& folder, const std::function<void(Hdf5Writer&)>& content,
                                     const std::string& name = "d.h5") {
  Hdf5Writer writer(folder / name);
  content(writer);
  writer.commit();
  return folder / name;
}

inline std::filesystem::path written(const TempFolder& folder, const Arrays& arrays) {
  return written(folder, [&](Hdf5Writer& writer) { arrays.write(writer); });
}

}  // namespace bitstate::tests
