#include "experiments/run_folder/claim.h"

#include "core/error.h"
#include "experiments/run_folder/text_files.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace bitstate::experiments;
using bitstate::Error;
using bitstate::tests::contains;
using bitstate::tests::error_of;
using bitstate::tests::TempFolder;

constexpr const char* result = R"({"status":"done","metric":"mse","test_mse":1.5})";

void write_claim(const std::filesystem::path& folder, unsigned attempt, const Holder& holder) {
  std::ofstream(folder / fmt::format("claim.{}", attempt)) << fmt::format(
      R"({{"host":"{}","system":"{}","pid":{},"began":{}}})", holder.host, holder.system, holder.pid, holder.began);
}

}  // namespace

TEST_CASE("claim: an attempt is taken once, and the highest owns the run") {
  const TempFolder folder;
  CHECK(newest_claim(folder.path()).state == Claim::State::none);
  CHECK(take_claim(folder.path(), 1));
  CHECK_FALSE(take_claim(folder.path(), 1));
  CHECK(keep_claim(folder.path(), 1));
  CHECK(newest_claim(folder.path()).holder.pid == getpid());
  CHECK(take_claim(folder.path(), 2));
  CHECK_FALSE(keep_claim(folder.path(), 1));
  CHECK(keep_claim(folder.path(), 2));
  leave_claim(folder.path(), 2, "out of memory");
  CHECK(newest_claim(folder.path()).state == Claim::State::failed);
  CHECK(newest_claim(folder.path()).reason == "out of memory");
  leave_claim(folder.path(), 1);  // who has lost the run changes nothing
  CHECK(newest_claim(folder.path()).attempt == 2);
  for (int i = 3; i <= 10; ++i) CHECK(take_claim(folder.path(), i));
  CHECK(newest_claim(folder.path()).attempt == 10);
}

TEST_CASE("claim: of many that reach for an attempt at once one gets it") {
  for (int round = 0; round < 20; ++round) {
    const TempFolder folder;
    std::atomic<int> taken = 0;
    std::vector<std::thread> others;
    for (int i = 0; i < 4; ++i) others.emplace_back([&] { taken += take_claim(folder.path(), 1) ? 1 : 0; });
    for (auto& other : others) other.join();
    CHECK(taken == 1);
  }
}

TEST_CASE("claim: a torn result is taken away by who has claimed the run, and a whole one by nobody") {
  const TempFolder folder;
  REQUIRE(take_claim(folder.path(), 1));
  std::ofstream(folder / "result.json") << R"({"status":"do)";
  CHECK_FALSE(take_claim(folder.path(), 1));  // somebody else holds it
  CHECK_FALSE(has_whole_result(folder.path()));
  CHECK(std::filesystem::exists(folder / "result.json"));
  CHECK(take_claim(folder.path(), 2));
  CHECK_FALSE(std::filesystem::exists(folder / "result.json"));
  for (const char* const whole : {result, R"({"status":"of a later version"})", "{}"}) {
    std::ofstream(folder / "result.json") << whole;
    CHECK_FALSE(take_claim(folder.path(), 3));
    CHECK(read_text(folder / "result.json") == whole);
  }
}

TEST_CASE("claim: an accepted result that a power cut has torn is published again") {
  const TempFolder folder;
  std::ofstream(folder / "claim.2") << result;
  std::ofstream(folder / "result.json").flush();
  publish_ended(folder.path(), newest_claim(folder.path()));
  CHECK(read_text(folder / "result.json") == result);
  CHECK(newest_claim(folder.path()).state == Claim::State::none);
}

TEST_CASE("claim: only the newest attempt's result is accepted, once, and never replaced") {
  const TempFolder folder;
  REQUIRE(take_claim(folder.path(), 1));
  REQUIRE(take_claim(folder.path(), 2));
  CHECK_FALSE(accept_result(folder.path(), 1, "{\"status\":\"late\"}"));
  CHECK_FALSE(accept_result(folder.path(), 0, "{\"status\":\"by hand\"}"));
  CHECK_FALSE(std::filesystem::exists(folder / "result.json"));
  CHECK(accept_result(folder.path(), 2, result));
  CHECK_FALSE(accept_result(folder.path(), 2, "{\"status\":\"again\"}"));
  CHECK_FALSE(accept_result(folder.path(), 0, "{\"status\":\"again\"}"));
  CHECK(read_text(folder / "result.json") == result);
  CHECK_FALSE(take_claim(folder.path(), 1));  // by who saw neither claim nor result
  CHECK(newest_claim(folder.path()).state == Claim::State::none);
  const auto files = std::distance(std::filesystem::directory_iterator(folder.path()), {});
  CHECK(files == 1);
}

TEST_CASE("claim: a result and a takeover exclude each other, and a result that was cut off half-way is published") {
  const TempFolder folder;
  REQUIRE(take_claim(folder.path(), 1));
  std::ofstream(folder / "claim.2") << result;  // accepted, and then the process was killed
  CHECK_FALSE(take_claim(folder.path(), 2));
  CHECK(keep_claim(folder.path(), 1));
  const Claim ended = newest_claim(folder.path());
  CHECK(ended.state == Claim::State::ended);
  publish_ended(folder.path(), ended);
  CHECK(read_text(folder / "result.json") == result);
  CHECK(newest_claim(folder.path()).state == Claim::State::none);

  for (int round = 0; round < 20; ++round) {
    const TempFolder other;
    REQUIRE(take_claim(other.path(), 1));
    std::atomic<int> won = 0;
    std::thread taker([&] { won += take_claim(other.path(), 2) ? 1 : 0; });
    won += accept_result(other.path(), 1, result) ? 1 : 0;
    taker.join();
    CHECK(won == 1);
  }
}

TEST_CASE("claim: on this system a holder is dead when its process is, also where its number is used again") {
  const TempFolder folder;
  ClaimWatch watch;
  const Holder self = this_process();
  REQUIRE(!self.system.empty());
  const auto dead = [&](const Holder& holder) {
    write_claim(folder.path(), 1, holder);
    return watch.is_dead(folder.path(), newest_claim(folder.path()));
  };
  CHECK_FALSE(dead(self));
  Holder before = self;
  before.began += 1;
  CHECK(dead(before));
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto began = this_process().began;
    _exit(write(ends[1], &began, sizeof began) == sizeof began ? 0 : 1);
  }
  std::uint64_t began = 0;
  REQUIRE(read(ends[0], &began, sizeof began) == sizeof began);
  siginfo_t info;
  waitid(P_PID, child, &info, WEXITED | WNOWAIT);  // dead, and nobody has asked for its exit code
  CHECK(dead({self.host, self.system, child, began}));
  for (const int end : ends) close(end);
  waitpid(child, nullptr, 0);
}

TEST_CASE("claim: elsewhere a holder is dead when its claim was not refreshed for the lease, whatever the clocks say") {
  const TempFolder folder;
  ClaimWatch watch;
  write_claim(folder.path(), 1, {"there", "another", 7, 1});
  const auto file = folder / "claim.1";
  std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now() - std::chrono::hours(9));
  const ClaimWatch::Clock::time_point start{};
  const auto dead_after = [&](std::chrono::seconds seconds) {
    return watch.is_dead(folder.path(), newest_claim(folder.path()), start + seconds);
  };
  using std::chrono::seconds;
  CHECK_FALSE(dead_after(seconds(0)));
  CHECK_FALSE(dead_after(ClaimWatch::lease - seconds(1)));
  std::filesystem::last_write_time(file, std::filesystem::last_write_time(file) + seconds(1));
  CHECK_FALSE(dead_after(ClaimWatch::lease));
  CHECK_FALSE(dead_after(2 * ClaimWatch::lease - seconds(1)));
  CHECK(dead_after(2 * ClaimWatch::lease));
  write_claim(folder.path(), 2, {"elsewhere", "a third", 7, 1});
  CHECK_FALSE(dead_after(3 * ClaimWatch::lease));
}

TEST_CASE("claim: a claim that cannot be read is held by nobody knows whom") {
  const TempFolder folder;
  ClaimWatch watch;
  for (const char* text : {"", "{", "[]", "{\"host\":1}", "{\"host\":\"a\"}"}) {
    std::ofstream(folder / "claim.1") << text;
    const Claim claim = newest_claim(folder.path());
    CHECK(claim.state == Claim::State::held);
    CHECK(claim.holder.text() == "an unknown process");
    CHECK_FALSE(watch.is_dead(folder.path(), claim));
  }
  for (const char* name : {"claim.", "claim.x", "claim.-2", "claim.99999999999999999999", "claim.3.old"}) {
    std::ofstream(folder / name) << "";
  }
  CHECK(newest_claim(folder.path()).attempt == 1);
}

TEST_CASE("claim: a run that somebody else holds is not trained beside it") {
  const TempFolder folder;
  CHECK(own_attempt(folder.path()) == 0);
  write_claim(folder.path(), 3, {"there", "another", 7, 1});
  CHECK(contains(error_of<Error>([&] { own_attempt(folder.path()); }), "there:7 works on this run"));
  leave_claim(folder.path(), 3);
  CHECK(own_attempt(folder.path()) == 3);
}
