#include "datasets/formats/wav.h"

#include "core/error.h"
#include "core/io/atomic_file.h"

#include <fmt/core.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace bitstate::datasets {
namespace {

constexpr std::size_t max_other_bytes = std::size_t{1} << 20;
constexpr std::size_t riff_header = 12;  // "RIFF", the size of what follows it, "WAVE"
constexpr std::size_t chunk_header = 8;  // its name, the size of what follows

/// The content of a file by offset; little-endian numbers.
class Bytes {
 public:
  Bytes(const std::filesystem::path& path, std::size_t max_bytes) : path_(path), bytes_(read_file(path, max_bytes)) {}

  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] std::string_view text(std::size_t offset, std::size_t size) const {
    return std::string_view(bytes_).substr(offset, size);
  }
  [[nodiscard]] std::uint32_t number(std::size_t offset, std::size_t size) const {
    std::uint32_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = value << 8U | static_cast<unsigned char>(bytes_[offset + i]);
    return value;
  }

  template <class... Args>
  void expect(bool condition, std::size_t offset, fmt::format_string<Args...> reason, Args&&... args) const {
    if (condition) return;
    fail(path_.string(), "offset {}: {}", offset, fmt::format(reason, std::forward<Args>(args)...));
  }

 private:
  const std::filesystem::path& path_;
  std::string bytes_;
};

/// Samples per second from a "fmt " chunk of `size` bytes at `offset`.
std::uint32_t read_format(const Bytes& file, std::size_t offset, std::size_t size) {
  file.expect(size >= 16, offset, "the format has {} bytes, but at least 16 are needed", size);
  const std::uint32_t encoding = file.number(offset, 2);
  const std::uint32_t channels = file.number(offset + 2, 2);
  const std::uint32_t rate = file.number(offset + 4, 4);
  const std::uint32_t bits = file.number(offset + 14, 2);
  file.expect(encoding == 1 && bits == 16, offset,
              "encoding {} of {} bits is not supported; only 1 (PCM) of 16 bits is", encoding, bits);
  file.expect(channels == 1, offset + 2, "{} channels are not supported; only one is", channels);
  file.expect(rate > 0 && rate <= 1'000'000, offset + 4, "expected 1 to 1000000 samples per second, got {}", rate);
  file.expect(file.number(offset + 8, 4) == 2 * rate && file.number(offset + 12, 2) == 2, offset + 8,
              "the bytes per second or per sample are not those of the format");
  return rate;
}

std::vector<std::int16_t> read_samples(const Bytes& file, std::size_t offset, std::size_t size,
                                       std::size_t max_samples) {
  file.expect(size % 2 == 0, offset, "{} bytes are not a whole number of samples", size);
  file.expect(size > 0, offset, "there are no samples");
  file.expect(size / 2 <= max_samples, offset, "there are {} samples, but at most {} are read", size / 2, max_samples);
  std::vector<std::int16_t> samples(size / 2);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i] = static_cast<std::int16_t>(static_cast<std::uint16_t>(file.number(offset + 2 * i, 2)));
  }
  return samples;
}

}  // namespace

Wav read_wav(const std::filesystem::path& path, std::size_t max_samples) {
  const Bytes file(path, 2 * max_samples + max_other_bytes);
  file.expect(file.size() >= riff_header && file.text(0, 4) == "RIFF" && file.text(8, 4) == "WAVE", 0,
              "this is not a WAV file");
  file.expect(file.number(4, 4) == file.size() - 8, 4, "the header claims {} more bytes, but the file has {}",
              file.number(4, 4), file.size() - 8);

  std::optional<std::uint32_t> rate;
  std::optional<std::vector<std::int16_t>> samples;
  std::size_t offset = riff_header;
  while (offset < file.size()) {
    file.expect(file.size() - offset >= chunk_header, offset, "the file ends within the header of a chunk");
    const std::string_view name = file.text(offset, 4);
    const std::size_t size = file.number(offset + 4, 4);
    const std::size_t begin = offset + chunk_header;
    const std::size_t padded = size + size % 2;
    file.expect(padded <= file.size() - begin, offset + 4, "the chunk claims {} more bytes, but the file has {}",
                padded, file.size() - begin);
    if (name == "fmt ") {
      file.expect(!rate.has_value(), offset, "there is a second format");
      rate = read_format(file, begin, size);
    } else if (name == "data") {
      file.expect(!samples.has_value(), offset, "there are second samples");
      samples = read_samples(file, begin, size, max_samples);
    }
    offset = begin + padded;
  }
  file.expect(rate.has_value(), offset, "there is no chunk \"fmt \"");
  file.expect(samples.has_value(), offset, "there is no chunk \"data\"");
  return {*rate, std::move(*samples)};
}

}  // namespace bitstate::datasets
