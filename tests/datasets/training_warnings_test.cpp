#include "datasets/training_warnings.h"

#include "datasets/splits.h"
#include "tests/datasets/own/own_files.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace bitstate::datasets::training_warnings_test {
namespace {

using tests::series;
using tests::TempFolder;
using Warnings = std::vector<std::string>;

/// Rows of u, k = 5 and the label of each, cut in time into windows of one step.
Splits labelled(const TempFolder& folder, const std::string& labels) {
  std::string rows = "u,k,c\n";
  for (std::size_t i = 0; i < labels.size(); ++i) rows += fmt::format("{},5,{}\n", i, labels[i]);
  tests::write_quickly(folder / "l.csv", rows);
  return own_data(folder / "l.csv", {.input = "u", .target = "c", .task = "classification"}, {.window = 1});
}

}  // namespace

TEST_CASE("training warnings: classes that no training sequence has, with where they are") {
  const TempFolder folder;
  CHECK(training_warnings(labelled(folder, "ababababab")).empty());
  CHECK(training_warnings(labelled(folder, "ababababcd")) ==
        Warnings{"2 of the 4 classes have no training sequence and cannot be learnt: c (1 in the validation part), "
                 "d (1 in the test part)"});
  CHECK(training_warnings(labelled(folder, "aaaaaaaaab")) ==
        Warnings{"all training sequences are of the class a: there is nothing to tell apart",
                 "1 of the 2 classes has no training sequence and cannot be learnt: b (1 in the test part)"});
  // a class that is declared, but that no sequence has; classes without names are numbers
  std::string ts = "@classLabel true 0 1 2\n@data\n";
  for (int i = 0; i < 20; ++i) ts += fmt::format("{}:{}\n", i, i % 2);
  tests::write_quickly(folder / "d.ts", ts);
  CHECK(training_warnings(datasets::own_data(folder / "d.ts", {})) ==
        Warnings{"1 of the 3 classes has no training sequence and cannot be learnt: 2"});
}

TEST_CASE("training warnings: columns of one value, by their names or numbers, in the training part alone") {
  const TempFolder folder;
  tests::write_quickly(folder / "s.csv", series(40));
  CHECK(training_warnings(own_data(folder / "s.csv", {.input = "u,c", .target = "y"})).empty());
  CHECK(training_warnings(own_data(folder / "s.csv", {.input = "u,k", .target = "y"})) ==
        Warnings{"the input column k has one value in the whole training part: this tells a model nothing"});
  CHECK(training_warnings(own_data(folder / "s.csv", {.input = "0", .target = "1,3"})) ==
        Warnings{"the target column k has one value in the whole training part: there is nothing to learn"});
  std::string rows;
  for (int i = 0; i < 20; ++i) rows += fmt::format("{},{},{},0.1\n", i, i < 16 ? 1 : i, i < 17 ? 2 : i);
  tests::write_quickly(folder / "n.csv", rows);
  CHECK(training_warnings(own_data(folder / "n.csv", {.input = "0,1,2", .target = "3"})) ==
        Warnings{"the target column 0 has one value in the whole training part: there is nothing to learn",
                 "the input columns 1, 2 each have one value in the whole training part: this tells a model nothing"});
}

}  // namespace bitstate::datasets::training_warnings_test
