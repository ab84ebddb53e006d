// The golden values of Mamba and Quamba in double precision: mamba_reference.h5 of the fixture folder.
#pragma once

#include "core/io/hdf5.h"
#include "core/tensor.h"
#include "tests/support/folders.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace bitstate::tests {

/// The fixture, open for reading. Paths are those of the file: "conv/case_0/in/x".
class MambaGolden {
 public:
  MambaGolden() : file_(fixture_folder() / "mamba_reference.h5") {}

  /// Paths of the groups in `kind`, sorted. One with an attribute that the test does not read fails.
  [[nodiscard]] std::vector<std::string> cases(const std::string& kind, const std::set<std::string>& attributes) const {
    std::vector<std::string> found;
    for (const auto& name : file_.list(kind)) {
      const std::string path = kind + "/" + name;
      CAPTURE(path);
      for (const auto& attribute : file_.attributes(path)) {
        CAPTURE(attribute);
        CHECK(attributes.count(attribute) == 1);
      }
      found.push_back(path);
    }
    return found;
  }
  [[nodiscard]] std::vector<double> values(const std::string& path) const { return file_.read<double>(path).values; }
  [[nodiscard]] std::vector<std::int64_t> integers(const std::string& path) const {
    return file_.read<std::int64_t>(path).values;
  }
  /// Leading axes are merged; a vector [n] is [1, n]. With `rows`, the array is parted into as many.
  [[nodiscard]] Tensor matrix(const std::string& path, std::size_t rows = 0) const {
    const auto array = file_.read<double>(path);
    const std::size_t cols = rows > 0 ? array.values.size() / rows : array.shape.empty() ? 1 : array.shape.back();
    Tensor out(cols == 0 ? 0 : array.values.size() / cols, cols);
    std::transform(array.values.begin(), array.values.end(), out.data.begin(),
                   [](double v) { return static_cast<float>(v); });
    return out;
  }
  /// Empty where there is no such array.
  [[nodiscard]] Tensor matrix_if(const std::string& path) const { return exists(path) ? matrix(path) : Tensor(); }
  [[nodiscard]] bool exists(const std::string& path) const { return file_.exists(path); }
  [[nodiscard]] std::vector<std::string> list(const std::string& group) const { return file_.list(group); }
  [[nodiscard]] double number(const std::string& group, const char* name) const {
    return file_.attribute<double>(group, name);
  }
  [[nodiscard]] std::size_t count(const std::string& group, const char* name) const {
    return static_cast<std::size_t>(file_.attribute<std::int64_t>(group, name));
  }
  [[nodiscard]] std::string text(const std::string& group, const char* name) const {
    return file_.attribute<std::string>(group, name);
  }
  [[nodiscard]] bool flag(const std::string& group, const char* name) const { return count(group, name) != 0; }

 private:
  Hdf5Reader file_;
};

}  // namespace bitstate::tests
