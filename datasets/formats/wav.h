// WAV files of 16-bit PCM with one channel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace bitstate::datasets {

struct Wav {
  std::uint32_t rate = 0;  ///< samples per second
  std::vector<std::int16_t> samples;
};

/// Reads a RIFF file of chunks "fmt " (16-bit PCM, one channel) and "data" in any order; others are skipped. The sizes
/// of the RIFF and of every chunk must be those of the file, chunks of odd size are padded to even. A file of more than
/// `max_samples`, or of more than 1 MiB besides them, is not read. Throws Error naming file, offset and reason.
Wav read_wav(const std::filesystem::path& path, std::size_t max_samples);

}  // namespace bitstate::datasets
