// Files as numpy.save writes them.
#pragma once

#include <cstring>
#include <string>
#include <vector>

namespace bitstate::tests {

inline std::string little_endian_bytes(std::size_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> 8U * static_cast<unsigned>(i) & 255U);
  return text;
}

/// With a header that is padded to a multiple of 64 bytes and ended by a newline.
inline std::string npy(int version, std::string header, const std::string& data) {
  const std::size_t before = version == 1 ? 10 : 12;
  while ((before + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  return "\x93NUMPY" + little_endian_bytes(static_cast<std::size_t>(version), 2) +
         little_endian_bytes(header.size(), version == 1 ? 2 : 4) + header + data;
}

inline std::string npy_header(const std::string& type, const std::string& shape) {
  return "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
}

template <class T>
std::string raw(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// A file of version 1.
template <class T>
std::string npy_of(const std::string& type, const std::string& shape, const std::vector<T>& values) {
  return npy(1, npy_header(type, shape), raw(values));
}

}  // namespace bitstate::tests
