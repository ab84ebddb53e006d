#include "datasets/formats/png.h"

#include "core/error.h"
#include "tests/datasets/formats/png_files.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace bitstate;
using namespace bitstate::datasets;
using namespace bitstate::tests::png_files;
using tests::contains;
using tests::error_of;
using tests::TempFolder;

namespace {

using Bytes = std::vector<std::uint8_t>;

/// One unfiltered row.
std::string row(const Bytes& values) {
  std::string bytes(1, '\0');
  bytes.append(values.begin(), values.end());
  return bytes;
}

std::optional<GreyImage> decoded(std::string_view bytes) {
  try {
    return decode_png(bytes, "x.png", 256);
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// The grey values of a file that must be valid.
Bytes greys(const Kind& kind, const std::string& rows) { return decode_png(png(kind, rows), "x.png", 256).values; }

std::string message(std::string_view bytes) {
  return error_of<Error>([&] { (void)decode_png(bytes, "x.png", 256); });
}

GreyImage small_image() {
  GreyImage image{7, 5, {}};
  for (unsigned i = 0; i < 35; ++i) image.values.push_back(static_cast<std::uint8_t>(i * i * 7U));
  return image;
}

/// The small image with chunks that nobody needs around its pixels.
std::string small_png() {
  std::string bytes = encode_png(small_image());
  bytes.insert(33, chunk("gAMA", word(45455)) + chunk("tEXt", std::string("Comment\0none", 12)));
  bytes.insert(bytes.size() - 12, chunk("tIME", std::string("\x07\xe3\x01\x02\x03\x04\x05", 7)));
  return bytes;
}

std::string flipped(std::string bytes, std::size_t bit) {
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
  return bytes;
}

}  // namespace

TEST_CASE("png: what is written is read back, and equal images give equal bytes") {
  const TempFolder folder;
  for (const auto& [width, height] : {std::pair<std::size_t, std::size_t>{1, 1}, {7, 5}, {32, 32}, {3, 256}}) {
    GreyImage image{width, height, Bytes(width * height)};
    for (std::size_t i = 0; i < image.values.size(); ++i) image.values[i] = static_cast<std::uint8_t>(i * 37 + i / 5);
    const std::string bytes = encode_png(image);
    tests::write_quickly(folder / "x.png", bytes);
    CHECK(read_png(folder / "x.png", std::max(width, height)) == image);
    CHECK(encode_png(image) == bytes);
    CHECK(bytes[24] == 8);  // bits
    CHECK(bytes[25] == 0);  // grey
  }
  CHECK(decode_png(small_png(), "x.png", 7) == small_image());
  CHECK_THROWS_AS((void)encode_png({2, 2, {1, 2, 3}}), Error);
  CHECK_THROWS_AS((void)encode_png({0, 2, {}}), Error);
}

TEST_CASE("png: colours become grey exactly as PIL converts them") {
  // what Image.new("RGB", (1, 1), colour).convert("L") gives; of the last two the first would be less, the second more
  // if any of the weights were less, or more, by one
  const std::vector<std::pair<std::array<std::uint8_t, 3>, std::uint8_t>> known = {
      {{255, 0, 0}, 76},      {{0, 255, 0}, 150},     {{0, 0, 255}, 29},      {{255, 255, 255}, 255},
      {{254, 255, 255}, 255}, {{1, 2, 3}, 2},         {{0, 1, 0}, 1},         {{1, 0, 1}, 0},
      {{12, 200, 99}, 132},   {{128, 128, 128}, 128}, {{200, 207, 221}, 207}, {{200, 201, 208}, 201}};
  const auto n = known.size();
  Bytes rgb;
  Bytes rgba;
  Bytes palette_index;
  std::string palette;
  Bytes expected;
  for (const auto& [colour, grey] : known) {
    rgb.insert(rgb.end(), colour.begin(), colour.end());
    rgba.insert(rgba.end(), colour.begin(), colour.end());
    rgba.push_back(grey);  // any alpha
    palette.append(colour.begin(), colour.end());
    palette_index.push_back(static_cast<std::uint8_t>(palette_index.size()));
    expected.push_back(grey);
  }
  const std::string opacity = chunk("tRNS", "\x01\x02");
  CHECK(greys({n, 1, 8, 2}, row(rgb)) == expected);
  CHECK(greys({n, 1, 8, 6}, row(rgba)) == expected);
  CHECK(greys({n, 1, 8, 3, chunk("PLTE", palette)}, row(palette_index)) == expected);
  CHECK(greys({n, 1, 8, 3, chunk("PLTE", palette) + opacity}, row(palette_index)) == expected);
  CHECK(greys({3, 1, 8, 4}, row({9, 0, 200, 255, 255, 7})) == Bytes{9, 200, 255});
}

TEST_CASE("png: fewer bits are spread over 0..255, palettes of few bits too, gamma changes nothing") {
  CHECK(greys({9, 1, 1, 0}, row({0b10110001, 0b10000000})) == Bytes{255, 0, 255, 255, 0, 0, 0, 255, 255});
  CHECK(greys({4, 1, 2, 0}, row({0b00011011})) == Bytes{0, 85, 170, 255});
  CHECK(greys({3, 1, 4, 0}, row({0x0f, 0x50})) == Bytes{0, 255, 85});
  CHECK(greys({4, 1, 1, 3, chunk("PLTE", {10, 10, 10, 20, 20, 20})}, row({0b01100000})) == Bytes{10, 20, 20, 10});
  CHECK(greys({2, 1, 8, 0, chunk("gAMA", word(100000))}, row({100, 200})) == Bytes{100, 200});
}

TEST_CASE("png: filtered and interlaced rows give the same image") {
  // the rows 1 2 3 / 4 6 8 / 5 8 11, filtered by the value to the left, the row above, the average
  const std::string filtered{1, 1, 1, 1, 2, 3, 4, 5, 3, 3, 3, 3};
  CHECK(greys({3, 3, 8, 0}, filtered) == Bytes{1, 2, 3, 4, 6, 8, 5, 8, 11});

  // the seven passes of Adam7, as (first x, first y, step in x, step in y)
  constexpr std::array<std::array<std::size_t, 4>, 7> passes = {
      {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}};
  const GreyImage image = small_image();
  std::string rows;
  for (const auto& [x0, y0, dx, dy] : passes) {
    for (std::size_t y = y0; y < image.height; y += dy) {
      Bytes part;
      for (std::size_t x = x0; x < image.width; x += dx) part.push_back(image.values[y * image.width + x]);
      if (!part.empty()) rows += row(part);
    }
  }
  CHECK(greys({7, 5, 8, 0, "", true}, rows) == image.values);
}

TEST_CASE("png: every truncation, every flipped bit and bytes after the end are errors") {
  const std::string good = small_png();
  REQUIRE(decoded(good).has_value());
  for (std::size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(decoded(good.substr(0, size)).has_value());
  }
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    CAPTURE(bit);
    CHECK_FALSE(decoded(flipped(good, bit)).has_value());
  }
  CHECK(contains(message(good + "x"), "1 bytes follow the image"));
}

TEST_CASE("png: a flipped bit of the pixels whose chunk has the right checksum is an error or gives the same image") {
  const GreyImage small = small_image();
  std::string rows;
  for (auto first = small.values.begin(); first != small.values.end(); first += 7) rows += row(Bytes(first, first + 7));
  const std::string packed = deflated(rows);
  const std::string start = encode_png(small_image()).substr(0, 33);
  std::size_t errors = 0;
  for (std::size_t bit = 0; bit < packed.size() * 8; ++bit) {
    const auto image = decoded(start + chunk("IDAT", flipped(packed, bit)) + chunk("IEND", ""));
    CAPTURE(bit);
    if (image) {
      CHECK(*image == small_image());
    } else {
      ++errors;
    }
  }
  CHECK(errors > packed.size() * 7);
}

TEST_CASE("png: sizes, bombs and superfluous data are refused") {
  CHECK(contains(message(png({257, 1}, "")), "has 257 x 1 pixels; 1 to 256 are allowed"));
  CHECK(contains(message(png({0x7fffffff, 0x7fffffff}, "")), "pixels; 1 to 256 are allowed"));
  CHECK(contains(message(png({1, 0}, "")), "has 1 x 0 pixels"));
  CHECK(contains(message(png({1, 2}, row({1}))), "Not enough image data"));
  CHECK(contains(message(png({1, 1}, row({1}) + row({1}))), "Too much image data"));
  CHECK_FALSE(decoded(png({1, 1}, std::string(std::size_t{16} << 20U, '\0'))).has_value());
  // a second stream of pixels is not unpacked
  CHECK(decode_png(small_png().insert(small_png().size() - 12, chunk("IDAT", deflated("x"))), "x.png", 7) ==
        small_image());
  // compressed text that would unpack to 16 MB is not unpacked
  const std::string text = chunk("zTXt", std::string("a\0\0", 3) + deflated(std::string(std::size_t{16} << 20U, ' ')));
  CHECK(greys({1, 1, 8, 0, text}, row({5})) == Bytes{5});

  const TempFolder folder;
  tests::write_quickly(folder / "x.png", png({1, 1, 8, 0, chunk("tEXt", std::string(70000, 'x'))}, row({5})));
  CHECK(contains(error_of<Error>([&] { (void)read_png(folder / "x.png", 32); }), "at most 69632 are read"));
}

TEST_CASE("png: what cannot be converted exactly, or is no image, is an error that says why") {
  CHECK(contains(message(png({1, 1, 16, 0}, row({1, 2}))), "[x.png] has 16 bits per channel; at most 8 are read"));
  CHECK_FALSE(decoded(png({1, 1, 8, 3}, row({0}))).has_value());  // no palette
  CHECK(contains(message(png({2, 1, 8, 3, chunk("PLTE", {1, 2, 3})}, row({0, 1}))),
                 "a pixel has colour 1, but the palette has 1"));
  CHECK_FALSE(decoded(png({1, 1, 8, 0}, std::string{9, 1})).has_value());  // filter 9
  CHECK_FALSE(decoded(png({1, 1, 3, 0}, row({0}))).has_value());           // 3 bits
  CHECK_FALSE(decoded(png({1, 1, 8, 0, chunk("ABCD", "")}, row({0}))).has_value());
  CHECK(contains(message("<html>404</html>"), "[x.png] is not a PNG file"));
  CHECK(contains(message(""), "is not a PNG file"));
  CHECK(contains(message(small_png().substr(0, 60)), "offset 57: is not a valid PNG (the file ends too early)"));
  CHECK_THROWS_AS((void)read_png("absent.png", 32), Error);
}
