#include "datasets/sets/speech.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/io/hdf5.h"
#include "tests/datasets/formats/wav_files.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace bitstate::tests::speech_test {

using namespace bitstate;
using namespace bitstate::datasets;
using tests::contains;
using tests::error_of;
using tests::TempFolder;

namespace {

namespace fs = std::filesystem;

/// Clip i of a word: of various lengths, loud and off centre in a way of its own.
std::vector<std::int16_t> clip(std::size_t word, std::size_t i) {
  std::vector<std::int16_t> samples(i == 0 ? speech_samples : 4'000 + 100 * word);
  for (std::size_t t = 0; t < samples.size(); ++t) {
    const auto wave = static_cast<int>(t * (word + 3 * i + 1) % 2'001) - 1'000;
    samples[t] = static_cast<std::int16_t>(wave * static_cast<int>(1 + t % 30) + static_cast<int>(word));
  }
  return samples;
}

void write_clip(const fs::path& file, const std::vector<std::int16_t>& samples, std::uint32_t rate = 16'000) {
  tests::write_quickly(file, tests::riff(tests::wav_format(rate) + tests::wav_samples(samples)));
}

/// Four clips of each word: 0 and 3 for training, 1 for validation, 2 for testing.
void write_speech(const fs::path& folder) {
  std::string validation;
  std::string testing;
  for (std::size_t word = 0; word < speech_words.size(); ++word) {
    fs::create_directories(folder / speech_words[word]);
    for (std::size_t i = 0; i < 4; ++i) {
      write_clip(folder / speech_words[word] / fmt::format("{}_nohash_0.wav", i), clip(word, i));
    }
    validation += fmt::format("{}/1_nohash_0.wav\n", speech_words[word]);
    testing += fmt::format("{}/2_nohash_0.wav\n", speech_words[word]);
  }
  fs::create_directories(folder / "_background_noise_");
  write_clip(folder / "_background_noise_" / "noise.wav", {1, 2, 3});
  tests::write_quickly(folder / "validation_list.txt", validation);
  tests::write_quickly(folder / "testing_list.txt", testing);
}

fs::path only_file(const fs::path& folder) { return fs::directory_iterator(folder)->path(); }

}  // namespace

TEST_CASE("speech: the words are 35 different ones in the order of S5") {
  CHECK(std::set<std::string_view>(speech_words.begin(), speech_words.end()).size() == 35);
  CHECK(speech_words[0] == "bed");
  CHECK(speech_words[16] == "yes");
  CHECK(speech_words[17] == "backward");
  CHECK(speech_words[34] == "zero");
}

TEST_CASE("speech: the lists make the parts, and labels are positions of words") {
  const TempFolder folder;
  write_speech(folder / "speech_commands_v0.02");
  const Splits splits = speech35(folder.path(), "");
  CHECK(splits.name == "speech35");
  CHECK(splits.task == Task::classification);
  CHECK(splits.d_input == 1);
  CHECK(splits.d_output == 35);
  CHECK(splits.max_length == 16'000);
  CHECK(splits.train->size() == 70);
  CHECK(splits.validation->size() == 35);
  CHECK(splits.test->size() == 35);
  Example example;
  example.target = {1.0F};
  example.tokens = {1};
  for (std::size_t word = 0; word < 35; ++word) {
    splits.test->read(word, example);
    CHECK(example.label == static_cast<int>(word));
    splits.train->read(2 * word + 1, example);
    CHECK(example.label == static_cast<int>(word));
  }
  CHECK(example.length == 16'000);
  CHECK(example.x.size() == 16'000);
  CHECK(example.target.empty());
  CHECK(example.tokens.empty());
  CHECK_THROWS_AS(splits.test->read(35, example), Error);
}

TEST_CASE("speech: values are divided by 2^15 twice and scaled by the training part at their time, padding included") {
  const TempFolder folder;
  write_speech(folder.path());
  const Splits splits = speech35(folder.path(), "");
  // the reference's arithmetic, in the order of a textbook
  for (const std::size_t t : {0, 29, 3'999, 4'000, 7'399, 15'999}) {
    std::vector<double> values;
    for (std::size_t word = 0; word < 35; ++word) {
      for (const std::size_t i : {0, 3}) {
        const auto samples = clip(word, i);
        values.push_back(t < samples.size() ? samples[t] / 32'768.0 / 32'768.0 : 0.0);
      }
    }
    double mean = 0.0;
    for (const double value : values) mean += value / 70.0;
    double variance = 0.0;
    for (const double value : values) variance += (value - mean) * (value - mean) / 69.0;
    for (const std::size_t word : {0, 7, 34}) {
      for (const auto& [part, i] : {std::pair{splits.validation, std::size_t{1}}, {splits.test, std::size_t{2}}}) {
        Example example;
        part->read(word, example);
        const auto samples = clip(word, i);
        const double value = t < samples.size() ? samples[t] / 32'768.0 / 32'768.0 : 0.0;
        CHECK(example.x[t] == doctest::Approx((value - mean) / (std::sqrt(variance) + 1e-5)).epsilon(1e-5));
      }
    }
  }
}

TEST_CASE("speech: every second sample of the same values is 8 kHz") {
  const TempFolder folder;
  write_speech(folder.path());
  const Splits all = speech35(folder.path(), "");
  Example full;
  all.test->read(3, full);
  for (const std::size_t every : {2, 3}) {
    const Splits some = speech35(folder.path(), "", every);
    CHECK(some.max_length == (every == 2 ? 8'000 : 5'334));
    Example example;
    some.test->read(3, example);
    REQUIRE(example.length == some.max_length);
    for (std::size_t t = 0; t < example.length; ++t) REQUIRE(example.x[t] == full.x[t * every]);
  }
  CHECK_THROWS_AS((void)speech35(folder.path(), "", 0), UsageError);
  CHECK_THROWS_AS((void)speech35(folder.path(), "", 16'001), UsageError);
}

TEST_CASE("speech: the statistics are kept by names and sizes of the training files, and made anew where damaged") {
  const TempFolder folder;
  const TempFolder cache;
  write_speech(folder.path());
  const auto first_value = [&] {
    Example example;
    speech35(folder.path(), cache / "deep").test->read(0, example);
    return example.x.at(0);
  };
  const float fresh = first_value();
  const fs::path file = only_file(cache / "deep");
  const std::string good = read_file(file, 1 << 24);
  for (const std::string& damaged : {std::string(), good.substr(0, good.size() / 2)}) {
    write_file_atomically(file, damaged);
    CHECK(first_value() == fresh);
    CHECK(read_file(file, 1 << 24) == good);
  }
  // what is there is used
  const Hdf5Reader reader(file);
  const auto digest = reader.attribute<std::string>("/", "files");
  const auto version = reader.attribute<std::int64_t>("/", "version");
  const auto rewrite = [&](const std::string& files, std::size_t size) {
    Hdf5Writer writer(file);
    writer.set_attribute("/", "version", version);
    writer.set_attribute("/", "files", files);
    writer.write("mean", std::vector<double>(size, 1.0));
    writer.write("deviation", std::vector<double>(size, 1.0));
    writer.commit();
  };
  rewrite(digest, speech_samples);
  CHECK(first_value() == doctest::Approx(-1.0).epsilon(1e-3));
  rewrite(std::string(64, 'a'), speech_samples);
  CHECK(first_value() == fresh);
  rewrite(digest, 3);
  CHECK(first_value() == fresh);
  // a clip of another length is another training part
  write_clip(folder / "bed" / "3_nohash_0.wav", {1, 2, 3});
  (void)first_value();
  CHECK(std::distance(fs::directory_iterator(cache / "deep"), {}) == 2);
}

TEST_CASE("speech: lists and files that do not belong together are errors that name file and line") {
  const TempFolder folder;
  CHECK(contains(error_of<Error>([&] { (void)speech35(folder.path(), ""); }), "speech_commands_v0.02.tar.gz"));
  write_speech(folder.path());
  const auto message = [&] { return error_of<Error>([&] { (void)speech35(folder.path(), ""); }); };
  REQUIRE(message().empty());
  const fs::path list = folder / "testing_list.txt";
  const std::string good = read_file(list, 1 << 20);
  for (const char* line : {"bed", "bed/", "table/1.wav", "bed/1.mp3", "/etc/passwd.wav", "", "bed/2_nohash_0.wav\r"}) {
    tests::write_quickly(list, good + line + "\n");
    CHECK(contains(message(), list.string() + "] line 36: \"" + line));
  }
  const auto refuses = [&](const std::string& text, const std::string& reason) {
    tests::write_quickly(list, text);
    CHECK(contains(message(), list.string() + "] " + reason));
  };
  refuses(good + "bed/2_nohash_0.wav\n", "bed/2_nohash_0.wav is listed twice");
  refuses(good + "bed/absent.wav\n", "bed/absent.wav is not there");
  refuses(good + "bed/../cat/0_nohash_0.wav\n", "bed/../cat/0_nohash_0.wav is not there");
  refuses(good + "bed/1_nohash_0.wav\n", "bed/1_nohash_0.wav is not there, or is in the other list too");
  refuses("", "is empty");
  refuses(std::string((1 << 24) + 1, 'x'), "has 16777217 bytes");
  tests::write_quickly(list, good.substr(0, good.size() - 1));  // without the last end of line
  CHECK(message().empty());
  fs::remove_all(folder / "zero");
  CHECK(contains(message(), (folder / "zero").string() + "] cannot be read"));
  fs::create_directory(folder / "zero");
  CHECK(contains(message(), (folder / "zero").string() + "] holds no .wav files"));
}

TEST_CASE("speech: clips that are damaged, too long or of another rate are errors that name them") {
  const TempFolder folder;
  write_speech(folder.path());
  const Splits splits = speech35(folder.path(), "");
  Example example;
  const fs::path file = folder / "cat" / "2_nohash_0.wav";
  const auto message = [&] { return error_of<Error>([&] { splits.test->read(1, example); }); };
  write_clip(file, std::vector<std::int16_t>(16'001));
  CHECK(contains(message(), file.string() + "] offset 44: there are 16001 samples, but at most 16000"));
  write_clip(file, {1, 2}, 8'000);
  CHECK(contains(message(), file.string() + "] has 8000 samples per second, not 16000"));
  tests::write_quickly(file, "RIFF");
  CHECK(contains(message(), file.string() + "] offset 0"));
  fs::remove(file);
  CHECK(contains(message(), file.string()));
  write_clip(file, {1, 2});
  CHECK(message().empty());
  // a damaged one of the training part prevents its statistics
  tests::write_quickly(folder / "bed" / "0_nohash_0.wav", "RIFF");
  CHECK(contains(error_of<Error>([&] { (void)speech35(folder.path(), ""); }), "0_nohash_0.wav"));
}

}  // namespace bitstate::tests::speech_test
