#include "tests/datasets/formats/csv_files.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

using namespace bitstate;
using namespace bitstate::datasets;
using namespace bitstate::tests;

TEST_CASE("csv: missing cells are counted, and without a policy refused") {
  says(table_refusal("u,y\n1,2\n,nan\n3,NA\n"),
       "line 3: column u: expected a finite decimal number, got \"\" (3 cells are missing in all; --missing=drop, hold "
       "or "
       "linear reads the table without them)");
  says(table_refusal("y\n1\n\n\n3\n"),
       "line 3: column y is empty, but goes on in line 5: values are missing (2 cells are missing in all;");
  says(table_refusal("u,y\n1,nan\n3,4\n"),
       "(1 cell is missing in all; --missing=drop, hold or linear reads the table without it)");
  says(table_refusal("u,y\n1,nan\n3,x\n"), "line 3: column y: expected a finite decimal number, got \"x\"");
}

TEST_CASE("csv: missing cells are dropped, held or interpolated") {
  const std::string text = "u,y\nnan,9\n1,10\n2,\n,\n4,13\n5,14\nNA,15\n";
  const Csv dropped = table_of(text, {}, {.missing = "drop"});
  CHECK(dropped.values == Doubles{1, 10, 4, 13, 5, 14});
  CHECK(dropped.starts == std::vector<std::size_t>{1});
  CHECK(dropped.notes == Names{"4 rows with missing cells left out", "2 sequences"});
  const Csv held = table_of(text, {}, {.missing = "hold"});
  CHECK(held.values == Doubles{1, 10, 2, 10, 2, 10, 4, 13, 5, 14, 5, 15});
  CHECK(held.starts.empty());
  CHECK(held.notes == Names{"4 missing cells held", "1 row with missing cells left out"});
  const Csv line = table_of(text, {}, {.missing = "linear"});
  CHECK(line.values == Doubles{1, 10, 2, 11, 3, 12, 4, 13, 5, 14});
  CHECK(line.notes == Names{"3 missing cells interpolated", "2 rows with missing cells left out"});
  // classes have nothing between them
  CHECK(table_of(text, {}, {.missing = "linear"}, 1).values == Doubles{1, 10, 2, 10, 3, 10, 4, 13, 5, 14});
  // a value held from a row that is itself left out
  CHECK(table_of("u,y\n1,nan\nnan,2\n3,4\n", {}, {.missing = "hold"}).values == Doubles{1, 2, 3, 4});
  CHECK(table_of("y\n1\n\n3\n\n", {}, {.missing = "linear"}).values == Doubles{1, 2, 3});
  CHECK(table_of("u,y,Ts\n1,2,4\n3,4,\n,,\n", {"Ts"}, {.missing = "hold"}).values == Doubles{4});
  says(table_refusal("u,y\n1,nan\nnan,2\n", {}, {.missing = "drop"}), "holds no row without missing cells");
  says(table_refusal("u,y\n1,nan\n2,nan\n", {}, {.missing = "linear"}), "holds no row without missing cells");
  for (const char* policy : {"drop", "hold", "linear"}) {
    says(table_refusal("u,y\n1,2\ninf,3\n", {}, {.missing = policy}), "line 3: column u");
    CHECK(table_of("u,y\n1,2\n", {}, {.missing = policy}).notes.empty());
  }
}
