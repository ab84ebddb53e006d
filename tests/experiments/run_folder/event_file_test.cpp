// TensorBoard's event files, read back byte by byte as its documents describe them, by other code than wrote them.
#include "experiments/run_folder/event_file.h"

#include "core/error.h"
#include "core/text.h"
#include "experiments/run_folder/curves.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/run_folder/train.h"
#include "tests/experiments/run_folder/small_lorenz.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;
using tests::TempFolder;

/// CRC-32C bit by bit, from the highest power down: the bytes and the result are mirrored.
std::uint32_t crc_of(std::string_view bytes) {
  const auto mirrored = [](std::uint64_t number, int bits) {
    std::uint64_t result = 0;
    for (int i = 0; i < bits; ++i) result |= (number >> i & 1U) << (bits - 1 - i);
    return result;
  };
  std::uint64_t crc = 0xFFFFFFFF;
  for (const char c : bytes) {
    crc ^= mirrored(static_cast<unsigned char>(c), 8) << 24U;
    for (int i = 0; i < 8; ++i) {
      crc <<= 1U;
      if ((crc >> 32U) != 0) crc ^= 0x11EDC6F41U;
    }
  }
  return static_cast<std::uint32_t>(mirrored(crc, 32) ^ 0xFFFFFFFFU);
}

struct Event {
  double wall_time = 0.0;
  std::uint64_t step = 0;
  std::string version;
  std::map<std::string, float> values;
};

/// Takes bytes from the front of a text.
class WireBytes {
 public:
  explicit WireBytes(std::string_view text) : text_(text) {}
  [[nodiscard]] bool empty() const { return text_.empty(); }
  std::string_view take(std::size_t count) {
    REQUIRE(count <= text_.size());
    const auto front = text_.substr(0, count);
    text_.remove_prefix(count);
    return front;
  }
  template <class T>
  T number() {
    T value{};
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));  // this machine is little-endian, as the format is
    return value;
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = number<std::uint8_t>();
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    FAIL("a varint of more than 64 bits");
    return 0;
  }
  std::string_view message() { return take(varint()); }

 private:
  std::string_view text_;
};

std::pair<std::string, float> summary_value(WireBytes message) {
  std::pair<std::string, float> value;
  while (!message.empty()) {
    const auto key = message.varint();
    if (key == (1U << 3U | 2U)) {
      value.first = message.message();
    } else {
      REQUIRE(key == (2U << 3U | 5U));
      value.second = message.number<float>();
    }
  }
  return value;
}

Event parsed_event(WireBytes message) {
  Event event;
  while (!message.empty()) {
    const auto key = message.varint();
    if (key == (1U << 3U | 1U)) {
      event.wall_time = message.number<double>();
    } else if (key == (2U << 3U | 0U)) {
      event.step = message.varint();
    } else if (key == (3U << 3U | 2U)) {
      event.version = message.message();
    } else {
      REQUIRE(key == (5U << 3U | 2U));
      WireBytes summary(message.message());
      while (!summary.empty()) {
        REQUIRE(summary.varint() == (1U << 3U | 2U));
        event.values.insert(summary_value(WireBytes(summary.message())));
      }
    }
  }
  return event;
}

std::vector<Event> parsed_events(const std::string& text) {
  const auto masked = [](std::string_view bytes) {
    const std::uint32_t crc = crc_of(bytes);
    return (crc >> 15U | crc << 17U) + 0xA282EAD8U;
  };
  std::vector<Event> events;
  for (WireBytes bytes(text); !bytes.empty();) {
    const auto length = bytes.take(8);
    REQUIRE(bytes.number<std::uint32_t>() == masked(length));
    const auto data = bytes.take(WireBytes(length).number<std::uint64_t>());
    REQUIRE(bytes.number<std::uint32_t>() == masked(data));
    events.push_back(parsed_event(WireBytes(data)));
  }
  return events;
}

/// The one event file of a run.
fs::path event_file(const fs::path& run) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(run)) {
    if (entry.path().filename().string().find("tfevents") != std::string::npos) found.push_back(entry.path());
  }
  REQUIRE(found.size() == 1);
  return found[0];
}

/// What the rows of curves.csv say, checked against the events.
void check_same(const fs::path& run) {
  const auto events = parsed_events(read_text(event_file(run)));
  const auto rows = split(read_text(run / "curves.csv"), "\n");
  REQUIRE(events.size() == rows.size());
  CHECK(events[0].version == "brain.Event:2");
  CHECK(events[0].values.empty());
  const auto names = split(rows[0], ",");
  for (std::size_t i = 1; i < rows.size(); ++i) {
    std::vector<std::string> fields;  // split() drops empty ones
    std::string row = rows[i] + ",";
    for (std::size_t end = 0; (end = row.find(',')) != row.npos; row.erase(0, end + 1)) {
      fields.push_back(row.substr(0, end));
    }
    REQUIRE(fields.size() == names.size());
    CHECK(events[i].step == std::stoull(fields[1]));
    CHECK(events[i].version.empty());
    std::map<std::string, float> expected;
    for (std::size_t k = 2; k < names.size(); ++k) {
      if (names[k] != "seconds" && !fields[k].empty()) expected[names[k]] = std::stof(fields[k]);
    }
    CHECK(events[i].values == expected);
  }
}

TEST_CASE("event file: checksums are those of RFC 3720") {
  CHECK(crc32c("123456789") == 0xE3069283U);
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AAU);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62A8AB43U);
  CHECK(crc32c("") == 0U);
  CHECK(crc_of("123456789") == 0xE3069283U);  // that of this test, too
}

TEST_CASE("event file: records are read back, whatever their numbers and names are") {
  std::string text = version_record(1.5);
  const std::string long_name(300, 'x');
  text += scalar_record(2.5, 0, {});
  text += scalar_record(1e9 + 0.125, 1ULL << 40U,
                        {{"loss", -0.5F}, {long_name, std::numeric_limits<float>::quiet_NaN()}, {"", 3e38F}});
  const auto events = parsed_events(text);
  REQUIRE(events.size() == 3);
  CHECK(events[0].wall_time == 1.5);
  CHECK(events[0].version == "brain.Event:2");
  CHECK(events[1].step == 0);
  CHECK(events[2].wall_time == 1e9 + 0.125);
  CHECK(events[2].step == 1ULL << 40U);
  CHECK(events[2].values.at("loss") == -0.5F);
  CHECK(events[2].values.at("") == 3e38F);
  CHECK(std::isnan(events[2].values.at(long_name)));
}

TEST_CASE("event file: a run has one if it is asked for, with the figures of curves.csv, also when it is resumed") {
  const TempFolder folder;
  RunConfig c = tests::small_lorenz({}, folder / "run");
  const TrainResult plain = train(c);
  for (const auto& entry : fs::directory_iterator(folder / "run")) {
    CHECK(entry.path().filename().string().find("tfevents") == std::string::npos);
  }
  c.run.out = (folder / "watched").string();
  c.run.tensorboard = true;
  CHECK(settings_hash(c) == settings_hash(tests::small_lorenz({})));
  CHECK(train(c).weights_digest == plain.weights_digest);
  check_same(folder / "watched");
  const auto events = parsed_events(read_text(event_file(folder / "watched")));
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  CHECK(events.back().wall_time <= now + 0.001);  // curves.csv has milliseconds
  CHECK(events.back().wall_time > now - 600.0);
  CHECK(events.back().values.contains("val_mse"));

  // rows behind the checkpoint are written anew, and a file of an earlier time is replaced
  fs::rename(event_file(folder / "watched"), folder / "watched/events.out.tfevents.1000000000.bitstate");
  fs::remove(folder / "watched/result.json");
  const std::string rows = read_text(folder / "watched/curves.csv");
  CurvesFile curves(folder / "watched", {8, 2, 1, true, 0.0}, {{"lr", 4e-3}, {"ssm_lr", 1e-3}}, "mse", true,
                    [](std::string_view warning) { FAIL(warning); });
  Progress progress;
  progress.epoch = 1;
  progress.step = 2;
  progress.loss_sum = 0.5;
  curves.begin(progress, progress.seconds);
  progress.step = 3;
  curves.end_step(progress, 1.0);
  CHECK(split(read_text(folder / "watched/curves.csv"), "\n").size() == 1 + 11);
  check_same(folder / "watched");
  CHECK(event_file(folder / "watched").filename() != "events.out.tfevents.1000000000.bitstate");
}

}  // namespace
}  // namespace bitstate::experiments
