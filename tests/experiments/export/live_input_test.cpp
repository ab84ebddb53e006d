#include "experiments/export/live_input.h"

#include "core/error.h"
#include "experiments/export/program_input.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <unistd.h>

#include <string>
#include <vector>

namespace bitstate::tests {
namespace {

using datasets::TableSettings;
using experiments::LiveInput;
using experiments::read_sequences;
using Rows = std::vector<std::vector<std::int32_t>>;

/// A program that reads the columns u and v of own data.
program::Program two_columns() {
  program::Program p;
  p.input.cols = 2;
  p.input.grid = {1.0F, -100, 100};
  p.settings = "dataset = own\ninput = u, v\n";
  return p;
}

class Pipe {
 public:
  Pipe() { REQUIRE(::pipe(ends_) == 0); }
  ~Pipe() {
    ::close(ends_[0]);
    close();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  [[nodiscard]] int reader() const { return ends_[0]; }
  void write(const std::string& text) const {
    REQUIRE(::write(ends_[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  void close() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  int ends_[2] = {-1, -1};
};

/// The steps of a text that comes at once.
Rows steps_of(const std::string& text, const TableSettings& settings = {}, std::string* said = nullptr) {
  Pipe pipe;
  pipe.write(text);
  pipe.close();
  const program::Program p = two_columns();
  LiveInput input(p, pipe.reader(), "stdin", settings);
  Rows rows;
  for (std::vector<std::int32_t> codes; input.next(codes);) {
    if (input.begins()) rows.emplace_back();
    rows.push_back(codes);
  }
  if (said != nullptr) *said = input.said();
  return rows;
}

std::string refusal_of_stream(const std::string& text, const TableSettings& settings = {}) {
  return error_of<Error>([&] { (void)steps_of(text, settings); });
}

}  // namespace

TEST_CASE("program input: of a table the columns of training are taken, by name where there are names") {
  const TempFolder folder;
  const auto codes = [&](program::Program p, const std::string& text, std::string* said = nullptr) {
    write_quickly(folder / "x.csv", text);
    return read_sequences(p, folder / "x.csv", said);
  };
  const program::Program p = two_columns();
  const Rows expected{{1, 2, 3, 4}};
  std::string said;
  CHECK(codes(p, "t,v,u\n9,2,1\n9,4,3\n", &said) == expected);
  CHECK(said == (folder / "x.csv").string() + ": 1 sequence of 2 steps with the header t,v,u, of which u,v are read");
  CHECK(codes(p, "v,u\n2,1\n4,3\n") == expected);
  CHECK(codes(p, "a,b\n1,2\n3,4\n", &said) == expected);
  says(said, "with the header a,b");
  CHECK(codes(p, "1,2\n3,4\n") == expected);
  says(error_of<UsageError>([&] { (void)codes(p, "t,u,w\n1,2,3\n"); }), "x.csv has no column \"v\"; it has t, u, w");
  says(error_of<Error>([&] { (void)codes(p, "u\n1\n"); }), "line 1: there are 1 columns, but the program reads 2");
  program::Program by_number = p;
  by_number.settings = "dataset = own\ninput = 2,0\n";
  CHECK(codes(by_number, "2,7,1\n4,7,3\n") == expected);
  CHECK(codes(by_number, "1,2\n3,4\n") == expected);
  program::Program of_others = p;
  of_others.settings = "dataset = lorenz\n";
  says(error_of<Error>([&] { (void)codes(of_others, "t,v,u\n9,2,1\n"); }),
       "there are 3 columns, but the program reads 2");

  write_quickly(folder / "x.csv", "t;u;v\n0;1;2\n1;3;\n2;5;6\n9;7;8\n");
  CHECK(read_sequences(p, folder / "x.csv", &said, {.missing = "hold", .time = "t"}) ==
        Rows{{1, 2, 3, 2, 5, 6}, {7, 8}});
  says(said,
       "2 sequences of 4 steps in all with the header t,u,v, of which u,v are read (separated by semicolons, t in "
       "steps of 1");
  write_quickly(folder / "x.csv", "logger\n0,3,4\n");
  CHECK(read_sequences(p, folder / "x.csv", nullptr, {.skip = 1, .time = "0"}) == Rows{{3, 4}});
}

TEST_CASE("live input: a step is there as soon as its line has come") {
  Pipe pipe;
  pipe.write("# a sensor\n\nt;v;u\n");
  pipe.write("s;V;V\n");  // the names alone do not tell the separator
  const program::Program p = two_columns();
  LiveInput input(p, pipe.reader(), "stdin", {});
  CHECK(input.said() == "stdin with the header t,v,u, of which u,v are read (separated by semicolons, 1 comment line)");
  std::vector<std::int32_t> codes;
  for (int i = 0; i < 5; ++i) {
    pipe.write(std::to_string(i) + ";-1;1" + std::to_string(i) + "\r\n");  // read() below would wait for ever
    REQUIRE(input.next(codes));
    CHECK(codes == std::vector<std::int32_t>{10 + i, -1});
  }
  pipe.write("5;7");
  pipe.write(";8");  // the last line need not end
  pipe.close();
  REQUIRE(input.next(codes));
  CHECK(codes == std::vector<std::int32_t>{8, 7});
  CHECK_FALSE(input.next(codes));
}

TEST_CASE("live input: a table that comes is read as one that is there") {
  CHECK(steps_of("1,2\n3,4\n") == Rows{{1, 2}, {3, 4}});
  CHECK(steps_of("1 2\n\n# x\n3 4") == Rows{{1, 2}, {3, 4}});
  CHECK(steps_of("\xEF\xBB\xBFu,v\n1,2\n") == Rows{{1, 2}});
  CHECK(steps_of("logger\nu,v\n1,2\n", {.skip = 1}) == Rows{{1, 2}});
  CHECK(steps_of("0,1\n1,2\n", {.header = "no"}) == Rows{{0, 1}, {1, 2}});
  CHECK(steps_of("u;v\n1.000,4;2\n", {.decimal = "comma"}) == Rows{{100, 2}});
  CHECK(steps_of("u;v\n1,4;2\n3;4,4\n") == Rows{{1, 2}, {3, 4}});
  CHECK(steps_of("u,v\n1,2\nnan,3\n4,5\n", {.missing = "hold"}) == Rows{{1, 2}, {1, 3}, {4, 5}});
  CHECK(steps_of("u,v\nnan,3\n1,2\n,\n4,5\n", {.missing = "drop"}) == Rows{{1, 2}, {}, {4, 5}});
  CHECK(steps_of("u,v\nnan,3\n1,2\n", {.missing = "hold"}) == Rows{{1, 2}});
}

TEST_CASE("live input: what is no table, or needs the lines to come, is refused with its line") {
  says(refusal_of_stream(""), "stdin holds no row");
  says(refusal_of_stream("# x\n"), "stdin holds no row");
  says(refusal_of_stream("u,v\n1,2\n3,x\n"), "stdin, line 3: column v: expected a finite decimal number, got \"x\"");
  says(refusal_of_stream("u,v\n1,2\n3,\n"),
       "line 3: column v: expected a finite decimal number, got \"\" (--missing=drop or hold");
  says(refusal_of_stream("u,v\n1,2\n3\n"), "line 3: there are 1 cells, line 1 has 2");
  says(refusal_of_stream("u;v\n1,234;2\n"), "line 2: \"1,234\" may have a decimal comma, or be 1234");
  says(refusal_of_stream("u;v\n1.234;2\n1.234,5;2\n"),
       "line 3: numbers before this line were read with another decimal sign");
  says(refusal_of_stream("u,v\n1,2\n1e39,2\n"), "stdin, line 3] number 0 of it is 1e+39, which is too large");
  says(refusal_of_stream("a,b,c\n1,2,3\n"), "stdin has no column \"u\"");
  says(refusal_of_stream("\xFF\xFEu\n1,2\n"), "is UTF-16; a stream has to be UTF-8");
  says(refusal_of_stream("\x1F\x8B\x08\n1,2\n"), "is compressed with gzip");
  const auto usage = [](const TableSettings& settings) {
    return error_of<UsageError>([&] { (void)steps_of("u,v\n1,2\n", settings); });
  };
  says(usage({.missing = "linear"}), "[missing] linear needs the rows that follow");
  says(usage({.time = "t"}), "[time] is for files");
}

}  // namespace bitstate::tests
