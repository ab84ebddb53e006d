// Files of named arrays, whatever their format: HDF5, .npz and .mat.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate::datasets {

/// What the elements of an array are stored as.
enum class Stored { numbers, integers, booleans, texts };

class ArrayFile {
 public:
  virtual ~ArrayFile() = default;
  [[nodiscard]] virtual const std::filesystem::path& path() const = 0;
  /// Names of its arrays and groups, sorted; of groups those in the root alone.
  [[nodiscard]] virtual std::vector<std::string> list() const = 0;
  /// Names of its arrays alone, sorted; also of those in groups.
  [[nodiscard]] virtual std::vector<std::string> arrays() const { return list(); }
  [[nodiscard]] virtual bool exists(std::string_view name) const = 0;
  // of an array that exists; each throws Error naming file and array
  [[nodiscard]] virtual std::vector<std::size_t> shape(std::string_view name) const = 0;
  [[nodiscard]] virtual Stored stored(std::string_view name) const = 0;
  /// Its elements, row-major: not those of texts.
  [[nodiscard]] virtual std::vector<double> numbers(std::string_view name) const = 0;
  [[nodiscard]] virtual std::vector<std::string> texts(std::string_view name) const = 0;
  /// A number that the file has beside its arrays; formats without have none.
  [[nodiscard]] virtual std::optional<std::int64_t> attribute(std::string_view) const { return std::nullopt; }
};

/// One that is in memory.
class ArraysInMemory final : public ArrayFile {
 public:
  struct Array {
    std::vector<std::size_t> shape;
    Stored stored = Stored::numbers;
    std::vector<double> numbers{};     ///< row-major; empty for texts
    std::vector<std::string> texts{};  ///< likewise
    std::string obstacle{};            ///< why it cannot be read; empty: it can
  };
  ArraysInMemory(std::filesystem::path path, std::map<std::string, Array, std::less<>> arrays)
      : path_(std::move(path)), arrays_(std::move(arrays)) {}

  [[nodiscard]] const std::filesystem::path& path() const override { return path_; }
  [[nodiscard]] std::vector<std::string> list() const override;
  [[nodiscard]] bool exists(std::string_view name) const override { return arrays_.contains(name); }
  [[nodiscard]] std::vector<std::size_t> shape(std::string_view name) const override { return at(name).shape; }
  [[nodiscard]] Stored stored(std::string_view name) const override { return at(name).stored; }
  [[nodiscard]] std::vector<double> numbers(std::string_view name) const override;
  [[nodiscard]] std::vector<std::string> texts(std::string_view name) const override;

 private:
  [[nodiscard]] const Array& at(std::string_view name) const;

  std::filesystem::path path_;
  std::map<std::string, Array, std::less<>> arrays_;
};

/// The row-major elements of an array whose first index runs fastest, as MATLAB and Fortran store it.
template <class T>
std::vector<T> row_major(const std::vector<T>& elements, const std::vector<std::size_t>& shape) {
  std::vector<T> rows;
  rows.reserve(elements.size());
  std::vector<std::size_t> index(shape.size(), 0);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    std::size_t at = 0;
    for (std::size_t d = shape.size(); d-- > 0;) at = at * shape[d] + index[d];
    rows.push_back(elements[at]);
    for (std::size_t d = shape.size(); d-- > 0 && ++index[d] == shape[d];) index[d] = 0;
  }
  return rows;
}

}  // namespace bitstate::datasets
