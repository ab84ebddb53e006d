// Tables of numbers, alone and as a series that is cut into the three parts of one's own data.
#include "core/error.h"
#include "datasets/formats/csv.h"
#include "datasets/sequences.h"
#include "tests/fuzz/target.h"

#include <cmath>

namespace bitstate::fuzz {
namespace {

std::string read(std::string_view input) {
  constexpr std::size_t max_bytes = std::size_t{1} << 20;
  const std::filesystem::path file = in_file(input);
  const datasets::Csv table = datasets::read_csv(file, {}, max_bytes);
  promise(table.rows >= 1 && !table.names.empty() && table.values.size() == table.rows * table.names.size(), "a shape");
  for (const double value : table.values) promise(std::isfinite(value), "finite numbers");
  const datasets::Csv first = datasets::read_csv(file, {"0"}, max_bytes);  // by number, or by a name that is one
  promise(first.names.size() == 1 && first.values.size() == first.rows, "one column");

  std::string content;
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
           {"", Claim::refused},
           {"1,2\n3\n", Claim::refused},
           {"1\nnan\n", Claim::refused},
           {"1\n1e309\n", Claim::refused},
           {"\"", Claim::refused},
           {std::string(std::size_t{1} << 17, ','), Claim::refused}},
          read};
}

}  // namespace bitstate::fuzz
