#include "datasets/formats/wav.h"

#include "core/error.h"
#include "tests/datasets/formats/wav_files.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

using namespace bitstate;
using datasets::read_wav;
using datasets::Wav;
using tests::contains;
using tests::error_of;
using tests::little_endian;
using tests::riff;
using tests::TempFolder;
using tests::wav_chunk;
using tests::wav_format;
using tests::wav_samples;

namespace {

const std::vector<std::int16_t> samples = {0, 1, -1, 32767, -32768, 258};

std::string small_wav() { return riff(wav_format(16'000) + wav_chunk("LIST", "odd") + wav_samples(samples)); }

std::optional<Wav> read_one(const TempFolder& folder, std::string_view bytes, std::size_t max_samples = 100) {
  tests::write_quickly(folder / "x.wav", bytes);
  try {
    return read_wav(folder / "x.wav", max_samples);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string refusal(const TempFolder& folder, const std::string& bytes, std::size_t max_samples = 100) {
  tests::write_quickly(folder / "x.wav", bytes);
  const std::string message = error_of<Error>([&] { (void)read_wav(folder / "x.wav", max_samples); });
  CHECK(message.find((folder / "x.wav").string()) != std::string::npos);
  return message;
}

}  // namespace

TEST_CASE("wav: samples are read whatever the order of the chunks, and others are skipped with their padding") {
  const TempFolder folder;
  const std::string format = wav_format(16'000);
  const std::string data = wav_samples(samples);
  const std::string odd = wav_chunk("LIST", "odd");
  for (const std::string& chunks :
       {format + data, odd + format + odd + data, data + odd + format, data + format + odd}) {
    const auto wav = read_one(folder, riff(chunks));
    REQUIRE(wav.has_value());
    CHECK(wav->rate == 16'000);
    CHECK(wav->samples == samples);
  }
  // a format with the size of an extension that is not there
  std::string extended = format.substr(8) + little_endian(0, 2);
  CHECK(read_one(folder, riff(wav_chunk("fmt ", extended) + data)).has_value());
}

TEST_CASE("wav: every truncation is an error, and so are bytes that follow") {
  const TempFolder folder;
  const std::string good = small_wav();
  for (std::size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(read_one(folder, std::string_view(good).substr(0, size)).has_value());
  }
  CHECK_FALSE(read_one(folder, good + "x").has_value());
  // also where the header agrees with the truncation
  const std::string chunks = good.substr(12);
  for (std::size_t size = 0; size < chunks.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(read_one(folder, riff(chunks.substr(0, size))).has_value());
  }
}

TEST_CASE("wav: a flipped bit is an error, another sample or nothing that matters") {
  const TempFolder folder;
  const std::string good = small_wav();
  const std::size_t data = good.size() - 2 * samples.size();
  const std::size_t skipped = good.find("LIST");
  std::size_t errors = 0;
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bytes = good;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
    const auto wav = read_one(folder, bytes);
    CAPTURE(bit);
    if (!wav.has_value()) {
      ++errors;
    } else if (bit / 8 < data) {
      CHECK(wav->samples == samples);
      // the name or the content of the skipped chunk, or whatever else is not looked at
      CHECK(bit / 8 >= skipped);
    }
  }
  // all of "RIFF", "WAVE", "fmt ", "data", of three sizes and of the format
  CHECK(errors >= (12 + 8 + 16 + 8) * 8);
}

TEST_CASE("wav: other formats are errors that name offset and reason") {
  const TempFolder folder;
  const std::string data = wav_samples(samples);
  const auto with = [&](std::size_t offset, std::uint32_t value, int bytes) {
    std::string file = riff(wav_format(16'000) + data);
    return file.replace(offset, static_cast<std::size_t>(bytes), little_endian(value, bytes));
  };
  CHECK(contains(refusal(folder, with(20, 3, 2)), "offset 20: encoding 3 of 16 bits"));
  CHECK(contains(refusal(folder, with(34, 8, 2)), "encoding 1 of 8 bits"));
  CHECK(contains(refusal(folder, with(22, 2, 2)), "offset 22: 2 channels"));
  CHECK(contains(refusal(folder, with(24, 0, 4)), "offset 24: expected 1 to 1000000 samples per second, got 0"));
  CHECK(contains(refusal(folder, with(28, 1, 4)), "offset 28: the bytes per second"));
  CHECK(contains(refusal(folder, with(40, 0xfffffff0U, 4)), "offset 40: the chunk claims 4294967280 more bytes"));
  CHECK(contains(refusal(folder, with(40, 0xffffffffU, 4)), "offset 40: the chunk claims 4294967296 more bytes"));
  CHECK(contains(refusal(folder, with(4, 10, 4)), "offset 4: the header claims 10 more bytes, but the file has 48"));
  CHECK(contains(refusal(folder, with(4, 0xffffffffU, 4)), "offset 4"));
  CHECK(contains(refusal(folder, riff(wav_chunk("fmt ", "short") + data)), "the format has 5 bytes"));
  CHECK(contains(refusal(folder, riff(data)), "there is no chunk \"fmt \""));
  CHECK(contains(refusal(folder, riff(wav_format(8'000))), "there is no chunk \"data\""));
  CHECK(contains(refusal(folder, riff(wav_format(8'000) + wav_format(8'000) + data)), "a second format"));
  CHECK(contains(refusal(folder, riff(wav_format(8'000) + data + data)), "second samples"));
  CHECK(contains(refusal(folder, riff(wav_format(8'000) + wav_samples({}))), "there are no samples"));
  CHECK(contains(refusal(folder, riff(wav_format(8'000) + wav_chunk("data", "odd"))), "not a whole number of samples"));
  CHECK(contains(refusal(folder, std::string("ID3") + std::string(100, 'x')), "offset 0: this is not a WAV file"));
}

TEST_CASE("wav: a file with more than is allowed is not read") {
  const TempFolder folder;
  CHECK(read_one(folder, small_wav(), samples.size()).has_value());
  CHECK(contains(refusal(folder, small_wav(), samples.size() - 1), "there are 6 samples, but at most 5 are read"));
  const std::string large = wav_chunk("LIST", std::string(std::size_t{1} << 20, 'x'));
  CHECK(contains(refusal(folder, riff(large + wav_format(16'000) + wav_samples(samples)), samples.size()), "at most"));
  const auto absent = error_of<Error>([&] { (void)read_wav(folder / "absent.wav", 10); });
  CHECK(contains(absent, "absent.wav] cannot be opened"));
}
