#include "datasets/formats/npy_ids.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "datasets/formats/npy_header.h"

#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace bitstate::datasets {
namespace {

constexpr std::size_t max_ids = std::size_t{1} << 32U;
constexpr std::size_t max_ids_bytes = std::size_t{1} << 34U;

template <class T>
std::vector<std::uint16_t> ids_of(std::string_view elements, std::string_view name) {
  std::vector<std::uint16_t> ids(elements.size() / sizeof(T));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    T value{};
    std::memcpy(&value, elements.data() + i * sizeof(T), sizeof(T));
    require(std::in_range<std::uint16_t>(value), name, "element {}: expected a token id from 0 to {}, got {}", i,
            std::numeric_limits<std::uint16_t>::max(), value);
    ids[i] = static_cast<std::uint16_t>(value);
  }
  return ids;
}

std::vector<std::uint16_t> ids_of(const NpyHeader& header, std::string_view elements, std::string_view name) {
  const bool is_signed = header.kind == 'i';
  switch (header.width) {
    case 1:
      return is_signed ? ids_of<std::int8_t>(elements, name) : ids_of<std::uint8_t>(elements, name);
    case 2:
      return is_signed ? ids_of<std::int16_t>(elements, name) : ids_of<std::uint16_t>(elements, name);
    case 4:
      return is_signed ? ids_of<std::int32_t>(elements, name) : ids_of<std::uint32_t>(elements, name);
    default:
      return is_signed ? ids_of<std::int64_t>(elements, name) : ids_of<std::uint64_t>(elements, name);
  }
}

}  // namespace

NpyIds read_ids(const std::filesystem::path& path) {
  const std::string file = read_file(path, max_ids_bytes);
  const std::string name = path.string();
  require(!file.empty(), name, "is empty");
  require(is_npy(file), name, "offset 0: is not an array of NumPy");
  const NpyHeader header = read_npy_header(file, name, max_ids);
  require(header.kind == 'i' || header.kind == 'u', name, "the elements are {}; token ids are integers",
          header.kind == 'f' || header.kind == 'c' ? "floating-point numbers"
          : header.kind == 'b'                     ? "booleans"
                                                   : "strings");
  NpyIds read;
  read.ids = ids_of(header, std::string_view(file).substr(header.begin), name);
  read.columns = header.shape.size() == 2 ? header.shape[1] : 0;
  return read;
}

}  // namespace bitstate::datasets
