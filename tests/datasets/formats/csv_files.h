// Tables as the tests of csv.h write and read them.
#pragma once

#include "core/error.h"
#include "datasets/formats/csv.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <cstddef>
#include <string>
#include <vector>

namespace bitstate::tests {

using Doubles = std::vector<double>;
using Names = std::vector<std::string>;

/// The table in a file of this text.
inline datasets::Csv table_of(const std::string& text, const Names& columns = {},
                              const datasets::TableSettings& settings = {}, std::size_t classes = 0) {
  const TempFolder folder;
  tests::write_quickly(folder / "t.csv", text);
  return datasets::read_csv(folder / "t.csv", columns, settings, classes);
}

inline std::string table_refusal(const std::string& text, const Names& columns = {},
                                 const datasets::TableSettings& settings = {}) {
  return error_of<Error>([&] { (void)table_of(text, columns, settings); });
}

}  // namespace bitstate::tests
