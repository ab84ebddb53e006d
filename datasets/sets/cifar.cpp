#include "datasets/sets/cifar.h"

#include "core/error.h"
#include "datasets/formats/archive.h"
#include "datasets/splits.h"

#include <fmt/core.h>

#include <array>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t pixels = 32 * 32;
constexpr std::size_t record = 1 + 3 * pixels;  // label, red plane, green plane, blue plane
constexpr std::size_t batch_images = 10'000;
constexpr std::size_t classes = 10;
constexpr std::uint32_t split_seed = 42;
constexpr const char* test_batch = "test_batch.bin";

/// Images [n, 1024, channels] and labels [n].
struct Images {
  std::size_t channels = 0;
  std::vector<std::uint8_t> values;
  std::vector<std::uint8_t> labels;
};

void append(Images& images, std::string_view bytes, const std::string& where) {
  require(!bytes.empty() && bytes.size() % record == 0, where, "{} bytes are not images of {} bytes each", bytes.size(),
          record);
  require(bytes.size() <= batch_images * record, where, "{} images are more than the {} of a batch",
          bytes.size() / record, batch_images);
  const auto* at = reinterpret_cast<const std::uint8_t*>(bytes.data());
  for (std::size_t offset = 0; offset < bytes.size(); offset += record, at += record) {
    require(at[0] < classes, where, "offset {}: label {} is not one of the {} classes", offset, at[0], classes);
    images.labels.push_back(at[0]);
    const std::uint8_t* const red = at + 1;
    for (std::size_t p = 0; p < pixels; ++p) {
      const std::array<std::uint8_t, 3> rgb = {red[p], red[pixels + p], red[2 * pixels + p]};
      if (images.channels == 1) {
        images.values.push_back(grey(rgb[0], rgb[1], rgb[2]));
      } else {
        images.values.insert(images.values.end(), rgb.begin(), rgb.end());
      }
    }
  }
}

bool is_batch(std::string_view name) {
  const std::string file = fs::path(name).filename().string();
  return file == test_batch || (file.size() == 16 && file.starts_with("data_batch_") && file.ends_with(".bin") &&
                                file[11] >= '1' && file[11] <= '5');
}

/// All five batches are there or, of a subset, the first alone, and all have the length of test_batch.bin: otherwise
/// some were lost or cut.
void require_whole(const std::map<std::string, std::string>& batches, const fs::path& source) {
  require(batches.contains(test_batch) && batches.size() > 1, source.string(),
          "holds no CIFAR-10 in its binary version (data_batch_1.bin to data_batch_5.bin and test_batch.bin)");
  const std::size_t wanted = batches.size() == 2 ? 1 : 5;
  for (std::size_t i = 1; i <= wanted; ++i) {
    const std::string name = fmt::format("data_batch_{}.bin", i);
    require(batches.contains(name), source.string(),
            "{} is not there; data_batch_1.bin to data_batch_5.bin are needed, or the first alone", name);
    const std::size_t images = batches.at(name).size() / record;
    const std::size_t tested = batches.at(test_batch).size() / record;
    require(images == tested, (source / name).string(), "has {} images, {} has {}: one of them is truncated", images,
            test_batch, tested);
  }
}

/// value -> x, by channel.
using Scaling = std::array<std::array<float, 256>, 3>;

Scaling scaling(bool grey) {
  constexpr std::array<float, 3> mean = {0.4914F, 0.4822F, 0.4465F};
  constexpr std::array<float, 3> deviation = {0.247F, 0.243F, 0.261F};
  Scaling table{};
  for (std::size_t c = 0; c < table.size(); ++c) {
    for (std::size_t v = 0; v < table[c].size(); ++v) {
      const float x = static_cast<float>(v) / 255.0F;
      table[c][v] = grey ? (x - static_cast<float>(122.6 / 255.0)) / static_cast<float>(61.0 / 255.0)
                         : (x - mean[c]) / deviation[c];
    }
  }
  return table;
}

class SequentialImages final : public Dataset {
 public:
  SequentialImages(std::shared_ptr<const Images> images, std::vector<std::uint32_t> indices)
      : images_(std::move(images)), indices_(std::move(indices)), scaling_(scaling(images_->channels == 1)) {}

  [[nodiscard]] std::size_t size() const override { return indices_.size(); }

  void read(std::size_t index, Example& out) const override {
    require(index < indices_.size(), "cifar", "example {} of {} does not exist", index, indices_.size());
    const std::size_t image = indices_[index];
    const std::size_t count = pixels * images_->channels;
    const std::uint8_t* const values = images_->values.data() + image * count;
    out.length = pixels;
    out.x.resize(count);
    for (std::size_t i = 0; i < count; ++i) out.x[i] = scaling_[i % images_->channels][values[i]];
    out.tokens.clear();
    out.second.clear();
    out.target.clear();
    out.label = images_->labels[image];
  }

 private:
  std::shared_ptr<const Images> images_;
  std::vector<std::uint32_t> indices_;
  Scaling scaling_;
};

}  // namespace

Splits cifar(const fs::path& source, bool grey) {
  std::map<std::string, std::string> batches;  // in the order of their names, whatever that of the archive
  for_each_file(source, is_batch,
                [&](std::string_view name, std::string content) {
                  const auto [at, added] = batches.emplace(fs::path(name).filename().string(), std::move(content));
                  require(added, source.string(), "{} is there twice", at->first);
                },
                {.entries = 1000, .file_bytes = batch_images * record, .total_bytes = std::size_t{1} << 30});

  const auto learned = std::make_shared<Images>();
  const auto tested = std::make_shared<Images>();
  learned->channels = tested->channels = grey ? 1 : 3;
  for (const auto& [name, content] : batches) {
    append(name == test_batch ? *tested : *learned, content, (source / name).string());
  }
  require_whole(batches, source);
  const std::size_t n = learned->labels.size();
  const std::size_t n_train = n * 9 / 10;
  auto parts = random_split({n_train, n - n_train}, split_seed);
  std::vector<std::uint32_t> all(tested->labels.size());
  std::iota(all.begin(), all.end(), 0U);

  Splits splits;
  splits.name = grey ? "lra-cifar" : "cifar";
  splits.task = Task::classification;
  splits.d_input = learned->channels;
  splits.d_output = classes;
  splits.max_length = pixels;
  splits.train = std::make_shared<SequentialImages>(learned, std::move(parts[0]));
  splits.validation = std::make_shared<SequentialImages>(learned, std::move(parts[1]));
  splits.test = std::make_shared<SequentialImages>(tested, std::move(all));
  return splits;
}

}  // namespace bitstate::datasets
