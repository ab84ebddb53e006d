#include "datasets/formats/npy.h"

#include "core/error.h"
#include "core/io/atomic_file.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

namespace bitstate::datasets {
namespace {

constexpr std::size_t max_file_bytes = std::size_t{1} << 24U;
constexpr std::size_t max_fields = std::size_t{1} << 20U;
constexpr std::string_view magic = "\x93NUMPY";

// ---------------------------------------------------------------------------------------------------------------- text

Table read_lines(std::string_view text, std::string_view name) {
  require(!text.empty(), name, "is empty");
  const auto control = std::find_if(text.begin(), text.end(), [](char c) { return c != '\n' && (c < ' ' || c > '~'); });
  require(control == text.end(), name, "offset {}: is neither text nor a NumPy array", control - text.begin());
  Table rows;
  std::size_t fields = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    std::vector<std::string>& row = rows.emplace_back();
    for (std::size_t start = line.find_first_not_of(' '); start < line.size();) {
      const std::size_t stop = std::min(line.find(' ', start), line.size());
      row.emplace_back(line.substr(start, stop - start));
      start = line.find_first_not_of(' ', stop);
    }
    fields += row.size();
    require(!row.empty(), name, "line {} is empty", rows.size());
    require(fields <= max_fields, name, "line {}: there are more than {} fields", rows.size(), max_fields);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return rows;
}

// --------------------------------------------------------------------------------------------------------------- NumPy

/// What the header of an array says.
struct Layout {
  char kind = 0;          // U, S, f or i
  std::size_t width = 0;  // bytes of an element
  std::size_t rows = 0;
  std::size_t columns = 0;
};

/// Reads a header: a Python dictionary of the three keys, in any order, padded with spaces to a line.
class Header {
 public:
  Header(std::string_view file, std::size_t start, std::size_t end, std::string_view name)
      : text_(file.substr(0, end)), position_(start), name_(name) {}

  Layout parse() {
    Layout layout;
    expect("{");
    unsigned seen = 0;
    for (int key = 0; key < 3; ++key) {
      const std::size_t at = position_;
      if (take("'descr'")) {
        seen |= 1U;
        expect(":");
        parse_type(layout);
      } else if (take("'fortran_order'")) {
        seen |= 2U;
        expect(":");
        if (!take("False")) refuse("only arrays in C order ('fortran_order': False) are read");
      } else if (take("'shape'")) {
        seen |= 4U;
        expect(":");
        parse_shape(layout);
      } else {
        refuse("is not one of the keys 'descr', 'fortran_order' and 'shape'");
      }
      if (key < 2 || text_.substr(position_, 1) == ",") expect(",");
      if (key == 2 && seen != 7U) fail(name_, "offset {}: a key of the header is there twice", at);
    }
    expect("}");
    if (text_.substr(position_) != "\n") refuse("the header does not end with a line");
    return layout;
  }

 private:
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> reason, Args&&... args) const {
    fail(name_, "offset {}: {}", position_, fmt::format(reason, std::forward<Args>(args)...));
  }

  /// Whether `token` comes next; if so it and the spaces behind it are passed.
  bool take(std::string_view token) {
    if (text_.substr(position_, token.size()) != token) return false;
    position_ = std::min(text_.find_first_not_of(' ', position_ + token.size()), text_.size());
    return true;
  }

  void expect(std::string_view token) {
    if (!take(token)) refuse("expected {} here in the header", token);
  }

  std::size_t number() {
    std::size_t value = 0;
    const char* start = text_.data() + position_;
    const auto [end, error] = std::from_chars(start, text_.data() + text_.size(), value);
    if (error != std::errc{}) refuse("expected a size here in the header");
    position_ += static_cast<std::size_t>(end - start);
    return value;
  }

  void parse_type(Layout& layout) {
    for (const auto& [prefix, kind] : {std::pair{"'<U", 'U'}, {"'|S", 'S'}, {"'<f", 'f'}, {"'<i", 'i'}}) {
      if (!take(prefix)) continue;
      layout.kind = kind;
      layout.width = number();
      const bool is_text = kind == 'U' || kind == 'S';
      if (is_text ? layout.width < 1 || layout.width > max_file_bytes : layout.width != 4 && layout.width != 8) break;
      if (kind == 'U') layout.width *= 4;
      return expect("'");
    }
    refuse("the elements are not of a type '<U..', '|S..', '<f8', '<f4', '<i8' or '<i4'");
  }

  void parse_shape(Layout& layout) {
    expect("(");
    layout.rows = number();
    expect(",");
    if (text_.substr(position_, 1) == ")") refuse("the array has one dimension, not two");
    layout.columns = number();
    if (layout.rows < 1 || layout.columns < 1 || layout.rows > max_fields / layout.columns) {
      refuse("expected 1 to {2} elements, got {0} x {1}", layout.rows, layout.columns, max_fields);
    }
    if (!take(")")) refuse("the array has more than two dimensions");
  }

  std::string_view text_;
  std::size_t position_;
  std::string_view name_;
};

template <class T>
T number_at(std::string_view bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

/// One code point as UTF-8; nothing if it is none.
std::string utf8(std::uint32_t code) {
  const auto tail = [&](unsigned shift) { return static_cast<char>(0x80U | (code >> shift & 0x3fU)); };
  if (code == 0 || code > 0x10ffffU || (code >= 0xd800U && code < 0xe000U)) return {};
  if (code < 0x80U) return {static_cast<char>(code)};
  if (code < 0x800U) return {static_cast<char>(0xc0U | code >> 6U), tail(0)};
  if (code < 0x10000U) return {static_cast<char>(0xe0U | code >> 12U), tail(6), tail(0)};
  return {static_cast<char>(0xf0U | code >> 18U), tail(12), tail(6), tail(0)};
}

std::string element(const Layout& layout, std::string_view bytes, std::string_view name, std::size_t offset) {
  if (layout.kind == 'f') {
    return bytes.size() == 8 ? fmt::format("{}", number_at<double>(bytes)) : fmt::format("{}", number_at<float>(bytes));
  }
  if (layout.kind == 'i') {
    return std::to_string(bytes.size() == 8 ? number_at<std::int64_t>(bytes) : number_at<std::int32_t>(bytes));
  }
  const std::size_t step = layout.kind == 'U' ? 4 : 1;
  const std::size_t last = bytes.find_last_not_of('\0');  // shorter strings are padded with zeros
  const std::size_t length = last == std::string_view::npos ? 0 : last / step + 1;
  std::string text;
  for (std::size_t i = 0; i < length; ++i) {
    const std::string character =
        step == 4 ? utf8(number_at<std::uint32_t>(bytes.substr(i * 4))) : std::string(bytes[i] != '\0', bytes[i]);
    require(!character.empty(), name, "offset {}: is not a character", offset + i * step);
    text += character;
  }
  return text;
}

Table read_array(std::string_view file, std::string_view name) {
  require(file.size() >= 12, name, "offset {}: the file ends within the header", file.size());
  const auto version = static_cast<unsigned char>(file[6]);
  require(version >= 1 && version <= 3 && file[7] == '\0', name,
          "offset 6: the format has version {}.{}; 1.0, 2.0 and 3.0 are read", version,
          static_cast<unsigned char>(file[7]));
  const std::size_t start = version == 1 ? 10 : 12;
  const std::size_t length =
      version == 1 ? number_at<std::uint16_t>(file.substr(8)) : number_at<std::uint32_t>(file.substr(8));
  require(length <= file.size() - start, name, "offset 8: the header claims {} bytes, but {} follow", length,
          file.size() - start);
  const std::size_t begin = start + length;
  const Layout layout = Header(file, start, begin, name).parse();
  // no overflow: at most 2^20 elements of at most 2^26 bytes
  require(layout.rows * layout.columns * layout.width == file.size() - begin, name,
          "offset {}: the header claims {} x {} elements of {} bytes, but {} bytes follow", begin, layout.rows,
          layout.columns, layout.width, file.size() - begin);

  Table rows(layout.rows);
  std::size_t offset = begin;
  for (auto& row : rows) {
    row.reserve(layout.columns);
    for (std::size_t column = 0; column < layout.columns; ++column, offset += layout.width) {
      row.push_back(element(layout, file.substr(offset, layout.width), name, offset));
    }
  }
  return rows;
}

}  // namespace

Table read_table(const std::filesystem::path& path) {
  const std::string file = read_file(path, max_file_bytes);
  const bool is_array = file.compare(0, magic.size(), magic) == 0;
  return is_array ? read_array(file, path.string()) : read_lines(file, path.string());
}

}  // namespace bitstate::datasets
