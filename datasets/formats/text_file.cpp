#include "datasets/formats/text_file.h"

#include "core/error.h"
#include "core/io/atomic_file.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <utility>

namespace bitstate::datasets {
namespace {

constexpr std::size_t gzip_block = std::size_t{1} << 16;

/// The content of gzip files, one behind the other.
class Gunzip {
 public:
  Gunzip(const std::string& bytes, std::string file) : file_(std::move(file)) {
    require(bytes.size() <= std::numeric_limits<uInt>::max(), file_, "has more than 4 GiB");
    // 16 + 15: a gzip wrapper, whose CRC and length zlib verifies
    require(inflateInit2(&stream_, 16 + MAX_WBITS) == Z_OK, file_, "zlib cannot start");
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib only reads it
    stream_.avail_in = static_cast<uInt>(bytes.size());
  }
  ~Gunzip() { inflateEnd(&stream_); }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  std::string content(std::size_t max_bytes) {
    std::string text;
    std::array<char, gzip_block> block{};
    for (;;) {
      stream_.next_out = reinterpret_cast<Bytef*>(block.data());
      stream_.avail_out = static_cast<uInt>(block.size());
      const int status = inflate(&stream_, Z_NO_FLUSH);
      text.append(block.data(), block.size() - stream_.avail_out);
      require(text.size() <= max_bytes, file_, "holds more than {} bytes; no more are read", max_bytes);
      if (status == Z_STREAM_END) {
        if (stream_.avail_in == 0) return text;
        inflateReset(&stream_);  // another member
        continue;
      }
      require(status != Z_BUF_ERROR, file_, "the compressed content is truncated");
      require(status == Z_OK, file_, "the compressed content is damaged ({})",
              stream_.msg != nullptr ? stream_.msg : zError(status));
    }
  }

 private:
  std::string file_;
  z_stream stream_{};
};

void append_utf8(std::uint32_t letter, std::string& to) {
  const auto byte = [&](std::uint32_t bits) { to += static_cast<char>(bits); };
  if (letter < 0x80U) return byte(letter);
  if (letter < 0x800U) {
    byte(0xC0U | letter >> 6U);
  } else {
    if (letter < 0x10000U) {
      byte(0xE0U | letter >> 12U);
    } else {
      byte(0xF0U | letter >> 18U);
      byte(0x80U | (letter >> 12U & 0x3FU));
    }
    byte(0x80U | (letter >> 6U & 0x3FU));
  }
  byte(0x80U | (letter & 0x3FU));
}

std::string from_latin1(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) append_utf8(static_cast<unsigned char>(c), text);
  return text;
}

std::string from_utf16(std::string_view bytes, bool big_endian, std::string_view file) {
  require(bytes.size() % 2 == 0, file, "is UTF-16 and ends within a character: it is truncated");
  const auto unit = [&](std::size_t i) {
    const auto first = static_cast<unsigned char>(bytes[i]);
    const auto second = static_cast<unsigned char>(bytes[i + 1]);
    return big_endian ? std::uint32_t{first} << 8U | second : std::uint32_t{second} << 8U | first;
  };
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    std::uint32_t letter = unit(i);
    if (letter >= 0xD800U && letter < 0xE000U) {
      const std::uint32_t low = letter < 0xDC00U && i + 2 < bytes.size() ? unit(i + 2) : 0;
      require(low >= 0xDC00U && low < 0xE000U, file, "is UTF-16 with half a character at byte {}", i);
      letter = 0x10000U + ((letter - 0xD800U) << 10U) + (low - 0xDC00U);
      i += 2;
    }
    append_utf8(letter, text);
  }
  return text;
}

/// Bytes that continue a character which begins with this one; -1: none begins so.
int more_bytes(unsigned char first) {
  if (first < 0x80U) return 0;
  if (first >= 0xC2U && first < 0xE0U) return 1;
  if (first >= 0xE0U && first < 0xF0U) return 2;
  return first >= 0xF0U && first < 0xF5U ? 3 : -1;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int more = more_bytes(static_cast<unsigned char>(text[i])); more != 0; --more) {
      if (more < 0 || ++i == text.size() || (static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U) return false;
    }
  }
  return true;
}

/// Whether each second byte of the first ones is 0, from `first` on, and no other is.
bool has_zeros(std::string_view bytes, std::size_t first) {
  constexpr std::size_t looked_at = 64;
  if (bytes.size() < 4 || bytes.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < std::min(bytes.size(), looked_at); ++i) {
    if ((bytes[i] == '\0') != (i % 2 == first)) return false;
  }
  return true;
}

}  // namespace

TextFile decoded(std::string bytes, std::string_view file) {
  TextFile found;
  const bool little = bytes.starts_with("\xFF\xFE");
  const bool big = bytes.starts_with("\xFE\xFF");
  if (little || big || has_zeros(bytes, 0) || has_zeros(bytes, 1)) {
    found.encoding = "UTF-16";
    found.text =
        from_utf16(std::string_view(bytes).substr(little || big ? 2 : 0), big || (!little && bytes[0] == '\0'), file);
  } else if (!is_utf8(bytes)) {
    found.encoding = "Latin-1";
    found.text = from_latin1(bytes);
  } else {
    found.text = std::move(bytes);
    if (found.text.starts_with("\xEF\xBB\xBF")) found.text.erase(0, 3);
  }
  return found;
}

TextFile read_text(const std::filesystem::path& file, std::size_t max_bytes) {
  std::string bytes = read_file(file, max_bytes);
  const bool compressed = bytes.starts_with("\x1F\x8B");
  if (compressed) bytes = Gunzip(bytes, file.string()).content(max_bytes);
  TextFile found = decoded(std::move(bytes), file.string());
  found.compressed = compressed;
  return found;
}

}  // namespace bitstate::datasets
