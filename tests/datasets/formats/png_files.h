// PNG files of any kind, chunk by chunk.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <string>

namespace bitstate::tests::png_files {

inline std::string word(std::size_t value) {
  std::string bytes;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) bytes += static_cast<char>(value >> shift & 255U);
  return bytes;
}

/// Of a chunk's type and content.
inline std::string checksum(const std::string& body) {
  return word(crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size())));
}

inline std::string chunk(const std::string& type, const std::string& content) {
  return word(content.size()) + type + content + checksum(type + content);
}

inline std::string deflated(const std::string& content) {
  uLongf size = compressBound(content.size());
  std::string packed(size, '\0');
  compress2(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(content.data()),
            content.size(), 9);
  packed.resize(size);
  return packed;
}

/// A file of any kind: `type` is PNG's colour type, `rows` the filtered rows, `extra` chunks before the pixels.
struct Kind {
  std::size_t width = 1;
  std::size_t height = 1;
  int depth = 8;
  int type = 0;
  std::string extra{};
  bool interlaced = false;
};

inline std::string png(const Kind& kind, const std::string& rows) {
  std::string header = word(kind.width) + word(kind.height);
  for (const int byte : {kind.depth, kind.type, 0, 0, kind.interlaced ? 1 : 0}) header += static_cast<char>(byte);
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + kind.extra + chunk("IDAT", deflated(rows)) + chunk("IEND", "");
}

}  // namespace bitstate::tests::png_files
