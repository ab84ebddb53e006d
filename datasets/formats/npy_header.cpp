#include "datasets/formats/npy_header.h"

#include "core/error.h"

#include <fmt/ranges.h>

#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <utility>

namespace bitstate::datasets {
namespace {

constexpr std::string_view numpy_magic = "\x93NUMPY";
constexpr std::size_t max_text_width = std::size_t{1} << 24U;

/// Reads a header: a Python dictionary of the three keys, in any order, padded with spaces to a line.
class HeaderReader {
 public:
  HeaderReader(std::string_view file, std::size_t start, std::size_t end, std::size_t max_elements,
               std::size_t max_dimensions, std::string_view name)
      : text_(file.substr(0, end)),
        position_(start),
        max_elements_(max_elements),
        max_dimensions_(max_dimensions),
        name_(name) {}

  NpyHeader parse() {
    NpyHeader header;
    expect("{");
    unsigned seen = 0;
    for (int key = 0; key < 3; ++key) {
      const std::size_t at = position_;
      if (take("'descr'")) {
        seen |= 1U;
        expect(":");
        parse_type(header);
      } else if (take("'fortran_order'")) {
        seen |= 2U;
        expect(":");
        if (!take("False")) refuse("only arrays in C order ('fortran_order': False) are read");
      } else if (take("'shape'")) {
        seen |= 4U;
        expect(":");
        parse_shape(header);
      } else {
        refuse("is not one of the keys 'descr', 'fortran_order' and 'shape'");
      }
      if (key < 2 || text_.substr(position_, 1) == ",") expect(",");
      if (key == 2 && seen != 7U) fail(name_, "offset {}: a key of the header is there twice", at);
    }
    expect("}");
    if (text_.substr(position_) != "\n") refuse("the header does not end with a line");
    return header;
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

  void parse_type(NpyHeader& header) {
    constexpr std::array<std::pair<std::string_view, char>, 9> kinds = {{{"'<U", 'U'},
                                                                         {"'|S", 'S'},
                                                                         {"'<f", 'f'},
                                                                         {"'<i", 'i'},
                                                                         {"'|i", 'i'},
                                                                         {"'<u", 'u'},
                                                                         {"'|u", 'u'},
                                                                         {"'<c", 'c'},
                                                                         {"'|b", 'b'}}};
    for (const auto& [prefix, kind] : kinds) {
      if (!take(prefix)) continue;
      header.kind = kind;
      header.width = number();
      const bool is_text = kind == 'U' || kind == 'S';
      const std::size_t least = header.kind == 'c' ? 8 : header.kind == 'f' ? 4 : 1;
      const std::size_t most = header.kind == 'c' ? 16 : header.kind == 'b' ? 1 : 8;
      const bool fits = is_text ? header.width >= 1 && header.width <= max_text_width
                                : std::has_single_bit(header.width) && header.width >= least && header.width <= most;
      if (!fits) break;
      if (kind == 'U') header.width *= 4;
      return expect("'");
    }
    refuse("the elements are not of a type '<U..', '|S..', '<f4', '<f8', '<i..' or '<u..'");
  }

  void parse_shape(NpyHeader& header) {
    expect("(");
    header.shape.push_back(number());
    expect(",");
    while (text_.substr(position_, 1) != ")" && header.shape.size() < max_dimensions_) {
      header.shape.push_back(number());
      if (!take(",")) break;
    }
    std::size_t elements = 1;
    for (const std::size_t size : header.shape) {
      if (size < 1 || size > max_elements_ / elements) {
        refuse("expected 1 to {} elements, got {}", max_elements_, fmt::join(header.shape, " x "));
      }
      elements *= size;
    }
    if (!take(")")) refuse("the array has more than {} dimensions", max_dimensions_);
  }

  std::string_view text_;
  std::size_t position_;
  std::size_t max_elements_;
  std::size_t max_dimensions_;
  std::string_view name_;
};

template <class T>
T size_at(std::string_view bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace

bool is_npy(std::string_view file) { return file.substr(0, numpy_magic.size()) == numpy_magic; }

NpyHeader read_npy_header(std::string_view file, std::string_view name, std::size_t max_elements,
                          std::size_t max_dimensions) {
  require(file.size() >= 12, name, "offset {}: the file ends within the header", file.size());
  const auto version = static_cast<unsigned char>(file[6]);
  require(version >= 1 && version <= 3 && file[7] == '\0', name,
          "offset 6: the format has version {}.{}; 1.0, 2.0 and 3.0 are read", version,
          static_cast<unsigned char>(file[7]));
  const std::size_t start = version == 1 ? 10 : 12;
  const std::size_t length =
      version == 1 ? size_at<std::uint16_t>(file.substr(8)) : size_at<std::uint32_t>(file.substr(8));
  require(length <= file.size() - start, name, "offset 8: the header claims {} bytes, but {} follow", length,
          file.size() - start);
  NpyHeader header = HeaderReader(file, start, start + length, max_elements, max_dimensions, name).parse();
  header.begin = start + length;
  // no overflow: at most 2^32 elements of at most 2^26 bytes
  require(header.elements() * header.width == file.size() - header.begin, name,
          "offset {}: the header claims {} elements of {} bytes, but {} bytes follow", header.begin,
          fmt::join(header.shape, " x "), header.width, file.size() - header.begin);
  return header;
}

}  // namespace bitstate::datasets
