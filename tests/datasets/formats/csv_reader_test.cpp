#include "tests/datasets/formats/csv_files.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

using namespace bitstate;
using namespace bitstate::datasets;
using namespace bitstate::tests;

TEST_CASE("csv: blanks separate cells where nothing else cuts the rows as well") {
  const Csv table = table_of("  t   u\ty\n 0   1.5 -2\n10  -0.5  3 \n");
  CHECK(table.names == Names{"t", "u", "y"});
  CHECK(table.values == Doubles{0, 1.5, -2, 10, -0.5, 3});
  CHECK(table.notes == Names{"separated by blanks"});
  CHECK(table_of("0,5 1,5\n-2,5 3,5\n").values == Doubles{0.5, 1.5, -2.5, 3.5});
  CHECK(table_of("0,500 100,250\n1,500 200,250\n").values == Doubles{0.5, 100.25, 1.5, 200.25});
  CHECK(table_of("1, 2\n3, 4\n").values == Doubles{1, 2, 3, 4});
  CHECK(table_of("1, ,3\n4, ,6\n", {"0", "2"}).values == Doubles{1, 3, 4, 6});
  CHECK(table_of("1\t\t3\n4\t\t6\n", {"0", "2"}).values == Doubles{1, 3, 4, 6});
  CHECK(table_of("a \"b c\"\n1 \"2\"\n").names == Names{"a", "b c"});
  CHECK(table_of("Temperature outside\n1.5\n2.5\n").names == Names{"Temperature outside"});
  CHECK(table_of("1;2 3;4\n5;6 7;8\n", {"0", "2"}, {.separator = "semicolon"}).values == Doubles{1, 4, 5, 8});
  says(table_refusal("1;x 3;4\n5;x 7;8\n", {"1"}, {.separator = "blank"}),
       "column 1: expected a finite decimal number, got \"3;4\"");
}

TEST_CASE("csv: a separator and a header that are given are not guessed") {
  CHECK(table_of("1,2;3x\n3,4;5x\n", {"0"}, {.separator = "comma"}).values == Doubles{1, 3});
  CHECK(table_of("1,2;3x\n3,4;5x\n", {"0"}, {.separator = "semicolon"}).values == Doubles{1.2, 3.4});
  CHECK(table_of("1\t2\n3\t4\n", {}, {.separator = "tab"}).values == Doubles{1, 2, 3, 4});
  const std::string pandas = ",0,1\n0,5.1,7.1\n1,5.2,7.2\n";
  CHECK(table_of(pandas, {"1"}, {.header = "yes"}).values == Doubles{7.1, 7.2});
  says(table_refusal(pandas, {}, {.header = "no"}), "line 1: column 0: expected a finite decimal number, got \"\"");
  CHECK(table_of("0,1\n5,6\n7,8\n", {}, {.header = "no"}).rows == 3);
  CHECK(table_of("u,y\n1,2\n", {}, {.header = "no", .skip = 1}).values == Doubles{1, 2});
  CHECK(table_of("Logger 5\nstarted, at, 12:00\nu,y\n1,2\n", {"y"}, {.skip = 2}).values == Doubles{2});
  says(table_refusal("Logger 5\nu,y\nx,x\n", {}, {.skip = 1}), "holds no row of numbers");
  says(table_refusal("Logger 5\nu,y\n1,2\n1,x\n", {}, {.skip = 1}), "line 4: column y");
  says(table_refusal("u,y\n1,2\n", {}, {.skip = 9}), "holds no row");
}

TEST_CASE("csv: comments are passed over, and the last above the first row may hold the names") {
  const Csv table = table_of("# made by a logger\n% at noon\nt,u\n0,1\n// a pause\n1,2\n");
  CHECK(table.values == Doubles{0, 1, 1, 2});
  CHECK(table.notes == Names{"3 comment lines"});
  const Csv numpy = table_of("# t u y\n0.0 1.0 2.0\n0.5 1.5 2.5\n", {"y"});
  CHECK(numpy.values == Doubles{2, 2.5});
  CHECK(numpy.notes == Names{"separated by blanks", "names in the comment of line 1", "1 comment line"});
  CHECK(table_of("#t,u\n0,1\n").header == Names{"#t", "u"});
  CHECK(table_of("# a logger\n0,1.5,2\n1,2.5,3\n").header.empty());
  CHECK(table_of("# 1 2\n0.5 1\n0 2\n").header.empty());
  CHECK(table_of("# t u\n0 1\n0.5 2.5\n1.5 2.5\n2.5 2\n").header == Names{"t", "u"});
  says(table_refusal("# t,u\n0,1\n# x\n1,z\n"), "line 4: column u");
}

TEST_CASE("csv: a row of units behind the names is passed over, one of text elsewhere is not") {
  const Csv table = table_of("t;u;y\ns;V;-\n0;1;2\n1;3;4\n");
  CHECK(table.values == Doubles{0, 1, 2, 1, 3, 4});
  CHECK(table.notes == Names{"separated by semicolons", "units in line 2"});
  CHECK(table_of("day,u\n,[V]\nMonday,1\n", {"u"}).values == Doubles{1});
  says(table_refusal("t,u\ns,V\nx,y\n0,1\n"), "line 3: column t: expected a finite decimal number, got \"x\"");
  says(table_refusal("t,u\ns,1\n0,1\n"), "line 2: column t");
  says(table_refusal("day,u\nMonday,\nMonday,1\n", {"u"}), "line 2: column u is empty, but goes on in line 3");
  says(table_refusal("day,u\nMonday,nan\nMonday,1\n", {"u"}), "line 2: column u");
}
