#include "datasets/generators/pathfinder_generator.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "datasets/formats/png.h"
#include "datasets/generators/pathfinder_image.h"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t images_per_batch = 1000;
constexpr int version = 1;  // changes when the images of equal options do

void create_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  require(!error, folder.string(), "cannot be created: {}", error.message());
}

/// Without flushing to disk, which would take longer than making the images.
void write_image(const fs::path& file, const GreyImage& image) {
  const std::string bytes = encode_png(image);
  std::ofstream stream(file, std::ios::binary | std::ios::trunc);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  stream.close();
  require(stream.good(), file.string(), "cannot be written");
}

/// A line of the release's metadata: where the image is, its number, its label, and how it was made.
std::string metadata_line(std::size_t batch, std::size_t i, const PathfinderSettings& settings, int margin,
                          std::int32_t label) {
  return fmt::format("imgs/{} sample_{}.png {} {} {:.1f} {} {} {} {} {} 1\n", batch, i, i, label, settings.continuity,
                     settings.contour_length, settings.distractor_length(), settings.paddle_length,
                     settings.paddle_thickness, margin);
}

/// Where the options of a folder are kept.
fs::path record_of(const fs::path& folder) { return folder / "generator.txt"; }

/// Sees to it that all batches in a folder are of one kind, by a file that says which.
void claim_folder(const fs::path& folder, const PathfinderOptions& options) {
  const fs::path file = record_of(folder);
  const std::string ours =
      fmt::format("bitstate pathfinder, version {}\nsize {}\nseed {}\nimages {}\ncontour_length {}\n", version,
                  options.size, options.seed, options.images, options.contour_length);
  std::error_code error;
  if (fs::exists(file, error)) {
    const std::string theirs = read_file(file, 1000);
    require<UsageError>(theirs == ours, folder.string(),
                        "was made with other options, which {} lists; choose them or another folder", file.string());
    return;
  }
  require<UsageError>(!fs::exists(folder, error) || fs::is_empty(folder, error), folder.string(),
                      "holds other files already; choose another folder");
  create_folder(folder);
  write_file_atomically(file, ours);
}

/// Whether the `count` images of a batch are there; their metadata are written last.
bool is_complete(const fs::path& metadata, const fs::path& images, std::size_t count) {
  std::error_code error;
  if (!fs::exists(metadata, error)) return false;
  for (std::size_t i = 0; i < count; ++i) {
    const auto bytes = fs::file_size(images / fmt::format("sample_{}.png", i), error);
    if (error || bytes == 0) return false;
  }
  return true;
}

}  // namespace

std::string pathfinder_level(std::size_t contour_length) {
  return contour_length == 6 ? "curv_baseline" : fmt::format("curv_contour_length_{}", contour_length);
}

std::optional<PathfinderOptions> pathfinder_options_of(const fs::path& folder) {
  const fs::path file = record_of(folder);
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return std::nullopt;
  std::istringstream text(read_file(file, 1000));
  text.exceptions(std::ios::badbit);  // else an allocation that fails looks like the end
  std::string title, size, seed, images, contour_length;
  PathfinderOptions options;
  std::getline(text, title);
  text >> size >> options.size >> seed >> options.seed >> images >> options.images >> contour_length >>
      options.contour_length;
  require(text && size == "size" && seed == "seed" && images == "images" && contour_length == "contour_length",
          file.string(),
          "is damaged: its lines are not the title, size, seed, images and contour_length that data make pathfinder "
          "writes");
  return options;
}

void make_pathfinder(const PathfinderOptions& options, const fs::path& out, Workers& workers,
                     const std::function<void(std::size_t done, std::size_t images)>& progress) {
  constexpr std::size_t max_images = 10'000'000;
  require<UsageError>(options.images >= 1 && options.images <= max_images, "pathfinder",
                      "expected 1 to {1} images, got {0}", options.images, max_images);
  const PathfinderArtist artist(options.size, options.seed, options.contour_length);
  const fs::path level = out / fmt::format("pathfinder{}", options.size) / pathfinder_level(options.contour_length);
  claim_folder(level, options);
  create_folder(level / "metadata");

  for (std::size_t first = 0; first < options.images; first += images_per_batch) {
    const std::size_t batch = first / images_per_batch;
    const std::size_t count = std::min(images_per_batch, options.images - first);
    const fs::path metadata = level / "metadata" / fmt::format("{}.npy", batch);
    const fs::path images = level / "imgs" / std::to_string(batch);
    if (!is_complete(metadata, images, count)) {
      create_folder(images);
      std::vector<std::string> lines(count);
      workers.for_each(count, [&](std::size_t i) {
        const PathfinderImage image = artist.draw(first + i);
        write_image(images / fmt::format("sample_{}.png", i), image.picture);
        lines[i] = metadata_line(batch, i, artist.settings(), image.margin, image.label);
      });
      std::string text;
      for (const std::string& line : lines) text += line;
      remove_stale_temporaries(metadata);
      write_file_atomically(metadata, text);
    }
    if (progress) progress(first + count, options.images);
  }
}

}  // namespace bitstate::datasets
