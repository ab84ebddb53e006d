#include "core/rehearsal.h"

#include "core/error.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <csignal>
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

TEST_CASE("rehearsal: a reader that comes to no end is an error") {
  const TempFolder folder;
  tests::write_quickly(folder / "bad.h5", "bytes");
  volatile bool forever = true;
  const std::string message = error_of<Error>([&] {
    rehearse(folder / "bad.h5", [&] {
      while (forever) {
      }
    });
  });
  CHECK(message.find("comes to no end") != std::string::npos);
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
