// Small idx files for the tests.
#pragma once

#include "tests/support/temp_folder.h"

#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::tests {

inline std::string idx_header(const std::vector<std::uint32_t>& shape) {
  std::string bytes = {'\0', '\0', '\x08', static_cast<char>(shape.size())};
  for (const std::uint32_t size : shape) {
    for (int shift = 24; shift >= 0; shift -= 8)
      bytes += static_cast<char>(size >> static_cast<unsigned>(shift) & 255U);
  }
  return bytes;
}

inline std::string gzip(std::string_view content) {
  z_stream stream{};
  if (deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("deflateInit2");
  }
  std::string out(deflateBound(&stream, content.size()) + 64, '\0');
  std::string in(content);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

/// Four files in MNIST's format with made-up content: pixel p of image i is (i + p) % 256, its label i % 10.
inline void write_digits(const std::filesystem::path& folder, std::uint32_t train, std::uint32_t test,
                         bool compressed) {
  const auto write = [&](const std::string& name, std::uint32_t n) {
    std::string images = idx_header({n, 28, 28});
    std::string labels = idx_header({n});
    for (std::uint32_t i = 0; i < n; ++i) {
      for (std::uint32_t p = 0; p < 784; ++p) images += static_cast<char>((i + p) % 256);
      labels += static_cast<char>(i % 10);
    }
    const std::string suffix = compressed ? ".gz" : "";
    write_quickly(folder / (name + "-images-idx3-ubyte" + suffix), compressed ? gzip(images) : images);
    write_quickly(folder / (name + "-labels-idx1-ubyte" + suffix), compressed ? gzip(labels) : labels);
  };
  write("train", train);
  write("t10k", test);
}

}  // namespace bitstate::tests
