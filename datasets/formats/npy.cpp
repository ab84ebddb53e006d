#include "datasets/formats/npy.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "datasets/formats/npy_header.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

namespace bitstate::datasets {
namespace {

constexpr std::size_t max_file_bytes = std::size_t{1} << 24U;
constexpr std::size_t max_fields = std::size_t{1} << 20U;

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

std::string element(const NpyHeader& header, std::string_view bytes, std::string_view name, std::size_t offset) {
  if (header.kind == 'f') {
    return bytes.size() == 8 ? fmt::format("{}", number_at<double>(bytes)) : fmt::format("{}", number_at<float>(bytes));
  }
  if (header.kind == 'i') {
    return std::to_string(bytes.size() == 8 ? number_at<std::int64_t>(bytes) : number_at<std::int32_t>(bytes));
  }
  const std::size_t step = header.kind == 'U' ? 4 : 1;
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
  const NpyHeader header = read_npy_header(file, name, max_fields);
  const bool is_text = header.kind == 'U' || header.kind == 'S';
  require(is_text || ((header.kind == 'f' || header.kind == 'i') && header.width >= 4), name,
          "the elements are not of a type '<U..', '|S..', '<f8', '<f4', '<i8' or '<i4'");
  require(header.shape.size() == 2, name, "the array has one dimension, not two");
  const std::size_t rows = header.shape[0];
  const std::size_t columns = header.shape[1];
  Table table(rows);
  std::size_t offset = header.begin;
  for (auto& row : table) {
    row.reserve(columns);
    for (std::size_t column = 0; column < columns; ++column, offset += header.width) {
      row.push_back(element(header, file.substr(offset, header.width), name, offset));
    }
  }
  return table;
}

}  // namespace

Table read_table(const std::filesystem::path& path) {
  const std::string file = read_file(path, max_file_bytes);
  return is_npy(file) ? read_array(file, path.string()) : read_lines(file, path.string());
}

}  // namespace bitstate::datasets
