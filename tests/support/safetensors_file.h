// Writes files in the layout of safetensors.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::tests {

/// A tensor to be written.
struct WrittenTensor {
  std::vector<std::size_t> shape;
  std::vector<float> numbers;
};

using WrittenTensors = std::map<std::string, WrittenTensor>;

/// The upper half of a float, rounded to nearest, ties to even.
inline std::uint16_t to_bfloat(float v) {
  const auto bits = std::bit_cast<std::uint32_t>(v);
  return static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16U & 1U)) >> 16U);
}

/// IEEE half precision of a number of magnitude below 65504, rounded to nearest, ties to even.
inline std::uint16_t to_half(float v) {
  const auto sign = static_cast<std::uint16_t>(std::signbit(v) ? 0x8000U : 0U);
  const float magnitude = std::fabs(v);
  int exponent = 0;
  std::frexp(magnitude, &exponent);  // magnitude < 2^exponent
  if (magnitude < 0x1p-14F) return static_cast<std::uint16_t>(sign | std::lrint(std::ldexp(magnitude, 24)));
  const long fraction = std::lrint(std::ldexp(magnitude, 11 - exponent));  // 1024 to 2048
  return static_cast<std::uint16_t>(sign | (((exponent + 14L) << 10) + fraction - 1024));
}

/// 8 bytes of length, a header, data.
inline std::string safetensors_of(std::string_view header, std::string_view data) {
  std::string bytes;
  for (unsigned i = 0; i < 8; ++i) bytes += static_cast<char>(std::uint64_t{header.size()} >> (8 * i) & 255U);
  return bytes.append(header).append(data);
}

/// A whole file; `dtype` is F32, F16 or BF16.
inline std::string safetensors_of(const WrittenTensors& tensors, std::string_view dtype = "F32") {
  std::string header = R"({"__metadata__":{"format":"pt"})";
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const std::size_t begin = data.size();
    for (const float v : tensor.numbers) {
      const auto bits = std::bit_cast<std::uint32_t>(v);
      const std::uint32_t stored = dtype == "F32" ? bits : dtype == "F16" ? to_half(v) : to_bfloat(v);
      for (unsigned i = 0; i < (dtype == "F32" ? 4U : 2U); ++i) data += static_cast<char>(stored >> (8 * i) & 255U);
    }
    std::string shape;
    for (const std::size_t size : tensor.shape) shape += (shape.empty() ? "" : ",") + std::to_string(size);
    header += ",\"" + name + R"(":{"dtype":")" + std::string(dtype) + R"(","shape":[)" + shape +
              R"(],"data_offsets":[)" + std::to_string(begin) + "," + std::to_string(data.size()) + "]}";
  }
  return safetensors_of(header + "}", data);
}

}  // namespace bitstate::tests
