#include "datasets/catalog.h"

#include "core/error.h"
#include "core/io/sha256.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

// Checksums: MNIST as torchvision's mirror has had it since 2020; CIFAR-10, IMDB and Speech Commands as TensorFlow
// Datasets publishes them (its checksums.tsv; the last also in torchaudio), CIFAR-10's parts as they are in that
// archive; CascadedTanksFiles.zip is the file whose MD5 4TU publishes (f832776ed1efdca4572338f467b7baec); for
// SilverboxFiles.zip independent records of the download agree with each other and with the SNLS80mV.csv inside.
// lra_release.gz has no published checksum.

std::vector<Source> signals() {
  return {{"silverbox",
           {"silverbox", "silverbox-arrow"},
           {{"SilverboxFiles.zip",
             "https://drive.google.com/uc?export=download&id=17iS-6oBUUgrmiAcrZoG9S5sOaljZnDSy",
             5'793'999,
             "2398dda503ac4c30f46c7a1ba09d8a8864d001cc71bbeb59f207a054cc592d8c",
             "SilverboxFiles",
             {{"SNLS80mV.csv", "ae62d5a91230c10f76e6dd02c8a4fac3c9d4d8a95fbf50e87cb0c4885003e0f1", ""}}}},
           "unzip -j SilverboxFiles.zip '*/SNLS80mV.csv'"},
          {"cascaded_tanks",
           {"cascaded-tanks"},
           {{"CascadedTanksFiles.zip",
             "https://data.4tu.nl/file/d4810b78-6cdd-48fe-8950-9bd601e5f47f/3b697e42-01a4-4979-a370-813a456c36f5",
             7'520'592,
             "eb0fa05851e8a7136846c2e3b61fbef87def78d0852c86ab91b02ac5db541b51",
             "CascadedTanksFiles",
             // the second is the same text with CRLF at the ends of lines
             {{"dataBenchmark.csv", "ef2388ed822f3aef4aa80d6b0f2b466dd80b361786b3eafc7a2957c31ea323a7",
               "7416cb2aeb97c0775f2d9fdd4be698024d49608f8b0a8e767755c5ecb2bb023c"}}}},
           "unzip -j CascadedTanksFiles.zip '*/dataBenchmark.csv'"},
          {"speech_commands",
           {"speech35", "speech35-8k"},
           {{"speech_commands_v0.02.tar.gz",
             "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
             2'428'923'189,
             "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
             "speech_commands_v0.02",
             {{"validation_list.txt", "", ""}, {"testing_list.txt", "", ""}}}},
           "tar -xzf speech_commands_v0.02.tar.gz --one-top-level"}};
}

std::vector<Source> pictures_and_texts() {
  return {
      {"mnist",
       {"smnist", "psmnist", "mnist-classification"},
       {{"train-images-idx3-ubyte.gz",
         "https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz",
         9'912'422,
         "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
         "",
         {{"train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", ""}}},
        {"train-labels-idx1-ubyte.gz",
         "https://ossci-datasets.s3.amazonaws.com/mnist/train-labels-idx1-ubyte.gz",
         28'881,
         "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
         "",
         {{"train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", ""}}},
        {"t10k-images-idx3-ubyte.gz",
         "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-images-idx3-ubyte.gz",
         1'648'877,
         "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
         "",
         {{"t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", ""}}},
        {"t10k-labels-idx1-ubyte.gz",
         "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-labels-idx1-ubyte.gz",
         4'542,
         "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
         "",
         {{"t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", ""}}}},
       ""},
      {"cifar10",
       {"cifar", "lra-cifar"},
       {{"cifar-10-binary.tar.gz",
         "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
         170'052'171,
         "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
         "cifar-10-batches-bin",
         {{"data_batch_1.bin", "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5", ""},
          {"data_batch_2.bin", "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed", ""},
          {"data_batch_3.bin", "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67", ""},
          {"data_batch_4.bin", "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48", ""},
          {"data_batch_5.bin", "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add", ""},
          {"test_batch.bin", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b", ""}}}},
       ""},
      {"imdb",
       {"imdb", "imdb-bytes"},
       {{"aclImdb_v1.tar.gz",
         "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
         84'125'825,
         "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
         "aclImdb",
         {}}},
       ""},
      {"lra",
       {"listops", "aan", "pathfinder", "pathx"},
       {{"lra_release.gz", "https://storage.googleapis.com/long-range-arena/lra_release.gz", 0, "", "lra_release", {}}},
       "tar -xzf lra_release.gz"}};
}

const std::vector<Source>& catalog() {
  static const std::vector<Source> sources = [] {
    std::vector<Source> all = pictures_and_texts();
    for (Source& source : signals()) all.push_back(std::move(source));
    return all;
  }();
  return sources;
}

/// What data make is told so that it makes data that are read as `name`; empty where it cannot.
std::string_view make_arguments(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> made = {
      {{"listops", "listops"},
       {"aan", "retrieval"},
       {"pathfinder", "pathfinder --size=32"},
       {"pathx", "pathfinder --size=128"}}};
  const auto* const found = std::find_if(made.begin(), made.end(), [&](const auto& m) { return m.first == name; });
  return found == made.end() ? std::string_view() : found->second;
}

std::string sum_text(std::string_view sha256) {
  return sha256.empty() ? "no published checksum" : fmt::format("sha256 {}", sha256);
}

/// What there is of the contents of a file: all of them, or the folder of those that are not listed; else nothing.
std::vector<fs::path> found_contents(const OfficialFile& file, const fs::path& folder) {
  std::error_code ignored;
  if (file.contents.empty()) {
    const bool there = !file.unpacked.empty() && fs::is_directory(folder / file.unpacked, ignored);
    return there ? std::vector{folder / file.unpacked} : std::vector<fs::path>{};
  }
  for (const fs::path& place : {folder, folder / file.unpacked}) {
    std::vector<fs::path> found;
    for (const Content& content : file.contents) {
      if (fs::is_regular_file(place / content.name, ignored)) found.push_back(place / content.name);
    }
    if (found.size() == file.contents.size()) return found;
  }
  return {};
}

/// What is looked for: "a, b (or archive)".
std::string wanted(const OfficialFile& file, bool unpacked_only) {
  if (file.contents.empty()) return std::string(file.name);
  std::vector<std::string_view> names;
  for (const Content& content : file.contents) names.push_back(content.name);
  return fmt::format("{}{}", fmt::join(names, ", "), unpacked_only ? "" : fmt::format(" (or {})", file.name));
}

CheckedFile check(const fs::path& path, std::uint64_t bytes, std::string_view sha256, std::string_view sha256_b) {
  CheckedFile result{path.filename().string(), false, "no published checksum"};
  try {
    const std::uint64_t size = fs::file_size(path);
    if (size == 0 || (bytes != 0 && size != bytes)) {
      result.verdict =
          fmt::format("{} bytes are not the official {}", size, bytes == 0 ? "file" : std::to_string(bytes));
      return result;
    }
    if (!sha256.empty()) {
      const std::string found = sha256_file(path);
      const bool official = found == sha256 || found == sha256_b;
      result.verdict = official ? "ok" : fmt::format("sha256 {} is not the official {}", found, sha256);
      result.ok = official;
      return result;
    }
    result.ok = true;
  } catch (const std::exception& error) {  // filesystem_error or Error: it cannot be read
    result.verdict = error.what();
  }
  return result;
}

}  // namespace

const Source& source_of(std::string_view name) {
  std::vector<std::string_view> known;
  for (const Source& source : catalog()) {
    const auto& names = source.datasets;
    if (source.name == name || std::find(names.begin(), names.end(), name) != names.end()) return source;
    known.push_back(source.name);
    for (const std::string_view data_set : names) {
      if (data_set != source.name) known.push_back(data_set);
    }
  }
  fail<UsageError>("data", "there are no official files of {}; there are of: {}", name, fmt::join(known, ", "));
}

std::string advice(std::string_view name) {
  const Source& source = source_of(name);
  const std::string_view arguments = make_arguments(name);
  std::string text = arguments.empty()
                         ? std::string()
                         : fmt::format("make such data (bitstate data make {} --out=DIR), or ", arguments);
  text += fmt::format(
      "get {}{} and name the folder with --data or BITSTATE_DATA, or: bitstate data fetch {} "
      "--data=DIR",
      source.files.size() == 1 ? "this file" : "these files",
      source.unpack.empty() ? "" : fmt::format(", unpack it ({})", source.unpack), name);
  for (const OfficialFile& file : source.files) {
    text += fmt::format("\n  {}, {}{} from {}", file.name, file.bytes == 0 ? "" : fmt::format("{} bytes, ", file.bytes),
                        sum_text(file.sha256), file.url);
  }
  return text;
}

std::vector<fs::path> found_files(const OfficialFile& file, const fs::path& folder) {
  std::vector<fs::path> found = found_contents(file, folder);
  std::error_code ignored;
  if (found.empty() && fs::is_regular_file(folder / file.name, ignored)) found.push_back(folder / file.name);
  return found;
}

fs::path data_folder(std::string_view name, const fs::path& data_option, std::string_view other_advice) {
  const char* variable = std::getenv("BITSTATE_DATA");
  const bool from_environment = data_option.empty() && variable != nullptr;
  fs::path folder = from_environment ? fs::path(variable) : data_option;
  require(!folder.empty(), "data", "no folder is named for {}; {}", name,
          other_advice.empty() ? advice(name) : std::string(other_advice));
  return folder;
}

fs::path find_data(std::string_view name, const fs::path& data_option) {
  const Source& source = source_of(name);
  const fs::path folder = data_folder(name, data_option);
  const bool unpacked_only = !source.unpack.empty();
  std::error_code ignored;
  // of the one that looks meant, what is missing is named
  fs::path meant = fs::is_directory(folder / source.name, ignored) ? folder / source.name : folder;
  const auto unlisted = [](const OfficialFile& file) { return file.contents.empty(); };
  if (unpacked_only && std::all_of(source.files.begin(), source.files.end(), unlisted)) return meant;
  const auto missing = [&](const fs::path& place) {
    return std::find_if(source.files.begin(), source.files.end(), [&](const OfficialFile& file) {
      return (unpacked_only ? found_contents(file, place) : found_files(file, place)).empty();
    });
  };
  for (fs::path place : {folder, folder / source.name}) {
    if (missing(place) == source.files.end()) return place;
  }
  const OfficialFile& file = *missing(meant);
  require(!unpacked_only || !fs::is_regular_file(meant / file.name, ignored), meant.string(),
          "{} is there, but not unpacked: {}", file.name, source.unpack);
  fail(meant.string(), "{} is not there; {}", wanted(file, unpacked_only), advice(name));
}

std::vector<CheckedFile> check_file(const OfficialFile& file, const fs::path& folder) {
  std::vector<CheckedFile> report;
  const std::vector<fs::path> contents = found_contents(file, folder);
  for (std::size_t i = 0; i < std::min(contents.size(), file.contents.size()); ++i) {
    report.push_back(check(contents[i], 0, file.contents[i].sha256, file.contents[i].sha256_b));
  }
  std::error_code ignored;
  if (fs::is_regular_file(folder / file.name, ignored)) {
    report.push_back(check(folder / file.name, file.bytes, file.sha256, ""));
  }
  if (report.empty()) {
    const bool unlisted = !contents.empty();  // a folder whose files have no checksums
    const std::string what = unlisted ? contents[0].filename().string() : std::string(file.name);
    report.push_back({what, unlisted, unlisted ? "no published checksum" : "missing"});
  }
  return report;
}

std::vector<CheckedFile> data_check(std::string_view name, const fs::path& folder) {
  std::vector<CheckedFile> report;
  for (const OfficialFile& file : source_of(name).files) {
    for (CheckedFile& checked : check_file(file, folder)) report.push_back(std::move(checked));
  }
  return report;
}

}  // namespace bitstate::datasets
