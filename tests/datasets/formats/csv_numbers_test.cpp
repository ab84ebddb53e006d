#include "tests/datasets/formats/csv_files.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

using namespace bitstate;
using namespace bitstate::datasets;
using namespace bitstate::tests;

TEST_CASE("csv: signs between thousands are understood where one number tells them") {
  const std::string grouped = "u;y\n1.234;2\n1.234.567,5;3,25\n12.500;-1.000\n";
  const Csv table = table_of(grouped);
  CHECK(table.values == Doubles{1234, 2, 1234567.5, 3.25, 12500, -1000});
  CHECK(table.notes == Names{"separated by semicolons", "decimal comma, thousands as in 1.234.567,5"});
  CHECK(table_of("u;y\n1,234;2\n1,234,567;3.25\n").values == Doubles{1234, 2, 1234567, 3.25});
  CHECK(table_of("u,y\n\"1,234.5\",2\n\"1,234\",0.5\n").values == Doubles{1234.5, 2, 1234, 0.5});
  for (const char* sign : {"'", " ", "\u00A0", "\u202F", "\u2019"}) {
    CAPTURE(sign);
    CHECK(table_of(fmt::format("u;y\n1{0}234,5;2\n-12{0}345{0}678;0,5\n", sign)).values ==
          Doubles{1234.5, 2, -12345678, 0.5});
    for (const std::string bad : {"12{}34", "1234{}567", "{}123", "1{0}{0}234", "123{}", "0{}123", "1{}234{}5"}) {
      const bool blank_at_end = *sign == ' ' && (bad.starts_with('{') || bad.ends_with('}'));
      if (blank_at_end) continue;
      says(table_refusal("u;y\n1;" + fmt::format(fmt::runtime(bad), sign, sign) + "\n"),
           "expected a finite decimal number");
    }
  }
  says(table_refusal("u;y\n1.234.567;2\n1,234,567;3\n"),
       "line 3: column u: the decimal sign of \"1,234,567\" is a point, but that of 1.234.567 is a comma");
  says(table_refusal("u;y\n0,5;2\n1,234.5;3\n"), "line 3: column u: the decimal sign of \"1,234.5\" is a point");
  says(table_refusal("u;y\n1,234.5;3\n0,5;2\n"),
       "line 3: column u: \"0,5\" has a decimal comma, but another number has");
  says(table_refusal("u;y\n1.23.456,5;3\n"), "got \"1.23.456,5\"");
}
