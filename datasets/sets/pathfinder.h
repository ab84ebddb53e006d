// Pathfinder and Path-X (Linsley et al. 2018; Tay et al. 2021, arXiv 2011.04006): are the two marked points the ends of
// one dashed curve? Read from the layout of the Long Range Arena's release, which make_pathfinder also writes.
#pragma once

#include "core/options.h"
#include "datasets/dataset.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// Which images.
struct ContourSettings {
  std::size_t contour_length =
      14;  ///< paddles of the long snakes: 6, 9, 14 are LRA's easy, intermediate and hard images
};

/// The options of pathfinder and pathx.
OptionTable<ContourSettings> contour_options();

/// A line of metadata: an image, below the level's folder (relative, without ".."), and its label, 0 or 1.
struct PathfinderEntry {
  std::string file;
  std::int32_t label = 0;
};

/// What the fields of a line (folder, file, number, label, ...) say. Throws Error beginning with `where`.
PathfinderEntry parse_pathfinder_entry(const std::vector<std::string>& fields, std::string_view where);

/// How to come by the images of a contour length, for those who have none.
std::string pathfinder_advice(std::size_t size, std::size_t contour_length);

/// The images of `size` x `size` pixels (32, 64, 128 or 256), whose long snakes have `contour_length`
/// paddles (LRA's easy, intermediate and hard level: 6, 9, 14), as sequences of their pixels, row by row:
/// x = (grey / 255 - 0.5) / 0.5 as [size * size, 1]; the label is 1 where the points belong to one curve, else 0. The
/// set is named pathfinder (32), pathx (128), pathfinder64 or pathfinder256. `folder` is `pathfinder<size>` or contains
/// it, itself or in lra_release or lra_release/lra_release; what is read is <level>/metadata/<n>.npy
/// (pathfinder_level(); in the order of the numbers; see read_table) and the images they name. As in the Long Range
/// Arena images without a byte are left out; of those of make_pathfinder, all must be there. Of the n others, tenths
/// (rounded down) are for validation and test, drawn as in S4 and S5 by random_split of seed 42 in the order training,
/// validation, test. Images are decoded when they are read, nothing but their names is kept. Throws Error naming file,
/// line and reason; UsageError for another size.
Splits pathfinder(const std::filesystem::path& folder, std::size_t size, std::size_t contour_length = 14);

}  // namespace bitstate::datasets
