// WAV files, chunk by chunk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bitstate::tests {

inline std::string little_endian(std::uint32_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xffU);
  return text;
}

/// A chunk, padded to even.
inline std::string wav_chunk(const std::string& name, const std::string& content) {
  return name + little_endian(static_cast<std::uint32_t>(content.size()), 4) + content +
         std::string(content.size() % 2, '\0');
}

inline std::string wav_format(std::uint32_t rate) {
  return wav_chunk("fmt ", little_endian(1, 2) + little_endian(1, 2) + little_endian(rate, 4) +
                               little_endian(2 * rate, 4) + little_endian(2, 2) + little_endian(16, 2));
}

inline std::string wav_samples(const std::vector<std::int16_t>& samples) {
  std::string content;
  for (const std::int16_t sample : samples) content += little_endian(static_cast<std::uint16_t>(sample), 2);
  return wav_chunk("data", content);
}

inline std::string riff(const std::string& chunks) {
  return "RIFF" + little_endian(static_cast<std::uint32_t>(chunks.size() + 4), 4) + "WAVE" + chunks;
}

}  // namespace bitstate::tests
