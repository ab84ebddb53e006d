// SHA-256 (FIPS 180-4): checksums of data files and digests of weights.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace bitstate {

/// The hash of bytes that arrive in pieces.
class Sha256 {
 public:
  void update(const void* bytes, std::size_t size);
  /// The 64 lower-case hexadecimal digits of everything seen so far; to be called once.
  [[nodiscard]] std::string hex();

 private:
  void compress(const unsigned char* block);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> block_{};
  std::size_t used_ = 0;      // bytes waiting in block_
  std::uint64_t length_ = 0;  // bytes seen in all
};

[[nodiscard]] std::string sha256_hex(std::string_view bytes);

/// The hash of a file of any size, read in pieces. Throws Error naming the file.
[[nodiscard]] std::string sha256_file(const std::filesystem::path& path);

}  // namespace bitstate
