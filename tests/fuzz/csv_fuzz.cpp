// Tables of numbers, read in several ways, alone and as a series that is cut into the three parts of one's own data.
#include "core/error.h"
#include "datasets/formats/csv.h"
#include "datasets/sequences.h"
#include "tests/datasets/formats/idx_files.h"
#include "tests/fuzz/target.h"

#include <cmath>

namespace bitstate::fuzz {
namespace {

/// What settings make of a file, where they do not refuse it.
void append_other_readings(std::string& content, const std::filesystem::path& file, std::size_t max_bytes) {
  const datasets::TableSettings settings[] = {{.missing = "drop"},
                                              {.missing = "hold"},
                                              {.missing = "linear"},
                                              {.separator = "blank", .decimal = "comma", .header = "no"},
                                              {.separator = "tab", .decimal = "point", .header = "yes", .skip = 1},
                                              {.time = "0"},
                                              {.missing = "linear", .time = "0", .resample = "auto", .gap = 3},
                                              {.missing = "drop", .time = "0", .resample = "0.25"}};
  for (const datasets::TableSettings& s : settings) {
    try {
      const datasets::Csv table = datasets::read_csv(file, {}, s, 1, max_bytes);
      promise(table.rows >= 1 && table.values.size() == table.rows * table.names.size(), "a shape");
      for (const double value : table.values) promise(std::isfinite(value), "finite numbers");
      std::size_t last = 0;
      for (const std::size_t start : table.starts) {
        promise(start > last && start < table.rows, "sequences of rows");
        last = start;
      }
      append(content, table.values);
      append(content, table.starts);
    } catch (const Error&) {
      content += "refused";
    }
  }
}

std::string read(std::string_view input) {
  constexpr std::size_t max_bytes = std::size_t{1} << 20;
  const std::filesystem::path file = in_file(input);
  std::string content;
  // The bound of time is one for one reading: a large file is not read eight more times.
  if (input.size() < (std::size_t{1} << 14)) append_other_readings(content, file, max_bytes);
  const datasets::Csv table = datasets::read_csv(file, {}, {}, 0, max_bytes);
  promise(table.rows >= 1 && !table.names.empty() && table.values.size() == table.rows * table.names.size(), "a shape");
  for (const double value : table.values) promise(std::isfinite(value), "finite numbers");
  const datasets::Csv first = datasets::read_csv(file, {"0"}, {}, 0, max_bytes);  // by number, or by a name that is one
  promise(first.names.size() == 1 && first.values.size() == first.rows, "one column");

  append(content, table.values);
  for (const std::string& name : table.names) content += name + '\n';
  if (table.names.size() < 2 || table.rows < 3) return content;
  const std::size_t inputs = table.names.size() - 1;
  const auto part = [&](std::size_t from, std::size_t to) {
    return std::vector{datasets::series_of(table, inputs, from, to, "fuzz")};
  };
  const std::size_t last = table.rows - 1;
  for (const auto task : {datasets::Task::regression, datasets::Task::classification}) {
    try {
      content += content_of(
          datasets::cut_series("fuzz", {part(0, last), {}, part(last, table.rows)}, inputs, 1, {task, 3, 2, 2, 0}));
    } catch (const Error&) {
      content += "refused";
    }
  }
  return content;
}

}  // namespace

Target target() {
  return {{{"1,2\n3,4\n5,6\n7,8\n"},
           {"\xEF\xBB\xBF\"a \"\"b\"\"\";time;x\r\n1;-2.5e-3;+.5\r\n\r\n4;5;6\r\n;;\r\n"},
           {"x\ty\n0.1\t1\n0.2\t0\n0.3\t1\n0.4\t2\n0.5\t1\n"},
           {"1e38,3\n-1e308,0\n1e-400,7\n"},
           {"# t u y\n 0   1'234,5 2\n1\t1.5 -3\n% end\n", Claim::refused},
           {"# t u y\n 0   1'234,5 2\n1\t1,5 -3\n% end\n"},
           {"t;u\ns;V\n0;1.234,5\n1;1.234.567\n2;-0,5\n"},
           {"u,y\n1,2\n,nan\n3,NA\n4,5\n", Claim::refused},
           {"t;u\n2026-01-31T00:00:00Z;1\n2026-01-31T01:00:10+01:00;\n2026-01-31 00:00:20.5Z;3\n2026-01-31;9\n",
            Claim::refused},
           {"t,u,y\n0,1,2\n0.5,,3\n1,3,4\n9,1,1\n0,5,6\n1,7,8\n", Claim::refused},
           {"T \xB0,u\n1,2\n"},
           {std::string("\xFF\xFEu\0,\0y\0\n\0001\0,\0002\0\n\0", 18)},
           {tests::gzip("t;u\n0;1,5\n1;2,5\n"), Claim::cuts_show},
           {"", Claim::refused},
           {"1,2\n3\n", Claim::refused},
           {"1\nnan\n", Claim::refused},
           {"1\n1e309\n", Claim::refused},
           {"\"", Claim::refused},
           {std::string(std::size_t{1} << 17, ','), Claim::refused}},
          read};
}

}  // namespace bitstate::fuzz
