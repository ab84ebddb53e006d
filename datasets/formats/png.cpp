#include "datasets/formats/png.h"

#include "core/error.h"
#include "core/io/atomic_file.h"

#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>
#include <new>
#include <span>

namespace bitstate::datasets {
namespace {

constexpr std::string_view signature = "\x89PNG\r\n\x1a\n";
constexpr std::string_view header_start("\0\0\0\x0dIHDR", 8);  // the first chunk: 13 bytes of header
constexpr std::size_t header_end = 8 + 8 + 13 + 4;             // signature, start, header, checksum

std::size_t big_endian(std::string_view bytes) {
  std::size_t value = 0;
  for (const char byte : bytes.substr(0, 4)) value = value << 8U | static_cast<unsigned char>(byte);
  return value;
}

// ------------------------------------------------------------------------------------------------------------- reading

/// What libpng reads from, and where it leaves its reason when it gives up.
struct PngSource {
  std::string_view rest;
  std::array<char, 128> reason{};
};

/// For errors and warnings alike: what libpng warns of is damaged too. Jumps out of libpng, to the last setjmp.
[[noreturn]] void give_up(png_structp png, png_const_charp reason) {
  auto& source = *static_cast<PngSource*>(png_get_error_ptr(png));
  std::strncpy(source.reason.data(), reason, source.reason.size() - 1);
  png_longjmp(png, 1);
}

void supply(png_structp png, png_bytep out, std::size_t size) {
  auto& source = *static_cast<PngSource*>(png_get_io_ptr(png));
  if (size > source.rest.size()) png_error(png, "the file ends too early");
  std::memcpy(out, source.rest.data(), size);
  source.rest.remove_prefix(size);
}

/// libpng's structures for one file. Its functions return false where libpng gave up; they hold nothing that would
/// need a destructor, which the jump would skip.
class Decoder {
 public:
  explicit Decoder(PngSource& source) : png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, give_up, give_up)) {
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw std::bad_alloc();
    }
    png_set_read_fn(png_, &source, supply);
  }
  ~Decoder() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// Everything before the pixels; from here on a pixel is 1 to 4 bytes: an index into the palette if there is one,
  /// else grey or red, green, blue, perhaps with alpha.
  bool start() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_crc_action(png_, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);  // nothing ancillary is unpacked
    png_read_info(png_, info_);
    if (png_get_color_type(png_, info_) == PNG_COLOR_TYPE_PALETTE) {
      png_set_packing(png_);
    } else if (png_get_bit_depth(png_, info_) < 8) {
      png_set_expand_gray_1_2_4_to_8(png_);
    }
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  [[nodiscard]] std::size_t row_bytes() const { return png_get_rowbytes(png_, info_); }

  /// Empty unless pixels are indices into it.
  [[nodiscard]] std::span<const png_color> palette() const {
    png_colorp colours = nullptr;
    int count = 0;
    if (png_get_color_type(png_, info_) == PNG_COLOR_TYPE_PALETTE) png_get_PLTE(png_, info_, &colours, &count);
    return {colours, static_cast<std::size_t>(count)};
  }

  /// All pixels, and everything behind them.
  bool finish(png_bytepp rows) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_read_image(png_, rows);
    png_read_end(png_, nullptr);
    return true;
  }

 private:
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

std::uint8_t grey(unsigned red, unsigned green, unsigned blue) {
  return static_cast<std::uint8_t>((19595U * red + 38470U * green + 7471U * blue + 0x8000U) >> 16U);
}

}  // namespace

GreyImage decode_png(std::string_view bytes, std::string_view name, std::size_t max_side) {
  require(bytes.substr(0, signature.size()) == signature, name, "is not a PNG file");
  require(bytes.size() >= header_end && bytes.substr(8, 8) == header_start, name, "offset 8: is not a PNG header");
  GreyImage image;
  image.width = big_endian(bytes.substr(16));
  image.height = big_endian(bytes.substr(20));
  require(std::min(image.width, image.height) >= 1 && std::max(image.width, image.height) <= max_side, name,
          "has {} x {} pixels; 1 to {} are allowed in each direction", image.width, image.height, max_side);
  const int depth = static_cast<unsigned char>(bytes[24]);
  require(depth <= 8, name, "has {} bits per channel; at most 8 are read", depth);

  PngSource source{bytes, {}};
  const auto refuse = [&] {
    fail(name, "offset {}: is not a valid PNG ({})", bytes.size() - source.rest.size(), source.reason.data());
  };
  Decoder decoder(source);
  if (!decoder.start()) refuse();
  const std::size_t row_bytes = decoder.row_bytes();
  std::vector<std::uint8_t> pixels(row_bytes * image.height);
  std::vector<png_bytep> rows;
  for (std::size_t y = 0; y < image.height; ++y) rows.push_back(pixels.data() + y * row_bytes);
  if (!decoder.finish(rows.data())) refuse();
  require(source.rest.empty(), name, "offset {}: {} bytes follow the image", bytes.size() - source.rest.size(),
          source.rest.size());

  const std::size_t channels = row_bytes / image.width;
  const auto palette = decoder.palette();
  for (const std::uint8_t* pixel = pixels.data(); pixel != pixels.data() + pixels.size(); pixel += channels) {
    std::uint8_t value = pixel[0];
    if (channels >= 3) value = grey(pixel[0], pixel[1], pixel[2]);
    if (!palette.empty()) {
      require(value < palette.size(), name, "a pixel has colour {}, but the palette has {} colours", value,
              palette.size());
      const png_color& colour = palette[value];
      value = grey(colour.red, colour.green, colour.blue);
    }
    image.values.push_back(value);
  }
  return image;
}

GreyImage read_png(const std::filesystem::path& path, std::size_t max_side) {
  return decode_png(read_file(path, (std::size_t{1} << 16U) + 4 * max_side * max_side), path.string(), max_side);
}

// ------------------------------------------------------------------------------------------------------------- writing

namespace {

void append_word(std::string& bytes, std::size_t word) {
  for (const unsigned shift : {24U, 16U, 8U, 0U}) bytes += static_cast<char>(word >> shift & 255U);
}

/// Length, type and content, and the CRC of the last two.
void append_chunk(std::string& bytes, std::string_view type, std::string_view content) {
  append_word(bytes, content.size());
  const std::size_t start = bytes.size();
  bytes.append(type).append(content);
  append_word(bytes, crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()) + start, bytes.size() - start));
}

}  // namespace

std::string encode_png(const GreyImage& image) {
  constexpr std::size_t max_side = std::size_t{1} << 15U;
  require(std::min(image.width, image.height) >= 1 && std::max(image.width, image.height) <= max_side &&
              image.values.size() == image.width * image.height,
          "png", "{} bytes are not an image of {} x {} pixels (1 to {} in each direction)", image.values.size(),
          image.width, image.height, max_side);
  std::string header;
  append_word(header, image.width);
  append_word(header, image.height);
  header.append("\x08\0\0\0\0", 5);  // 8 bits of grey; deflate; the five filters; not interlaced

  std::string rows;
  for (std::size_t y = 0; y < image.height; ++y) {
    rows += '\0';  // the row is not filtered
    rows.append(reinterpret_cast<const char*>(image.values.data()) + y * image.width, image.width);
  }
  uLongf size = compressBound(rows.size());
  std::string packed(size, '\0');
  const int status = compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
                               reinterpret_cast<const Bytef*>(rows.data()), rows.size(), Z_DEFAULT_COMPRESSION);
  require(status == Z_OK, "png", "zlib cannot compress the image ({})", zError(status));
  packed.resize(size);

  std::string bytes(signature);
  append_chunk(bytes, "IHDR", header);
  append_chunk(bytes, "IDAT", packed);
  append_chunk(bytes, "IEND", "");
  return bytes;
}

}  // namespace bitstate::datasets
