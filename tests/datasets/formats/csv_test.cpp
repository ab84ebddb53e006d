#include "datasets/formats/csv.h"

#include "core/error.h"
#include "core/random.h"
#include "tests/datasets/formats/csv_files.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace bitstate;
using namespace bitstate::datasets;
using namespace bitstate::tests;

TEST_CASE("csv: columns come by name or number, in the order asked for") {
  const std::string text = "t,u,y\n0,1.5,-2\n1,+2.5,3e2\n";
  const Csv all = table_of(text);
  CHECK(all.names == Names{"t", "u", "y"});
  CHECK(all.rows == 2);
  CHECK(all.values == Doubles{0, 1.5, -2, 1, 2.5, 300});
  CHECK(table_of(text, {"y", "u"}).values == Doubles{-2, 1.5, 300, 2.5});
  CHECK(table_of(text, {"2", "t"}).names == Names{"y", "t"});
  CHECK(table_of(text, {"u", "u"}).values == Doubles{1.5, 1.5, 2.5, 2.5});
  const Csv unnamed = table_of("1,2\n3,4\n", {"1"});
  CHECK(unnamed.names == Names{"1"});
  CHECK(unnamed.values == Doubles{2, 4});
  CHECK(table_of("\"0\",\"1\"\n5,6\n", {"1"}).values == Doubles{6});  // these are names
}

TEST_CASE("csv: separators, line ends, blanks, quotes and the mark of UTF-8 are told from the text") {
  const Doubles expected{1, 2, 3, 4};
  CHECK(table_of("a;b\r\n1;2\r\n3;4\r\n").values == expected);
  CHECK(table_of("a\tb\n1\t2\n3\t4").values == expected);
  CHECK(table_of("\xEF\xBB\xBF a , b \n\n 1 ,\t2\n3 , 4 \n\n").values == expected);
  const Csv quoted = table_of("\"x, \"\"raw\"\"\" , \"y;z\"\n1,2\n3,4\n");
  CHECK(quoted.names == Names{"x, \"raw\"", "y;z"});
  CHECK(quoted.values == expected);
  CHECK(table_of("\xEF\xBB\xBF"
                 "1,2\n3,4\n")
            .values == expected);
  CHECK(table_of("\"a;b;c\",\"d;e\"\n1,2\n3,4\n").values == expected);
  CHECK(table_of("x\n1\n2\n").values == Doubles{1, 2});
  CHECK(table_of("a,b,\n1,2,\n3,4,\n", {"a", "b"}).values == expected);
}

TEST_CASE("csv: numbers are the nearest doubles, also those that are too small for one") {
  CHECK(table_of("0.1,1e-50,16777217,1.7e308\n").values == Doubles{0.1, 1e-50, 16777217.0, 1.7e308});
  CHECK(table_of("1e-400,-1e-400,4e-324,+3e-320\n").values == Doubles{0.0, -0.0, 4e-324, 3e-320});
  const Random random{3, 0};
  for (std::size_t i = 0; i < 200; ++i) {
    const double number = random.normal(i) * 1e3;
    REQUIRE(table_of(fmt::format("{}\n", number)).values == Doubles{number});
  }
}

TEST_CASE("csv: cells that are not asked for are not looked at") {
  const std::string text = "2020-01-01 00:00,1,,nan\n\"Berlin; \"\"DE\"\", north\",2,x,\n";
  CHECK(table_of(text, {"1"}).values == Doubles{1, 2});
  says(table_refusal(text, {"1", "3"}), "line 1: column 3: expected a finite decimal number, got \"nan\"");
  says(table_refusal(text, {"0"}), "line 1: column 0: expected a finite decimal number, got \"2020-01-01 00:00\"");
}

TEST_CASE("csv: the separator is the one that cuts all rows alike, and of those the one that leaves numbers") {
  CHECK(table_of("a,b;c\n1,2\n3,4\n").names == Names{"a", "b;c"});
  CHECK(table_of("a;b,c\n1;2\n3;4\n").names == Names{"a", "b,c"});
  CHECK(table_of("u [m,s,kg];y\n1;2\n3;4\n").values == Doubles{1, 2, 3, 4});
  CHECK(table_of("a\tb;c\n1\t2\n3\t4\n").names == Names{"a", "b;c"});
  CHECK(table_of("day,city,u\n2020-01-01,Berlin;DE,1.5\n2020-01-02,Bonn;DE,2.5\n", {"2"}).values == Doubles{1.5, 2.5});
}

TEST_CASE("csv: a tie of separators is refused") {
  says(table_refusal("1,2;3x\n3,4;5x\n", {"0"}),
       "t.csv: the cells of 1,2;3x may be separated by commas or by semicolons");
  CHECK(table_of("\"1,2\";3x\n\"3,4\";5x\n", {"0"}).values == Doubles{1.2, 3.4});
  CHECK(table_of("a,b\n1,\"2;3x\"\n3,\"4;5x\"\n", {"0"}).values == Doubles{1, 3});
  // in the first row alone it is none
  CHECK(table_of("a,b;c\n1,2\n3,4\n").values == Doubles{1, 2, 3, 4});
  says(table_refusal("1;2,3\n4;5\n6,7\n"),
       "line 1: column 0: expected a finite decimal number, got \"1;2\"");  // no separator cuts evenly
}

TEST_CASE("csv: a decimal comma is understood where it can be nothing else") {
  CHECK(table_of("t;u\n0;0,5\n1;-1,25e2\n").values == Doubles{0, 0.5, 1, -125});
  CHECK(table_of("0;0,123;0,456\n1;0,25;1,5\n").values == Doubles{0, 0.123, 0.456, 1, 0.25, 1.5});
  CHECK(table_of("0,5;1,5;2,5\n3,5;4,5;5,5\n").values == Doubles{0.5, 1.5, 2.5, 3.5, 4.5, 5.5});
  CHECK(table_of("u\ty\n1,5\t2\n").values == Doubles{1.5, 2});
  CHECK(table_of("u,y\n\"1,5\",\"2,25\"\n").values == Doubles{1.5, 2.25});
  says(table_refusal("u;y\n1,234;2\n-12,500;3\n"), "line 2: \"1,234\" may have a decimal comma, or be 1234");
  says(table_refusal("u;y\n1,5;2.5\n"), "line 2: column y: \"2.5\" has a decimal point, but line 2 has 1,5");
  says(table_refusal("u;y\n1.234;2\n1;2,5\n"), "line 3: column y: \"2,5\" has a decimal comma, but line 2 has 1.234");
  CHECK(table_of("u;y\n1,234;2\n-12,500;3\n", {}, {.decimal = "comma"}).values == Doubles{1.234, 2, -12.5, 3});
  CHECK(table_of("u;y\n1,234;2\n-12,500;3\n", {}, {.decimal = "point"}).values == Doubles{1234, 2, -12500, 3});
  CHECK(table_of("u;y\n1.234;2\n1;2,5\n", {}, {.decimal = "comma"}).values == Doubles{1234, 2, 1, 2.5});
}

TEST_CASE("csv: lines may end with CR, quoted numbers are numbers") {
  const Doubles expected{1, 2, 3, 4};
  CHECK(table_of("a,b\r1,2\r3,4\r").values == expected);
  CHECK(table_of("1,2\r3,4").values == expected);
  says(table_refusal("a,b\r1,2\r3,x\r"), "line 3: column b: expected a finite decimal number, got \"x\"");
  CHECK(table_of("\"a\",\"b\"\n\"1\",\" 2 \"\n\"3\",4\n").values == expected);
  CHECK(table_of("\"1.5\",\"2\"\n\"3\",\"4\"\n").values == Doubles{1.5, 2, 3, 4});
  says(table_refusal("\xFF\xFEu"), "is UTF-16");
}

TEST_CASE("csv: a first row of whole numbers that may be names is refused, with both readings") {
  const auto refused = [](const std::string& text) {
    CAPTURE(text);
    says(table_refusal(text), "may be names of columns, as pandas writes them, or a first row of numbers");
  };
  const std::string rows = "0,5.1,7.1\n1,5.2,7.2\n2,5.3,7.3\n";
  refused(",0,1\n" + rows);
  refused("0,1,2\n" + rows);
  refused("2019,2020,2021\n" + rows);
  refused("1,2,3\n0.5,0.25,1\n0.75,0.5,2\n0.125,0.5,3\n");
  refused("0,1\n5,6\n7,8\n");
  refused(",2019,2020\n" + rows);
  refused("2019,2020\n0.5,0.25\n0.75,1.5\n1.25,2e-1\n");
  refused("0\n0.5\n-0.25\n0.75\n");
  refused("\"\",\"0\",\"1\"\n\"0\",\"5.1\",\"7.1\"\n");
  says(table_refusal(",0,1\n" + rows), "line 1: \"0, 1\"");

  CHECK(table_of("a,b,c\n" + rows).values.size() == 9);
  CHECK(table_of("\"\",\"0\",\"1\"\n" + rows).names == Names{"", "0", "1"});
  CHECK(table_of("0\n3\n5\n").rows == 3);  // a sample like those below
  CHECK(table_of("1,0\n1,1\n2,0\n3,1\n").rows == 4);
  CHECK(table_of("0.0,1.0\n0.1,0.9\n0.2,0.8\n0.3,0.7\n").rows == 4);
  CHECK(table_of("0,0\n0.1,0.9\n0.2,0.8\n0.3,0.7\n").rows == 4);
}

TEST_CASE("csv: a line is a row where it could be a missing value") {
  says(table_refusal("y\n1\n2\n\n3\n"), "line 4: column y is empty, but goes on in line 5");
  says(table_refusal("y\n\n1\n2\n"), "line 2: column y is empty, but goes on in line 3");
  says(table_refusal("1\n2\n \n\n3\n"), "line 3: column 0 is empty, but goes on in line 5");
  says(table_refusal("y\n1\n\"\"\n3\n"), "line 3: column y is empty");
  says(table_refusal("y;\n1;\n\n3;\n", {"y"}), "line 3: column y is empty");
  says(table_refusal("u\ty\n1\t2\n\t\n3\t4\n"), "line 3: the columns u, y are empty, but go on in line 4");
  CHECK(table_of("y\n1\n2\n\n\n").values == Doubles{1, 2});
  CHECK(table_of("\n\ny\n1\n2").values == Doubles{1, 2});
  CHECK(table_of("u,y\n1,2\n\n3,4\n").values == Doubles{1, 2, 3, 4});
}

TEST_CASE("csv: columns may end early together, and nowhere else have empty cells") {
  const std::string text = "u,y,Ts\n1,2,4\n3,4,\n,,\n";
  CHECK(table_of(text, {"u", "y"}).values == Doubles{1, 2, 3, 4});
  CHECK(table_of(text, {"Ts"}).values == Doubles{4});
  says(table_refusal(text, {"u", "Ts"}), "line 3: column Ts: expected a finite decimal number, got \"\"");
  says(table_refusal("u,y\n1,2\n,\n3,4\n"), "line 3: the columns u, y are empty, but go on in line 4");
}

TEST_CASE("csv: what is no table of numbers is refused with file, line, column and text") {
  const auto refused = [](const std::string& text, const std::string& words) {
    CAPTURE(text);
    const std::string message = table_refusal(text);
    says(message, "t.csv");
    says(message, words);
  };
  refused("", "holds no row");
  refused("\n \n", "holds no row");
  refused("u,y\n", "holds no row of numbers");
  refused("u,y\n,\n", "holds no row of numbers");
  refused("u,y\n1,2\n3\n", "line 3: there are 1 cells, line 1 has 2");
  refused("1,2\n3,4,5\n", "line 2: there are 3 cells, line 1 has 2");
  for (const char* bad : {"nan",   "-NaN", "NA",  "null", "?",  "inf", "Infinity", "0x10",  "1e309",    "-1e400",
                          "1.5.2", "1 2",  "+-1", "--1",  "1e", "1d3", "\"x\"",    "1,5,2", "\xD9\xA1", "true"}) {
    refused(std::string("u;y\n1;2\n3;") + bad + "\n",
            std::string("line 3: column y: expected a finite decimal number, got \"") + bad + "\"");
  }
  refused("nan,1\n", "line 1: column 0: expected a finite decimal number, got \"nan\"");
  refused("1,u\n2,3\n", "line 1: there is a name, u, and a number, 1");
  refused("u,\"y\n1,2\n", "line 1: the quote in \"y has no end");
  refused("\"u\"x,y\n1,2\n", "line 1: there is text behind the quote");
  refused("\"\"\"\n1\n", "line 1: the quote in \"\"\" has no end");
  refused(std::string("1,2\n3,\0\n", 8), "line 2: column 1");
  refused(std::string(70'000, ','), "line 1: there are more than 65536 cells");
  refused("u\n1\n" + std::string(1000, 'x') + "\n", "number, got \"" + std::string(40, 'x') + "\"");
}

TEST_CASE("csv: a column that is not there, or there twice, is a usage error that says what there is") {
  const auto message = [](const std::string& text, const std::string& column) {
    return error_of<UsageError>([&] { (void)table_of(text, {column}); });
  };
  says(message("u,y\n1,2\n", "x"), "t.csv has no column \"x\"; it has u, y");
  says(message("u,y\n1,2\n", "2"), "no column \"2\"");
  says(message("u,y\n1,2\n", "-1"), "no column \"-1\"");
  says(message("u,y\n1,2\n", ""), "no column \"\"");
  says(message("1,2\n", "u"), "it has no names, its columns are 0 to 1");
  says(message("u,u\n1,2\n", "u"), "two columns named \"u\"");
  CHECK(table_of("u,u\n1,2\n", {"1"}).values == Doubles{2});
}

TEST_CASE("csv: a file beyond the limit is refused, one at it is not") {
  const TempFolder folder;
  tests::write_quickly(folder / "t.csv", "1,2\n3,4\n");
  CHECK(read_csv(folder / "t.csv", {}, {}, 0, 8).rows == 2);
  CHECK_THROWS_AS((void)read_csv(folder / "t.csv", {}, {}, 0, 7), Error);
  CHECK_THROWS_AS((void)read_csv(folder / "absent.csv", {}), Error);
}

TEST_CASE("csv: a truncated file is an error or has fewer rows; only its last number may differ") {
  const std::string text = "\"u\",y\r\n1.25,-2\r\n30,4e1\r\n-5,6.5\r\n";
  const Csv whole = table_of(text);
  std::size_t errors = 0;
  for (std::size_t size = 0; size < text.size(); ++size) {
    const std::string part = text.substr(0, size);
    if (!table_refusal(part).empty()) {
      ++errors;
      continue;
    }
    CAPTURE(part);
    const Csv table = table_of(part);
    CHECK(table.names.size() <= 2);
    if (table.names.size() < 2) continue;
    const auto ended = static_cast<std::size_t>(std::count(part.begin(), part.end(), '\n'));
    CHECK(table.rows == (part.back() == '\n' ? ended - 1 : ended));
    const std::size_t sure = table.values.size() - 1;
    CHECK(Doubles(table.values.begin(), table.values.begin() + static_cast<std::ptrdiff_t>(sure)) ==
          Doubles(whole.values.begin(), whole.values.begin() + static_cast<std::ptrdiff_t>(sure)));
    if (part.back() == '\n' || part.back() == '\r') CHECK(table.values[sure] == whole.values[sure]);
  }
  CHECK(errors > 15);
}

TEST_CASE("csv: random bytes are read or refused, never anything else") {
  const std::string alphabet = "01.,;\t\n\r\"+-e xyn\xEF";
  const Random random{7, 0};
  std::size_t tables = 0;
  for (std::size_t i = 0; i < 3000; ++i) {
    std::string text;
    const std::uint64_t size = random.below(24, 100 * i);
    for (std::size_t k = 0; k < size; ++k) text += alphabet[random.below(alphabet.size(), 100 * i + 1 + k)];
    if (!table_refusal(text).empty()) continue;
    ++tables;
    const Csv table = table_of(text);
    CHECK(table.values.size() == table.rows * table.names.size());
  }
  CHECK(tables > 20);
}
