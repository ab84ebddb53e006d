// Reads protobuf messages field by field.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::tests {

/// A field of wire type 0 (`number` is its value) or 2 (`bytes`).
struct ProtobufField {
  std::uint64_t field = 0;
  std::uint64_t number = 0;
  std::string_view bytes;
};

inline std::uint64_t read_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (bytes.empty()) throw std::runtime_error("a varint is cut off");
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return value;
  }
  throw std::runtime_error("a varint has more than ten bytes");
}

/// The fields of a message in the order of the file.
class ProtobufMessage {
 public:
  explicit ProtobufMessage(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::uint64_t key = read_varint(bytes);
      ProtobufField field{key >> 3U, read_varint(bytes), {}};
      if ((key & 7U) == 2) {
        if (field.number > bytes.size()) throw std::runtime_error("a field is longer than its message");
        field.bytes = bytes.substr(0, field.number);
        bytes.remove_prefix(field.number);
      } else if ((key & 7U) != 0) {
        throw std::runtime_error("a field has an unknown wire type");
      }
      fields_.push_back(field);
    }
  }

  [[nodiscard]] std::vector<ProtobufField> all(std::uint64_t field) const {
    std::vector<ProtobufField> found;
    for (const ProtobufField& f : fields_) {
      if (f.field == field) found.push_back(f);
    }
    return found;
  }
  /// The only field of that number.
  [[nodiscard]] ProtobufField one(std::uint64_t field) const {
    const auto found = all(field);
    if (found.size() != 1) throw std::runtime_error("a field is there " + std::to_string(found.size()) + " times");
    return found.front();
  }
  [[nodiscard]] std::string text(std::uint64_t field) const { return std::string(one(field).bytes); }
  [[nodiscard]] ProtobufMessage message(std::uint64_t field) const { return ProtobufMessage(one(field).bytes); }

 private:
  std::vector<ProtobufField> fields_;
};

}  // namespace bitstate::tests
