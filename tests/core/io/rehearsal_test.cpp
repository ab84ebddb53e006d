#include "core/io/rehearsal.h"

#include "core/error.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <csignal>
#include <ctime>
#include <string>

namespace bitstate {
namespace {

using tests::error_of;
using tests::TempFolder;

TEST_CASE("rehearsal: a reader that would end the program is an error that names the file") {
  const TempFolder folder;
  tests::write_quickly(folder / "bad.h5", "bytes");
  for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS}) {
    const std::string message = error_of<Error>([&] { rehearse(folder / "bad.h5", [&] { std::raise(signal); }); });
    CHECK(message.find("bad.h5] is damaged: the library that should read it crashes") != std::string::npos);
  }
}

TEST_CASE("rehearsal: a reader that came to no end is an error") {
  const TempFolder folder;
  tests::write_quickly(folder / "bad.h5", "bytes");
  volatile bool forever = true;
  const std::string message = error_of<Error>([&] {
    rehearse(folder / "bad.h5", [&] {
      while (forever) {
      }
    });
  });
  CHECK(message.find("did not end") != std::string::npos);
}

TEST_CASE("rehearsal: a larger file may take longer, for what is compressed in it") {
  const TempFolder folder;
  tests::write_quickly(folder / "large.h5", std::string(std::size_t{1} << 18, 'x'));
  CHECK_NOTHROW(rehearse(folder / "large.h5", [] {
    while (std::clock() < 3 * CLOCKS_PER_SEC / 2) {
    }
  }));
}

TEST_CASE("rehearsal: nothing of it stays, and what the reader throws or returns is that of the second time") {
  const TempFolder folder;
  int calls = 0;
  CHECK(rehearsed(folder / "x", [&] { return ++calls; }) == 1);
  CHECK_THROWS_AS(rehearsed(folder / "x",
                            [&] {
                              if (++calls == 2) throw UsageError("once");
                              return 0;
                            }),
                  UsageError);
  CHECK(calls == 2);
}

}  // namespace
}  // namespace bitstate
