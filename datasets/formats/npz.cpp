#include "datasets/formats/npz.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "datasets/formats/npy_header.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace bitstate::datasets {
namespace {

constexpr std::size_t max_npz_bytes = std::size_t{1} << 32;
constexpr std::size_t max_npz_dimensions = 8;
constexpr std::size_t max_deflate_ratio = 1032;

using ZipReader = std::unique_ptr<archive, int (*)(archive*)>;

/// The members of an archive in memory, one after the other.
class Zip {
 public:
  Zip(const std::string& bytes, std::string name)
      : name_(std::move(name)),
        budget_(std::min(max_npz_bytes, max_deflate_ratio * bytes.size())),
        reader_(archive_read_new(), archive_read_free) {
    require(reader_ != nullptr, name_, "libarchive cannot start");
    archive_read_support_format_zip(reader_.get());
    if (archive_read_open_memory(reader_.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) refuse("the archive");
  }

  /// Whether there is another member, whose name and content they then are.
  bool next(std::string& member, std::string& content) {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(reader_.get(), &entry);
    if (status == ARCHIVE_EOF) return false;
    if (status != ARCHIVE_OK) refuse("the archive");
    const char* const given = archive_entry_pathname(entry);
    require(given != nullptr, name_, "a member has no readable name");
    member = given;
    const bool plain = std::all_of(member.begin(), member.end(), [](char c) { return c >= ' ' && c <= '~'; });
    require(plain, name_, "the name of a member is not printable ASCII");
    content.clear();
    std::array<char, std::size_t{1} << 16> block;
    la_ssize_t count = 0;
    while ((count = archive_read_data(reader_.get(), block.data(), block.size())) > 0) {
      const auto size = static_cast<std::size_t>(count);
      require(size <= budget_, name_, "{}: the archive holds more bytes than are allowed", member);
      budget_ -= size;
      content.append(block.data(), size);
    }
    if (count < 0) refuse(member);
    return true;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    const char* const reason = archive_error_string(reader_.get());
    fail(name_, "{} is damaged or no zip ({})", what, reason != nullptr ? reason : "no reason given");
  }

  std::string name_;
  std::size_t budget_;
  ZipReader reader_;
};

template <class T>
std::vector<float> singles_of(std::string_view bytes) {
  std::vector<float> numbers(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    T value{};
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    numbers[i] = static_cast<float>(value);
  }
  return numbers;
}

struct Array {
  TensorShape shape;
  std::vector<float> numbers;
};

Array array_of(std::string_view file, const std::string& name) {
  require(is_npy(file), name, "is not an array of NumPy");
  NpyHeader header = read_npy_header(file, name, max_npz_bytes, max_npz_dimensions);
  require(header.kind == 'f' || header.kind == 'c', name, "the elements are not floating-point or complex numbers");
  const bool complex = header.kind == 'c';
  if (complex) header.shape.push_back(2);
  const bool single = header.width == (complex ? 8 : 4);
  const std::string_view elements = file.substr(header.begin);
  return {std::move(header.shape), single ? singles_of<float>(elements) : singles_of<double>(elements)};
}

}  // namespace

namespace {

template <class T>
std::vector<double> doubles_of(std::string_view bytes) {
  std::vector<double> numbers(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    T value{};
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    numbers[i] = static_cast<double>(value);
  }
  return numbers;
}

std::vector<double> integers_of(std::string_view bytes, std::size_t width, bool has_sign) {
  switch (width) {
    case 1:
      return has_sign ? doubles_of<std::int8_t>(bytes) : doubles_of<std::uint8_t>(bytes);
    case 2:
      return has_sign ? doubles_of<std::int16_t>(bytes) : doubles_of<std::uint16_t>(bytes);
    case 4:
      return has_sign ? doubles_of<std::int32_t>(bytes) : doubles_of<std::uint32_t>(bytes);
    default:
      return has_sign ? doubles_of<std::int64_t>(bytes) : doubles_of<std::uint64_t>(bytes);
  }
}

void append_utf_8(std::string& text, char32_t point, const std::string& name) {
  constexpr char32_t last = 0x10FFFF;
  require(point <= last, name, "holds the character {:#x}, which is none", static_cast<std::uint32_t>(point));
  constexpr std::array<char32_t, 3> ends = {0x80, 0x800, 0x10000};  // of one, two and three bytes
  constexpr std::array<unsigned, 4> marks = {0x00, 0xC0, 0xE0, 0xF0};
  std::size_t more = 0;
  while (more < ends.size() && point >= ends[more]) ++more;
  text += static_cast<char>(marks[more] | static_cast<unsigned>(point >> (6 * more)));
  while (more-- > 0) text += static_cast<char>(0x80U | (static_cast<unsigned>(point >> (6 * more)) & 0x3FU));
}

/// Strings of `width` bytes, of which those at the end may be 0: UTF-32 in kind U.
std::vector<std::string> strings_of(std::string_view bytes, std::size_t width, bool utf_32, const std::string& name) {
  std::vector<std::string> texts;
  for (std::size_t at = 0; at < bytes.size(); at += width) {
    std::string& text = texts.emplace_back();
    const std::string_view cell = bytes.substr(at, width);
    if (!utf_32) {
      text = cell.substr(0, cell.find_last_not_of('\0') + 1);
      continue;
    }
    for (std::size_t i = 0; i < width; i += sizeof(char32_t)) {
      char32_t point = 0;
      std::memcpy(&point, cell.data() + i, sizeof point);
      if (point != 0) append_utf_8(text, point, name);
    }
  }
  return texts;
}

ArraysInMemory::Array data_array(std::string_view file, const std::string& name) {
  ArraysInMemory::Array array;
  if (!is_npy(file)) {
    array.obstacle = "is not an array of NumPy";
    return array;
  }
  const NpyHeader header = read_npy_header(file, name, max_npz_bytes, max_npz_dimensions);
  const std::string_view elements = file.substr(header.begin);
  array.shape = header.shape;
  switch (header.kind) {
    case 'f':
      array.numbers = header.width == 4 ? doubles_of<float>(elements) : doubles_of<double>(elements);
      break;
    case 'i':
    case 'u':
      array.stored = Stored::integers;
      array.numbers = integers_of(elements, header.width, header.kind == 'i');
      break;
    case 'b':
      array.stored = Stored::booleans;
      array.numbers = doubles_of<std::uint8_t>(elements);
      break;
    case 'U':
    case 'S':
      array.stored = Stored::texts;
      array.texts = strings_of(elements, header.width, header.kind == 'U', name);
      break;
    default:
      array.obstacle = "holds complex numbers";
  }
  return array;
}

}  // namespace

ArraysInMemory read_npz_arrays(const std::filesystem::path& path, std::size_t max_bytes) {
  const std::string file = path.string();
  const std::string bytes = read_file(path, max_bytes);
  Zip zip(bytes, file);
  std::map<std::string, ArraysInMemory::Array, std::less<>> arrays;
  std::string member, content;
  while (zip.next(member, content)) {
    std::string key = member.ends_with(".npy") ? member.substr(0, member.size() - 4) : member;
    auto array = data_array(content, fmt::format("{}: {}", file, key));
    require(arrays.emplace(std::move(key), std::move(array)).second, file, "the array {} is there twice", member);
  }
  require(!arrays.empty(), file, "holds no arrays");
  return {path, std::move(arrays)};
}

NamedTensors read_npz(const std::filesystem::path& path) {
  std::error_code ignored;
  require<UsageError>(std::filesystem::exists(path, ignored), path.string(), "does not exist");
  const std::string file = path.string();
  const std::string bytes = read_file(path, max_npz_bytes);
  Zip zip(bytes, file);
  const auto arrays = std::make_shared<std::map<std::string, Array>>();
  NamedTensors tensors;
  tensors.file = file;
  std::string member, content;
  while (zip.next(member, content)) {
    std::string key = member.ends_with(".npy") ? member.substr(0, member.size() - 4) : member;
    Array array = array_of(content, fmt::format("{}: {}", file, key));
    require(tensors.shapes.emplace(key, array.shape).second, file, "the array {} is there twice", key);
    arrays->emplace(std::move(key), std::move(array));
  }
  require(!tensors.shapes.empty(), file, "holds no arrays");
  tensors.read = [arrays, file](const std::string& key) {
    const std::vector<float>& numbers = arrays->at(key).numbers;
    const auto bad = std::find_if(numbers.begin(), numbers.end(), [](float v) { return !std::isfinite(v); });
    require(bad == numbers.end(), file, "element {} of {} is {}; weights are finite", bad - numbers.begin(), key,
            bad == numbers.end() ? 0.0F : *bad);
    return numbers;
  };
  return tensors;
}

}  // namespace bitstate::datasets
