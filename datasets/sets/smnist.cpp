#include "datasets/sets/smnist.h"

#include "core/error.h"
#include "datasets/catalog.h"
#include "datasets/formats/idx.h"
#include "datasets/splits.h"

#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t side = 28;
constexpr std::size_t pixels = side * side;
constexpr std::size_t classes = 10;
constexpr std::uint32_t split_seed = 42;
constexpr std::size_t max_file_bytes = std::size_t{1} << 28;

/// Images and labels of one pair of files.
struct Digits {
  std::vector<std::uint8_t> images;  // [n, 784]
  std::vector<std::uint8_t> labels;  // [n]
};

/// One of the four files, raw or as .gz, or an Error with the advice.
fs::path needed(const fs::path& folder, const OfficialFile& file) {
  const std::vector<fs::path> found = found_files(file, folder);
  require(!found.empty(), folder.string(), "{} is not there; {}", file.name, advice("mnist"));
  return found.front();
}

Digits read_digits(const fs::path& folder, const OfficialFile& image_data, const OfficialFile& label_data) {
  const fs::path images_file = needed(folder, image_data);
  const fs::path labels_file = needed(folder, label_data);
  Idx images = read_idx(images_file, 3, max_file_bytes);
  Idx labels = read_idx(labels_file, 1, max_file_bytes);
  require(images.shape[1] == side && images.shape[2] == side, images_file.string(),
          "offset 8: the images have {} x {} pixels, not {} x {}", images.shape[1], images.shape[2], side, side);
  require(images.shape[0] == labels.shape[0], labels_file.string(),
          "offset 4: there are {} labels, but {} has {} images", labels.shape[0], images_file.string(),
          images.shape[0]);
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
  const std::vector<OfficialFile>& files = source_of("mnist").files;
  const auto learned = std::make_shared<const Digits>(read_digits(folder, files[0], files[1]));
  const auto tested = std::make_shared<const Digits>(read_digits(folder, files[2], files[3]));
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

}  // namespace bitstate::datasets
