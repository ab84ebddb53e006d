// PNG images.
#include "datasets/formats/png.h"
#include "tests/datasets/formats/png_files.h"
#include "tests/fuzz/target.h"

#include <algorithm>

namespace bitstate::fuzz {
namespace {

using datasets::GreyImage;
using namespace tests::png_files;

/// The checksums of all chunks that lie within the file.
std::string forge(std::string bytes) {
  for (std::size_t at = 8; at + 12 <= bytes.size();) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size = size << 8U | static_cast<unsigned char>(bytes[at + i]);
    if (size > bytes.size() - at - 12) break;
    bytes.replace(at + 8 + size, 4, checksum(bytes.substr(at + 4, 4 + size)));
    at += 12 + size;
  }
  return bytes;
}

std::string read(std::string_view input) {
  constexpr std::size_t max_side = 256;
  const GreyImage image = datasets::decode_png(input, "fuzz", max_side);
  promise(image.width >= 1 && image.height >= 1 && std::max(image.width, image.height) <= max_side &&
              image.values.size() == image.width * image.height,
          "a shape");
  promise(datasets::decode_png(datasets::encode_png(image), "fuzz", max_side) == image, "the same image again");
  std::string content = std::to_string(image.width) + ' ';
  append(content, image.values);
  return content;
}

}  // namespace

Target target() {
  const std::string black(std::size_t{1} << 22U, '\0');
  const std::string text = chunk("zTXt", std::string("a\0\0", 3) + deflated(std::string(1 << 20, ' ')));
  const std::string rows("\0ab\1cd\2ef\3gh\4ij", 15);
  return {{{datasets::encode_png({3, 2, {0, 50, 100, 150, 200, 255}}), Claim::changes_show},
           {png({2, 5}, rows), Claim::changes_show},
           {png({5, 2, 1, 0, "", true}, std::string("\0\x80\0\x80\0\x80\0\x80\0\x80", 10)), Claim::changes_show},
           {png({1, 2, 8, 6}, std::string("\0abcd\0efgh", 10)), Claim::changes_show},
           {png({2, 1, 2, 3, chunk("PLTE", "rgbRGB")}, std::string("\0\x10", 2)), Claim::changes_show},
           {png({1, 1, 8, 0, text}, std::string("\0x", 2)), Claim::changes_show},
           {png({0x7fffffff, 0x7fffffff}, "x"), Claim::refused},
           {png({256, 0xffffffff}, "x"), Claim::refused},
           {png({1, 1}, black), Claim::refused},
           {png({1, 1, 16, 0}, std::string("\0xx", 3)), Claim::refused},
           {png({2, 1, 8, 3}, std::string("\0\0\0", 3)), Claim::refused}},
          read,
          forge};
}

}  // namespace bitstate::fuzz
