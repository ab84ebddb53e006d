#include "experiments/run_folder/event_file.h"

#include <array>
#include <bit>

namespace bitstate::experiments {
namespace {

constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    table[i] = i;
    for (int bit = 0; bit < 8; ++bit) table[i] = (table[i] >> 1) ^ ((table[i] & 1) != 0 ? 0x82F63B78U : 0U);
  }
  return table;
}();

/// Little-endian.
std::string fixed(std::uint64_t number, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(number >> (8 * i) & 0xFFU);
  return text;
}

std::string varint(std::uint64_t number) {
  std::string text;
  for (; number >= 0x80U; number >>= 7U) text += static_cast<char>((number & 0x7FU) | 0x80U);
  return text + static_cast<char>(number);
}

/// Fields of protobuf: a key of the field's number and how it is written, then the value.
enum class Wire : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };
std::string key(unsigned field, Wire wire) { return varint(field << 3U | static_cast<unsigned>(wire)); }
std::string bytes_field(unsigned field, std::string_view bytes) {
  return (key(field, Wire::bytes) + varint(bytes.size())).append(bytes);
}

/// As TFRecord has it, so that a checksum of data that hold checksums is none of its fixed points.
std::string masked_crc(std::string_view bytes) { return fixed(std::rotr(crc32c(bytes), 15) + 0xA282EAD8U, 4); }

std::string record(const std::string& event) {
  const std::string length = fixed(event.size(), 8);
  return length + masked_crc(length) + event + masked_crc(event);
}

std::string wall_time_field(double wall_time) {
  return key(1, Wire::fixed64) + fixed(std::bit_cast<std::uint64_t>(wall_time), 8);
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) crc = crc >> 8U ^ crc_table[(crc ^ static_cast<unsigned char>(c)) & 0xFFU];
  return ~crc;
}

std::string version_record(double wall_time) {
  return record(wall_time_field(wall_time) + bytes_field(3, "brain.Event:2"));
}

std::string scalar_record(double wall_time, std::uint64_t step,
                          const std::vector<std::pair<std::string_view, float>>& values) {
  std::string summary;
  for (const auto& [tag, value] : values) {
    const std::string number = key(2, Wire::fixed32) + fixed(std::bit_cast<std::uint32_t>(value), 4);
    summary += bytes_field(1, bytes_field(1, tag) + number);
  }
  return record(wall_time_field(wall_time) + key(2, Wire::varint) + varint(step) + bytes_field(5, summary));
}

}  // namespace bitstate::experiments
