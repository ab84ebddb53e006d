// Grey images in PNG files: what Pathfinder consists of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// An image of one byte per pixel, row-major: values[y * width + x], 0 is black, 255 white.
struct GreyImage {
  std::size_t width = 0;
  std::size_t height = 0;
  std::vector<std::uint8_t> values;

  bool operator==(const GreyImage&) const = default;
};

/// The grey image that `bytes`, a whole PNG file, hold; `name` is what errors call it. Colours become grey as with
/// PIL's convert("L"): (19595 R + 38470 G + 7471 B + 2^15) >> 16; 1, 2 and 4 bits are spread over 0..255; what is
/// transparent keeps its colour. Throws Error for more than `max_side` pixels in either direction, for 16 bits a
/// channel (which versions of PIL convert differently), and for anything that is damaged: truncations, checksums (of
/// ancillary chunks too), pixels that lack or are left over, bytes after the end. The sizes are checked before
/// anything is allocated, and no more than they ask for is.
GreyImage decode_png(std::string_view bytes, std::string_view name, std::size_t max_side);

/// decode_png of a file, which has at most 64 KiB + 4 max_side^2 bytes.
GreyImage read_png(const std::filesystem::path& path, std::size_t max_side);

/// A PNG file of 8-bit grey. Equal images give equal bytes (with one version of zlib).
std::string encode_png(const GreyImage& image);

}  // namespace bitstate::datasets
