#include "datasets/sets/speech.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/io/hdf5.h"
#include "core/io/sha256.h"
#include "datasets/catalog.h"
#include "datasets/formats/wav.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_list_bytes = std::size_t{1} << 24;
constexpr std::size_t max_clips = 1'000'000;
constexpr std::uint32_t sample_rate = 16'000;
constexpr std::int64_t cache_version = 1;

struct Parts {
  std::vector<SpeechClip> train;
  std::vector<SpeechClip> validation;
  std::vector<SpeechClip> test;
};

fs::path folder_of_clips(const fs::path& folder) {
  const fs::path name = "speech_commands_v0.02";
  std::error_code ignored;
  for (const fs::path& place : {folder, folder / name, folder / "SpeechCommands" / name}) {
    if (fs::is_regular_file(place / "validation_list.txt", ignored)) return place;
  }
  fail(folder.string(), "validation_list.txt is not there; {}", advice("speech35"));
}

/// All clips of the words, sorted.
std::vector<SpeechClip> find_clips(const fs::path& folder) {
  std::vector<SpeechClip> clips;
  for (std::size_t word = 0; word < speech_words.size(); ++word) {
    const fs::path place = folder / speech_words[word];
    const std::size_t before = clips.size();
    std::error_code error;
    for (fs::directory_iterator entry(place, error), end; !error && entry != end; entry.increment(error)) {
      if (entry->path().extension() != ".wav" || !entry->is_regular_file(error)) continue;
      require(clips.size() < max_clips, folder.string(), "there are more than {} .wav files", max_clips);
      clips.push_back({static_cast<std::uint8_t>(word), entry->path().filename().string()});
    }
    require(!error, place.string(), "cannot be read: {}", error.message());
    require(clips.size() > before, place.string(), "holds no .wav files");
  }
  std::sort(clips.begin(), clips.end());
  return clips;
}

Parts split(const fs::path& folder) {
  Parts parts{find_clips(folder), read_speech_list(folder / "validation_list.txt"),
              read_speech_list(folder / "testing_list.txt")};
  std::vector<SpeechClip> rest;
  for (const auto& [list, clips] :
       {std::pair{"validation_list.txt", &parts.validation}, {"testing_list.txt", &parts.test}}) {
    const auto absent = std::find_if(clips->begin(), clips->end(), [&](const SpeechClip& clip) {
      return !std::binary_search(parts.train.begin(), parts.train.end(), clip);
    });
    require(absent == clips->end(), (folder / list).string(), "{} is not there, or is in the other list too",
            absent == clips->end() ? "" : absent->path());
    require(!clips->empty(), (folder / list).string(), "is empty");
    rest.clear();
    std::set_difference(parts.train.begin(), parts.train.end(), clips->begin(), clips->end(), std::back_inserter(rest));
    parts.train.swap(rest);
  }
  require(parts.train.size() >= 2, folder.string(), "{} clips are left for training, at least 2 are needed",
          parts.train.size());
  return parts;
}

Wav read_clip(const fs::path& path) {
  Wav wav = read_wav(path, speech_samples);
  require(wav.rate == sample_rate, path.string(), "has {} samples per second, not {}", wav.rate, sample_rate);
  return wav;
}

/// Of the training part at each time, in units of sample / 2^30.
struct Statistics {
  std::vector<double> mean;       // [16000]
  std::vector<double> deviation;  // [16000]
};

/// Sums of integers are exact, so the result does not depend on the order of the clips.
Statistics measure(const fs::path& folder, const std::vector<SpeechClip>& clips) {
  std::vector<std::int64_t> sum(speech_samples);
  std::vector<std::int64_t> squares(speech_samples);  // below max_clips * 2^30, that is 2^50
  for (const SpeechClip& clip : clips) {
    const Wav wav = read_clip(folder / clip.path());
    for (std::size_t t = 0; t < wav.samples.size(); ++t) {
      const std::int64_t sample = wav.samples[t];
      sum[t] += sample;
      squares[t] += sample * sample;
    }
  }
  Statistics statistics;
  const auto n = static_cast<double>(clips.size());
  for (std::size_t t = 0; t < speech_samples; ++t) {
    const double mean = static_cast<double>(sum[t]) / n;
    const double variance = (static_cast<double>(squares[t]) - static_cast<double>(sum[t]) * mean) / (n - 1.0);
    statistics.mean.push_back(std::ldexp(mean, -30));
    statistics.deviation.push_back(std::ldexp(std::sqrt(std::max(variance, 0.0)), -30));
  }
  return statistics;
}

/// SHA-256 of the names and sizes of files.
std::string digest_of(const fs::path& folder, const std::vector<SpeechClip>& clips) {
  Sha256 hash;
  for (const SpeechClip& clip : clips) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(folder / clip.path(), error);
    require(!error, (folder / clip.path()).string(), "cannot be read: {}", error.message());
    const std::string line = fmt::format("{} {}\n", clip.path(), size);
    hash.update(line.data(), line.size());
  }
  return hash.hex();
}

/// The cached statistics; false if there are none that fit, for whatever reason.
bool read_cache(const fs::path& file, const std::string& digest, Statistics& out) {
  try {
    const Hdf5Reader reader(file);
    if (reader.attribute<std::int64_t>("/", "version") != cache_version) return false;
    if (reader.attribute<std::string>("/", "files") != digest) return false;
    out.mean = reader.read<double>("mean", speech_samples).values;
    out.deviation = reader.read<double>("deviation", speech_samples).values;
    return out.mean.size() == speech_samples && out.deviation.size() == speech_samples;
  } catch (const Error&) {
    return false;  // absent, truncated or damaged: it is made again
  }
}

void write_cache(const fs::path& file, const std::string& digest, const Statistics& statistics) {
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  require(!error, file.parent_path().string(), "the cache folder cannot be created: {}", error.message());
  Hdf5Writer writer(file);
  writer.set_attribute("/", "version", cache_version);
  writer.set_attribute("/", "files", digest);
  writer.write("mean", statistics.mean);
  writer.write("deviation", statistics.deviation);
  writer.commit();
}

Statistics cached_statistics(const fs::path& folder, const std::vector<SpeechClip>& clips, const fs::path& cache) {
  if (cache.empty()) return measure(folder, clips);
  const std::string digest = digest_of(folder, clips);
  const fs::path file = cache / fmt::format("speech35-{}-v{}.h5", digest.substr(0, 16), cache_version);
  Statistics statistics;
  if (read_cache(file, digest, statistics)) return statistics;
  statistics = measure(folder, clips);
  write_cache(file, digest, statistics);
  return statistics;
}

/// x = (sample / 2^30 - mean) / scale, in single precision as the reference.
struct Scaling {
  std::vector<float> mean;   // [16000]
  std::vector<float> scale;  // [16000], deviation + 1e-5
};

Scaling scaling_of(const Statistics& statistics) {
  Scaling scaling;
  for (std::size_t t = 0; t < speech_samples; ++t) {
    scaling.mean.push_back(static_cast<float>(statistics.mean[t]));
    scaling.scale.push_back(static_cast<float>(statistics.deviation[t]) + 1e-5F);
  }
  return scaling;
}

class Speech final : public Dataset {
 public:
  Speech(fs::path folder, std::vector<SpeechClip> clips, std::shared_ptr<const Scaling> scaling, std::size_t every)
      : folder_(std::move(folder)), clips_(std::move(clips)), scaling_(std::move(scaling)), every_(every) {}

  [[nodiscard]] std::size_t size() const override { return clips_.size(); }

  void read(std::size_t index, Example& out) const override {
    require(index < clips_.size(), "speech35", "example {} of {} does not exist", index, clips_.size());
    const SpeechClip& clip = clips_[index];
    const Wav wav = read_clip(folder_ / clip.path());
    out.x.clear();
    for (std::size_t t = 0; t < speech_samples; t += every_) {
      const float value = t < wav.samples.size() ? static_cast<float>(wav.samples[t]) * 0x1p-30F : 0.0F;
      out.x.push_back((value - scaling_->mean[t]) / scaling_->scale[t]);
    }
    out.length = out.x.size();
    out.tokens.clear();
    out.target.clear();
    out.label = clip.word;
  }

 private:
  fs::path folder_;
  std::vector<SpeechClip> clips_;
  std::shared_ptr<const Scaling> scaling_;
  std::size_t every_;
};

}  // namespace

std::string SpeechClip::path() const { return fmt::format("{}/{}", speech_words[word], file); }

std::vector<SpeechClip> read_speech_list(const fs::path& file) {
  const std::string text = read_file(file, max_list_bytes);
  std::vector<SpeechClip> clips;
  std::size_t line = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    ++line;
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view entry = std::string_view(text).substr(begin, end - begin);
    const std::size_t slash = entry.find('/');
    const auto* const word = std::find(speech_words.begin(), speech_words.end(), entry.substr(0, slash));
    require(slash != entry.npos && word != speech_words.end() && entry.ends_with(".wav"), file.string(),
            "line {}: \"{}\" is not one of the 35 words, a slash and the name of a .wav file", line,
            entry.substr(0, 100));
    clips.push_back({static_cast<std::uint8_t>(word - speech_words.begin()), std::string(entry.substr(slash + 1))});
    begin = end + 1;
  }
  std::sort(clips.begin(), clips.end());
  const auto twice = std::adjacent_find(clips.begin(), clips.end());
  require(twice == clips.end(), file.string(), "{} is listed twice", twice == clips.end() ? "" : twice->path());
  return clips;
}

Splits speech35(const fs::path& folder, const fs::path& cache, std::size_t every) {
  require<UsageError>(every >= 1 && every <= speech_samples, "speech35",
                      "expected to take every n-th sample with n from 1 to {1}, got {0}", every, speech_samples);
  const fs::path root = folder_of_clips(folder);
  Parts parts = split(root);
  const auto scaling = std::make_shared<const Scaling>(scaling_of(cached_statistics(root, parts.train, cache)));
  Splits splits;
  splits.name = "speech35";
  splits.task = Task::classification;
  splits.d_input = 1;
  splits.d_output = speech_words.size();
  splits.max_length = (speech_samples + every - 1) / every;
  splits.train = std::make_shared<Speech>(root, std::move(parts.train), scaling, every);
  splits.validation = std::make_shared<Speech>(root, std::move(parts.validation), scaling, every);
  splits.test = std::make_shared<Speech>(root, std::move(parts.test), scaling, every);
  return splits;
}

}  // namespace bitstate::datasets
