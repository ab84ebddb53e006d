#include "tests/fuzz/tar.h"

#include <fmt/core.h>

#include <charconv>
#include <cstddef>

namespace bitstate::fuzz {

std::string tar_forge(std::string tar) {
  constexpr std::size_t block = 512;
  for (std::size_t at = 0; at + block <= tar.size() && tar[at] != '\0';) {
    tar.replace(at + 148, 8, "        ");  // the sum is taken over the header with blanks in its place
    unsigned sum = 0;
    for (std::size_t i = 0; i < block; ++i) sum += static_cast<unsigned char>(tar[at + i]);
    tar.replace(at + 148, 7, fmt::format("{:06o}", sum) + '\0');
    std::size_t size = 0;
    std::from_chars(tar.data() + at + 124, tar.data() + at + 135, size, 8);
    at += block + (size + block - 1) / block * block;
  }
  return tar;
}

}  // namespace bitstate::fuzz
