#include "experiments/host/process.h"
#include "experiments/host/signals.h"

#include "experiments/run_folder/text_files.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <csignal>

namespace {

using namespace bitstate::experiments;
using bitstate::tests::TempFolder;

}  // namespace

TEST_CASE("process: a child's exit code, output and death by a signal are seen") {
  const TempFolder folder;
  ChildProcesses children;
  const auto log = folder / "log";
  const auto next = [&] {
    for (int i = 0; i < 100; ++i) {
      const auto event = children.wait(0.1);
      if (event.kind == ChildProcesses::Event::Kind::ended) return event;
    }
    FAIL("no child ended");
    return ChildProcesses::Event{};
  };
  const auto talker = children.start({"/bin/sh", "-c", "echo out; echo err >&2; exit 7"}, log);
  const auto ended = next();
  CHECK(ended.child == talker);
  CHECK(ended.exit_code == 7);
  CHECK(read_text(log) == "out\nerr\n");
  children.start({"/bin/sleep", "60"}, log);
  children.start({"/bin/sleep", "60"}, log);
  children.send(SIGTERM);
  CHECK(next().exit_code == 128 + SIGTERM);
  CHECK(next().exit_code == 128 + SIGTERM);
  children.start({"/no/such/program"}, log);
  CHECK(next().exit_code == 127);
}

TEST_CASE("process: a signal to this process is an event, not a death") {
  ChildProcesses children;
  raise(SIGTERM);  // to this thread: others of the test program do not block it
  const auto event = children.wait(2.0);
  CHECK(event.kind == ChildProcesses::Event::Kind::signal);
  CHECK(event.signal == SIGTERM);
  CHECK(children.wait(0.01).kind == ChildProcesses::Event::Kind::nothing);
}

TEST_CASE("process: a signal waits for a child that has yet to catch it, and no other child") {
  const TempFolder folder;
  const auto ends_with = [&](bool catches_stops) {
    ChildProcesses children;
    children.start({"/bin/sh", "-c", "kill -INT $$; kill -HUP $$; exit 3"}, folder / "log", catches_stops);
    for (int i = 0; i < 100; ++i) {
      const auto event = children.wait(0.1);
      if (event.kind == ChildProcesses::Event::Kind::ended) return event.exit_code;
    }
    return -1;
  };
  CHECK(ends_with(true) == 3);
  CHECK(ends_with(false) == 128 + SIGINT);
}

TEST_CASE("signals: one that was blocked is caught, and a hangup that is ignored stays so") {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGINT);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  raise(SIGINT);
  {
    const StopSignals signals;
    CHECK(StopSignals::requested());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  {
    const StopSignals signals;
    CHECK_FALSE(StopSignals::requested());
    raise(SIGHUP);
    CHECK(StopSignals::requested());
  }
  const auto catches = std::signal(SIGHUP, SIG_IGN);
  {
    const StopSignals signals;
    raise(SIGHUP);
    CHECK_FALSE(StopSignals::requested());
  }
  std::signal(SIGHUP, catches);
}
