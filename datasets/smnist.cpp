#include "datasets/smnist.h"

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/sha256.h"
#include "datasets/idx.h"
#include "datasets/splits.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <system_error>
#include <utility>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t side = 28;
constexpr std::size_t pixels = side * side;
constexpr std::size_t classes = 10;
constexpr std::uint32_t split_seed = 42;
constexpr std::size_t max_file_bytes = std::size_t{1} << 28;

struct OfficialFile {
  std::string_view name;
  std::string_view gz_sha256;
  std::string_view raw_sha256;
};

constexpr std::array<OfficialFile, 4> official_files = {{
    {"train-images-idx3-ubyte", "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
     "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
    {"train-labels-idx1-ubyte", "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
     "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
    {"t10k-images-idx3-ubyte", "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
     "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
    {"t10k-labels-idx1-ubyte", "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
     "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
}};

/// The raw file or the .gz of that name; empty if neither is there.
fs::path present(const fs::path& folder, std::string_view name) {
  std::error_code ignored;
  for (const std::string_view suffix : {"", ".gz"}) {
    fs::path file = folder / fmt::format("{}{}", name, suffix);
    if (fs::is_regular_file(file, ignored)) return file;
  }
  return {};
}

bool has_all_files(const fs::path& folder) {
  return std::all_of(official_files.begin(), official_files.end(),
                     [&](const OfficialFile& file) { return !present(folder, file.name).empty(); });
}

/// What to download and how to tell that it is right.
std::string advice() {
  std::string text =
      "get the four official MNIST files, for example from the mirror that torchvision uses "
      "(https://ossci-datasets.s3.amazonaws.com/mnist/), and name their folder with --data or BITSTATE_DATA. sha256:";
  for (const OfficialFile& file : official_files) text += fmt::format("\n  {}  {}.gz", file.gz_sha256, file.name);
  return text;
}

/// One of the four files, or an Error with the advice.
fs::path needed(const fs::path& folder, std::string_view name) {
  fs::path file = present(folder, name);
  require(!file.empty(), folder.string(), "{} (or {}.gz) is not there; {}", name, name, advice());
  return file;
}

/// Images and labels of one pair of files.
struct Digits {
  std::vector<std::uint8_t> images;  // [n, 784]
  std::vector<std::uint8_t> labels;  // [n]
};

Digits read_digits(const fs::path& folder, std::string_view images_name, std::string_view labels_name) {
  const fs::path images_file = needed(folder, images_name);
  const fs::path labels_file = needed(folder, labels_name);
  Idx images = read_idx(images_file, 3, max_file_bytes);
  Idx labels = read_idx(labels_file, 1, max_file_bytes);
  require(images.shape[1] == side && images.shape[2] == side, images_file.string(),
          "offset 8: the images have {} x {} pixels, not {} x {}", images.shape[1], images.shape[2], side, side);
  require(images.shape[0] == labels.shape[0], labels_file.string(), "offset 4: {} labels, but {} has {} images",
          labels.shape[0], images_file.string(), images.shape[0]);
  const auto wrong =
      std::find_if(labels.values.begin(), labels.values.end(), [](std::uint8_t label) { return label >= classes; });
  require(wrong == labels.values.end(), labels_file.string(), "offset {}: label {} is not a digit",
          8 + (wrong - labels.values.begin()), wrong == labels.values.end() ? 0 : *wrong);
  return {std::move(images.values), std::move(labels.values)};
}

/// Some of the digits, in the order of `indices`.
class SequentialDigits final : public Dataset {
 public:
  SequentialDigits(std::shared_ptr<const Digits> digits, std::vector<std::uint32_t> indices,
                   std::vector<std::uint16_t> order)
      : digits_(std::move(digits)), indices_(std::move(indices)), order_(std::move(order)) {}

  [[nodiscard]] std::size_t size() const override { return indices_.size(); }

  void read(std::size_t index, Example& out) const override {
    require(index < indices_.size(), "smnist", "example {} of {} does not exist", index, indices_.size());
    const std::size_t digit = indices_[index];
    const std::uint8_t* image = digits_->images.data() + digit * pixels;
    out.length = pixels;
    out.x.resize(pixels);
    for (std::size_t j = 0; j < pixels; ++j) out.x[j] = static_cast<float>(image[order_[j]]) / 255.0F;
    out.tokens.clear();
    out.target.clear();
    out.label = digits_->labels[digit];
  }

 private:
  std::shared_ptr<const Digits> digits_;
  std::vector<std::uint32_t> indices_;
  std::vector<std::uint16_t> order_;  // [784], position in the sequence -> pixel
};

std::vector<std::uint32_t> first_indices(std::size_t n) {
  std::vector<std::uint32_t> indices(n);
  for (std::size_t i = 0; i < n; ++i) indices[i] = static_cast<std::uint32_t>(i);
  return indices;
}

std::vector<std::uint16_t> row_order() {
  std::vector<std::uint16_t> order(pixels);
  for (std::size_t j = 0; j < pixels; ++j) order[j] = static_cast<std::uint16_t>(j);
  return order;
}

}  // namespace

std::vector<std::uint16_t> bit_reversal_permutation() {
  constexpr unsigned bits = 10;
  std::vector<std::uint16_t> order;
  for (unsigned i = 0; i < 1U << bits; ++i) {
    unsigned reversed = 0;
    for (unsigned bit = 0; bit < bits; ++bit) reversed |= (i >> bit & 1U) << (bits - 1 - bit);
    if (reversed < pixels) order.push_back(static_cast<std::uint16_t>(reversed));
  }
  return order;
}

Splits smnist(const fs::path& folder, bool permuted) {
  const auto learned =
      std::make_shared<const Digits>(read_digits(folder, official_files[0].name, official_files[1].name));
  const auto tested =
      std::make_shared<const Digits>(read_digits(folder, official_files[2].name, official_files[3].name));
  const std::size_t n = learned->labels.size();
  const std::size_t n_train = n * 9 / 10;
  auto parts = random_split({n_train, n - n_train}, split_seed);
  const auto order = permuted ? bit_reversal_permutation() : row_order();

  Splits splits;
  splits.name = permuted ? "psmnist" : "smnist";
  splits.task = Task::classification;
  splits.d_input = 1;
  splits.d_output = classes;
  splits.max_length = pixels;
  splits.train = std::make_shared<SequentialDigits>(learned, std::move(parts[0]), order);
  splits.validation = std::make_shared<SequentialDigits>(learned, std::move(parts[1]), order);
  splits.test = std::make_shared<SequentialDigits>(tested, first_indices(tested->labels.size()), order);
  return splits;
}

fs::path find_data(std::string_view name, const fs::path& data_option) {
  require<UsageError>(name == "mnist", "data", "there are no files for a data set named {}; there are: mnist", name);
  const char* variable = std::getenv("BITSTATE_DATA");
  const bool from_environment = data_option.empty() && variable != nullptr && *variable != '\0';
  const fs::path folder = from_environment ? fs::path(variable) : data_option;
  require(!folder.empty(), "data", "no folder is named for {}; {}", name, advice());
  for (const fs::path& candidate : {folder, folder / name}) {
    if (has_all_files(candidate)) return candidate;
  }
  // neither is complete: name the first missing file of the one that looks meant
  const fs::path meant = fs::is_directory(folder / name) ? folder / name : folder;
  for (const OfficialFile& file : official_files) needed(meant, file.name);
  return meant;
}

std::vector<CheckedFile> data_check(const fs::path& folder) {
  std::vector<CheckedFile> report;
  for (const OfficialFile& official : official_files) {
    const fs::path file = present(folder, official.name);
    if (file.empty()) {
      report.push_back({fmt::format("{}.gz", official.name), false, "missing"});
      continue;
    }
    const std::string_view expected = file.extension() == ".gz" ? official.gz_sha256 : official.raw_sha256;
    std::string verdict = "ok";
    try {
      const std::string found = sha256_hex(read_file(file, max_file_bytes));
      if (found != expected) verdict = fmt::format("sha256 {} is not the official {}", found, expected);
    } catch (const Error& error) {
      verdict = error.what();
    }
    report.push_back({file.filename().string(), verdict == "ok", verdict});
  }
  return report;
}

}  // namespace bitstate::datasets
