#include "datasets/formats/mat.h"

#include "core/error.h"

#include <fmt/format.h>
#include <matio.h>

#include <array>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace bitstate::datasets {
namespace {

using MatFile = std::unique_ptr<mat_t, int (*)(mat_t*)>;
using MatVariable = std::unique_ptr<matvar_t, void (*)(matvar_t*)>;
using MatArray = ArraysInMemory::Array;

constexpr std::size_t max_mat_rank = 8;
constexpr std::size_t max_mat_elements = std::size_t{1} << 32;

/// How many elements a variable has; 0 for what cannot be one.
std::size_t mat_elements(const matvar_t& variable) {
  if (variable.rank < 1 || static_cast<std::size_t>(variable.rank) > max_mat_rank || variable.dims == nullptr) return 0;
  std::size_t count = 1;
  for (const std::size_t size : std::span(variable.dims, static_cast<std::size_t>(variable.rank))) {
    if (size == 0 || size > max_mat_elements / count) return 0;
    count *= size;
  }
  return count;
}

template <class T>
std::vector<double> mat_numbers(const void* data, std::size_t count) {
  std::vector<double> numbers(count);
  for (std::size_t i = 0; i < count; ++i) {
    T value{};
    std::memcpy(&value, static_cast<const char*>(data) + i * sizeof(T), sizeof(T));
    numbers[i] = static_cast<double>(value);
  }
  return numbers;
}

/// How numbers of a class are read, and of how many bytes each is; null for other classes.
struct MatClass {
  std::vector<double> (*read)(const void*, std::size_t) = nullptr;
  std::size_t bytes = 0;
  bool real = false;
};

MatClass mat_class(matio_classes type) {
  switch (type) {
    case MAT_C_DOUBLE:
      return {mat_numbers<double>, 8, true};
    case MAT_C_SINGLE:
      return {mat_numbers<float>, 4, true};
    case MAT_C_INT8:
      return {mat_numbers<std::int8_t>, 1};
    case MAT_C_UINT8:
      return {mat_numbers<std::uint8_t>, 1};
    case MAT_C_INT16:
      return {mat_numbers<std::int16_t>, 2};
    case MAT_C_UINT16:
      return {mat_numbers<std::uint16_t>, 2};
    case MAT_C_INT32:
      return {mat_numbers<std::int32_t>, 4};
    case MAT_C_UINT32:
      return {mat_numbers<std::uint32_t>, 4};
    case MAT_C_INT64:
      return {mat_numbers<std::int64_t>, 8};
    case MAT_C_UINT64:
      return {mat_numbers<std::uint64_t>, 8};
    default:
      return {};
  }
}

/// The rows of a matrix of characters, without the blanks at their ends; nothing where they are not ASCII.
std::optional<std::vector<std::string>> mat_rows(const matvar_t& variable, std::size_t count) {
  const std::size_t rows = variable.dims[0];
  const auto bytes = static_cast<std::size_t>(variable.data_size);
  if (variable.rank != 2 || variable.data == nullptr || (bytes != 1 && bytes != 2) || variable.nbytes < count * bytes) {
    return std::nullopt;
  }
  std::vector<std::string> texts(rows);
  for (std::size_t i = 0; i < count; ++i) {
    const auto* const letter = static_cast<const unsigned char*>(variable.data) + i * bytes;
    if (*letter < ' ' || *letter > '~' || (bytes == 2 && letter[1] != 0)) return std::nullopt;
    texts[i % rows] += static_cast<char>(*letter);
  }
  for (std::string& text : texts) text.resize(text.find_last_not_of(' ') + 1);
  return texts;
}

/// The texts of a cell array of rows of characters.
std::optional<std::vector<std::string>> mat_cells(const matvar_t& variable, std::size_t count) {
  if (variable.data == nullptr || variable.nbytes < count * sizeof(matvar_t*)) return std::nullopt;
  std::vector<std::string> texts;
  for (const matvar_t* const cell : std::span(static_cast<matvar_t* const*>(variable.data), count)) {
    const std::size_t letters = cell == nullptr ? 0 : mat_elements(*cell);
    if (letters == 0 || cell->class_type != MAT_C_CHAR || cell->dims[0] != 1) return std::nullopt;
    auto rows = mat_rows(*cell, letters);
    if (!rows) return std::nullopt;
    texts.push_back(std::move(rows->front()));
  }
  return texts;
}

MatArray mat_array(const matvar_t& variable) {
  MatArray array;
  const std::size_t count = mat_elements(variable);
  const MatClass numbers = mat_class(variable.class_type);
  if (count == 0) {
    array.obstacle = "has no elements, or more dimensions than are read";
  } else if (variable.class_type == MAT_C_CHAR || variable.class_type == MAT_C_CELL) {
    const bool cells = variable.class_type == MAT_C_CELL;
    auto texts = cells ? mat_cells(variable, count) : mat_rows(variable, count);
    if (!texts) array.obstacle = "holds other cells than texts, or texts that are not ASCII";
    array.stored = Stored::texts;
    array.texts = texts.value_or(std::vector<std::string>());
    array.shape = {array.texts.size()};
  } else if (numbers.read == nullptr || variable.isComplex != 0) {
    array.obstacle = "is neither real numbers nor texts; save categories as cellstr(...), tables as their arrays";
  } else if (variable.data == nullptr || static_cast<std::size_t>(variable.data_size) != numbers.bytes ||
             variable.nbytes < count * numbers.bytes) {
    array.obstacle = "is damaged: its elements are not there";
  } else {
    const std::vector<std::size_t> dimensions(variable.dims, variable.dims + variable.rank);
    array.stored = variable.isLogical != 0 ? Stored::booleans : numbers.real ? Stored::numbers : Stored::integers;
    array.numbers = row_major(numbers.read(variable.data, count), dimensions);
    array.shape = mat_shape(dimensions);
  }
  return array;
}

}  // namespace

bool is_mat_73(const std::filesystem::path& file) {
  constexpr std::string_view begin = "MATLAB 7.3";
  std::array<char, begin.size()> bytes{};
  std::ifstream(file, std::ios::binary).read(bytes.data(), bytes.size());
  return std::string_view(bytes.data(), bytes.size()) == begin;
}

ArraysInMemory read_mat(const std::filesystem::path& path) {
  const MatFile file(Mat_Open(path.c_str(), MAT_ACC_RDONLY), Mat_Close);
  require(file != nullptr, path.string(), "is no .mat file, or a damaged one");
  std::map<std::string, MatArray, std::less<>> arrays;
  for (;;) {
    const MatVariable variable(Mat_VarReadNext(file.get()), Mat_VarFree);
    if (variable == nullptr) break;
    if (variable->name == nullptr) continue;
    const std::string name = variable->name;
    require(arrays.emplace(name, mat_array(*variable)).second, path.string(), "the array {} is there twice", name);
  }
  require(!arrays.empty(), path.string(), "holds no arrays, or is damaged");
  return {path, std::move(arrays)};
}

std::vector<std::size_t> mat_shape(std::vector<std::size_t> dimensions) {
  if (dimensions.size() != 2 || (dimensions[0] != 1 && dimensions[1] != 1)) return dimensions;
  return {dimensions[0] * dimensions[1]};
}

}  // namespace bitstate::datasets
