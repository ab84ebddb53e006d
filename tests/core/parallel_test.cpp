#include "core/parallel.h"

#include "core/error.h"

#include <doctest/doctest.h>

#include <atomic>
#include <vector>

namespace bitstate {
namespace {

TEST_CASE("workers: every index is visited once, whatever the number of threads") {
  for (const std::size_t threads : {1U, 2U, 3U, 7U}) {
    Workers workers(threads);
    CHECK(workers.threads() == threads);
    std::vector<std::atomic<int>> visits(1000);
    workers.for_each(visits.size(), [&](std::size_t i) { ++visits[i]; });
    for (const auto& count : visits) REQUIRE(count == 1);
  }
}

TEST_CASE("workers: the error of the smallest index is the one that is thrown") {
  Workers workers(3);
  for (int repeat = 0; repeat < 20; ++repeat) {
    CHECK_THROWS_WITH_AS(workers.for_each(64,
                                          [](std::size_t i) {
                                            if (i % 2 == 1) fail("test", "index {}", i);
                                          }),
                         "[test] index 1", Error);
  }
}

TEST_CASE("meeting: more lanes than threads meet again and again, and sums have the order of the lanes") {
  double first_round = 0.0;  // in the order of the lanes; another order rounds differently
  double reversed = 0.0;
  for (std::size_t lane = 0; lane < 16; ++lane) {
    first_round += 0.1 * static_cast<double>(lane);
    reversed += 0.1 * static_cast<double>(15 - lane);
  }
  REQUIRE(first_round != reversed);
  std::vector<double> expected;
  for (const std::size_t threads : {1U, 2U, 3U, 7U}) {
    Workers workers(threads);
    std::vector<double> sums;
    workers.for_each_lane(16, [&](std::size_t lane, Meeting& meeting) {
      double value = 0.1 * static_cast<double>(lane);
      for (int round = 0; round < 50; ++round) {
        std::vector<double> both = {value, 1.0};
        meeting.sum(lane, both);
        REQUIRE(both[1] == 16.0);
        value = 0.3 * both[0] + 0.01 * static_cast<double>(lane);
        if (lane == 0) sums.push_back(both[0]);
      }
    });
    CHECK(sums.front() == first_round);
    if (expected.empty()) expected = sums;
    CHECK(sums == expected);
  }
}

TEST_CASE("meeting: a lane that fails releases the others, and its error is the one that is thrown") {
  for (const std::size_t threads : {1U, 2U, 5U}) {
    Workers workers(threads);
    const auto run = [&] {
      workers.for_each_lane(8, [](std::size_t lane, Meeting& meeting) {
        for (int round = 0; round < 3; ++round) {
          if (lane == 5 && round == 1) fail("test", "lane {} failed", lane);
          std::vector<double> one = {1.0};
          meeting.sum(lane, one);
        }
      });
    };
    CHECK_THROWS_WITH_AS(run(), "[test] lane 5 failed", Error);
    CHECK_THROWS_WITH_AS(run(), "[test] lane 5 failed", Error);
  }
}

TEST_CASE("meeting: lanes that bring different counts, or a lane that is none, are errors") {
  Workers workers(2);
  const auto lane_counts = [](std::size_t lane, Meeting& meeting) {
    std::vector<double> values(lane == 2 ? 3 : 4, 1.0);
    meeting.sum(lane, values);
  };
  CHECK_THROWS_WITH_AS(workers.for_each_lane(4, lane_counts), "[meeting] the lanes bring different counts of numbers",
                       Error);
  const auto absent_lane = [](std::size_t lane, Meeting& meeting) {
    std::vector<double> one(1, 1.0);
    meeting.sum(lane + 1, one);
  };
  CHECK_THROWS_WITH_AS(workers.for_each_lane(2, absent_lane), "[meeting] lane 2 takes part, there are lanes 0 to 1",
                       Error);
}

}  // namespace
}  // namespace bitstate
