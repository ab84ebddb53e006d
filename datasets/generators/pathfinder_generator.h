// Makes Pathfinder's images as files, for those who do not have the Long Range Arena's release (8 GB).
#pragma once

#include "core/parallel.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace bitstate::datasets {

struct PathfinderOptions {
  std::size_t size = 32;  ///< pixels in each direction: 32, 64, 128 (Path-X) or 256
  std::uint64_t seed = 0;
  std::size_t images = 200'000;     ///< 1 to 10 million
  std::size_t contour_length = 14;  ///< paddles of a long snake, 3 to 14
};

/// The folder of a contour length in the release: curv_baseline of 6, curv_contour_length_<n> of the others.
std::string pathfinder_level(std::size_t contour_length);

/// Writes images (pathfinder_image.h) and their metadata below out/pathfinder<size>/<level>, in the layout of the
/// release: imgs/<batch>/sample_<i>.png and metadata/<batch>.npy, a thousand images a batch, so that
/// pathfinder(out, size, contour_length) reads them. What is written depends on the options alone, not on the number of
/// threads. A batch is complete when its metadata are there, which are written last, and none of its images is empty,
/// as a loss of power may leave them; what is complete is not made again: after an interruption the same call goes on.
/// `progress`, if it is not empty, is called after every batch with the images done and their number. UsageError for
/// impossible options and for a folder that was made with others, or by something else; Error where something cannot be
/// written.
void make_pathfinder(const PathfinderOptions& options, const std::filesystem::path& out, Workers& workers,
                     const std::function<void(std::size_t done, std::size_t images)>& progress);

/// The options with which the images of a level's folder were or are being made; nothing for a folder of
/// others, as the release's. Throws Error where the record of them is damaged.
std::optional<PathfinderOptions> pathfinder_options_of(const std::filesystem::path& folder);

}  // namespace bitstate::datasets
