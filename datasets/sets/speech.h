// Speech Commands v0.02 (Warden 2018, arXiv 1804.03209) as raw audio with 35 classes.
#pragma once

#include "datasets/dataset.h"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// The 35 words; a label is a position here. The order is that of S4's and S5's loaders, which is not alphabetical.
inline constexpr std::array<std::string_view, 35> speech_words = {
    "bed",    "cat",  "down", "five",   "forward", "go",       "house", "left",  "marvin", "no",     "on",   "right",
    "sheila", "tree", "up",   "visual", "yes",     "backward", "bird",  "dog",   "eight",  "follow", "four", "happy",
    "learn",  "nine", "off",  "one",    "seven",   "six",      "stop",  "three", "two",    "wow",    "zero"};

/// Seconds of audio are 16,000 samples; shorter clips are padded with zeros at the end, longer ones are an Error.
inline constexpr std::size_t speech_samples = 16'000;

/// A .wav file of a word, in the order of words, then of file names.
struct SpeechClip {
  std::uint8_t word = 0;  ///< index in speech_words
  std::string file;

  // clang-tidy 14 takes the 0 in what this expands to for a pointer. NOLINTNEXTLINE(modernize-use-nullptr)
  auto operator<=>(const SpeechClip&) const = default;
  [[nodiscard]] std::string path() const;  ///< word/file
};

/// The clips of validation_list.txt or testing_list.txt, sorted: lines "word/name.wav", each at most once. Throws Error
/// naming file and line.
std::vector<SpeechClip> read_speech_list(const std::filesystem::path& file);

/// The clips of a folder with validation_list.txt, testing_list.txt and a subfolder of .wav files for each word (that
/// folder itself, or its subfolder speech_commands_v0.02 or SpeechCommands/speech_commands_v0.02): those of the two
/// lists are the validation and the test part, all others of the words are for training, in the order of words and file
/// names. x is [16000 / every, 1] (rounded up): every `every`-th sample, 2 for 8 kHz; every in 1..16000.
///
/// Values are those of S5's loader: v = sample / 2^15 / 2^15 (torchaudio has divided once already), then
/// x[t] = (v[t] - mean[t]) / (deviation[t] + 1e-5), mean and deviation (of n - 1) over all training clips at time t,
/// padding included. The deviation is about 3e-6, so that of x is about 0.2. They take one pass over the training
/// clips, which `cache` (a folder, created if absent; empty: none) keeps, by the names and sizes of those files.
/// Clips are read when they are asked for. Throws Error naming the file, its line or offset, and the reason.
Splits speech35(const std::filesystem::path& folder, const std::filesystem::path& cache, std::size_t every = 1);

}  // namespace bitstate::datasets
