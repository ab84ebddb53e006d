// Arrays in HDF5 files, among them the .mat files that MATLAB writes since version 7.3.
#pragma once

#include "core/io/hdf5.h"
#include "datasets/formats/array_file.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// Of a file of MATLAB shapes and elements are as read_mat() (mat.h) has them; texts are matrices of characters.
class Hdf5Arrays final : public ArrayFile {
 public:
  explicit Hdf5Arrays(const std::filesystem::path& path, bool matlab = false);

  [[nodiscard]] const std::filesystem::path& path() const override { return reader_.path(); }
  [[nodiscard]] std::vector<std::string> list() const override;
  /// Of the first 10,000 members, in groups up to 16 deep: a group may hold itself.
  [[nodiscard]] std::vector<std::string> arrays() const override;
  [[nodiscard]] bool exists(std::string_view name) const override { return reader_.exists(name); }
  [[nodiscard]] std::vector<std::size_t> shape(std::string_view name) const override;
  [[nodiscard]] Stored stored(std::string_view name) const override;
  [[nodiscard]] std::vector<double> numbers(std::string_view name) const override;
  [[nodiscard]] std::vector<std::string> texts(std::string_view name) const override;
  [[nodiscard]] std::optional<std::int64_t> attribute(std::string_view name) const override;

 private:
  void add_arrays(const std::string& group, std::size_t depth, std::size_t& left, std::vector<std::string>& to) const;
  [[nodiscard]] std::string matlab_class(std::string_view name) const;
  [[nodiscard]] std::vector<std::size_t> matlab_dimensions(std::string_view name) const;

  Hdf5Reader reader_;
  bool matlab_;
  std::size_t max_elements_;
};

}  // namespace bitstate::datasets
