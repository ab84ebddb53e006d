#include "datasets/sets/pathfinder.h"

#include "core/error.h"
#include "datasets/formats/npy.h"
#include "datasets/formats/png.h"
#include "datasets/generators/pathfinder_generator.h"
#include "datasets/generators/pathfinder_image.h"
#include "datasets/splits.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t split_seed = 42;

/// Where pathfinder<size>/<level> is, seen from `folder`.
fs::path find_level(const fs::path& folder, std::size_t size, std::size_t contour_length) {
  const std::string level = pathfinder_level(contour_length);
  const std::string name = fmt::format("pathfinder{}", size);
  std::error_code ignored;
  for (const fs::path& place :
       {folder, folder / name, folder / "lra_release" / name, folder / "lra_release" / "lra_release" / name}) {
    if (fs::is_directory(place / level / "metadata", ignored)) return place / level;
  }
  fail(folder.string(), "there is no {}/{}/metadata; {}", name, level, pathfinder_advice(size, contour_length));
}

/// The files <number>.npy by their number.
std::map<std::uint32_t, fs::path> metadata_files(const fs::path& folder) {
  std::map<std::uint32_t, fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const fs::path& file = entry->path();
    if (file.extension() != ".npy") continue;
    const std::string stem = file.stem().string();
    std::uint32_t number = 0;
    std::from_chars(stem.data(), stem.data() + stem.size(), number);
    require(std::to_string(number) == stem, file.string(), "is not named by a number");
    files.emplace(number, file);
  }
  require(!error, folder.string(), "cannot be read: {}", error.message());
  return files;
}

/// Images of one level, in the order of the metadata.
struct Images {
  fs::path folder;
  std::size_t size = 0;  // pixels in each direction
  std::vector<PathfinderEntry> entries;
};

Images read_images(const fs::path& folder, std::size_t size) {
  Images images{folder, size, {}};
  for (const auto& [number, metadata] : metadata_files(folder / "metadata")) {
    std::size_t line = 0;
    for (const auto& fields : read_table(metadata)) {
      const std::string where = fmt::format("{}, line {}", metadata.string(), ++line);
      PathfinderEntry entry = parse_pathfinder_entry(fields, where);
      std::error_code error;
      const auto bytes = fs::file_size(folder / entry.file, error);
      require(!error, (folder / entry.file).string(), "is named in {}, but cannot be read: {}", where, error.message());
      if (bytes > 0) images.entries.push_back(std::move(entry));
    }
  }
  return images;
}

/// Images that were generated are all there, or the command that goes on with them is named.
void require_all(const Images& images) {
  const auto made = pathfinder_options_of(images.folder);
  if (!made || images.entries.size() == made->images) return;
  fail(images.folder.string(),
       "{} of {} images are there and not empty; the same command makes the others: bitstate data make pathfinder "
       "--size={} --images={} --seed={} --contour_length={} --out={}",
       images.entries.size(), made->images, made->size, made->images, made->seed, made->contour_length,
       (images.folder / "../..").lexically_normal().string());
}

/// Some of the images, in the order of `indices`.
class PathfinderImages final : public Dataset {
 public:
  PathfinderImages(std::shared_ptr<const Images> images, std::vector<std::uint32_t> indices)
      : images_(std::move(images)), indices_(std::move(indices)) {}

  [[nodiscard]] std::size_t size() const override { return indices_.size(); }

  void read(std::size_t index, Example& out) const override {
    require(index < indices_.size(), "pathfinder", "example {} of {} does not exist", index, indices_.size());
    const PathfinderEntry& entry = images_->entries[indices_[index]];
    const fs::path file = images_->folder / entry.file;
    const GreyImage image = read_png(file, images_->size);
    require(image.width == images_->size && image.height == images_->size, file.string(),
            "has {} x {} pixels, not {} x {}", image.width, image.height, images_->size, images_->size);
    out.length = image.values.size();
    out.x.resize(out.length);
    for (std::size_t i = 0; i < out.length; ++i) {
      out.x[i] = (static_cast<float>(image.values[i]) / 255.0F - 0.5F) / 0.5F;
    }
    out.tokens.clear();
    out.target.clear();
    out.label = entry.label;
  }

 private:
  std::shared_ptr<const Images> images_;
  std::vector<std::uint32_t> indices_;
};

}  // namespace

PathfinderEntry parse_pathfinder_entry(const std::vector<std::string>& fields, std::string_view where) {
  require(fields.size() >= 4, where, "has {} fields; folder, file, number and label are needed", fields.size());
  const fs::path file = fs::path(fields[0]) / fields[1];
  require(file.is_relative() && std::find(file.begin(), file.end(), "..") == file.end(), where,
          "the image {} is not below this folder", file.string());
  require(fields[3] == "0" || fields[3] == "1", where, "the label {} is neither 0 nor 1", fields[3]);
  return {file.string(), fields[3] == "1" ? 1 : 0};
}

OptionTable<ContourSettings> contour_options() {
  OptionTable<ContourSettings> table("data");
  auto& length =
      table.whole("contour_length", "PADDLES", &ContourSettings::contour_length, min_contour_length, max_contour_length,
                  "length of Pathfinder's long snakes; LRA's easy, intermediate and hard images: 6, 9, 14");
  length.decides_test = true;
  length.of_evaluation = true;
  return table;
}

std::string pathfinder_advice(std::size_t size, std::size_t contour_length) {
  const bool released = contour_length == 6 || contour_length == 9 || contour_length == 14;
  return fmt::format(
      "make the images (bitstate data make pathfinder --size={} --contour_length={} --out=DIR){}", size, contour_length,
      released ? ", or name the folder of the Long Range Arena's release (bitstate data fetch lra --data=DIR)" : "");
}

Splits pathfinder(const fs::path& folder, std::size_t size, std::size_t contour_length) {
  require<UsageError>(size == 32 || size == 64 || size == 128 || size == 256, "pathfinder",
                      "expected a size of 32, 64, 128 or 256, got {}", size);
  const fs::path place = find_level(folder, size, contour_length);
  const auto images = std::make_shared<const Images>(read_images(place, size));
  require_all(*images);
  const std::size_t n = images->entries.size();
  require(n >= 10, place.string(), "has {} images; at least 10 are needed for the three parts", n);
  auto parts = random_split({n - 2 * (n / 10), n / 10, n / 10}, split_seed);

  Splits splits;
  splits.name = size == 32 ? "pathfinder" : size == 128 ? "pathx" : fmt::format("pathfinder{}", size);
  splits.task = Task::classification;
  splits.d_input = 1;
  splits.d_output = 2;
  splits.max_length = size * size;
  splits.train = std::make_shared<PathfinderImages>(images, std::move(parts[0]));
  splits.validation = std::make_shared<PathfinderImages>(images, std::move(parts[1]));
  splits.test = std::make_shared<PathfinderImages>(images, std::move(parts[2]));
  return splits;
}

}  // namespace bitstate::datasets
