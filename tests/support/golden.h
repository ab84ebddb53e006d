// The golden values of S5 in double precision (s5_reference.h5 of the fixture folder), in bitstate's layouts.
#pragma once

#include "core/io/hdf5.h"
#include "core/tensor.h"

#include <complex>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::tests {

/// An array of the fixture. `shape` is without the trailing axis (re, im) of complex arrays.
struct GoldenArray {
  Hdf5Shape shape;
  bool complex = false;
  std::vector<double> values;  ///< row-major; (re, im) interleaved if complex

  [[nodiscard]] std::vector<std::complex<double>> complex_values() const;
};

/// A matrix of doubles in a layout of bitstate.
struct GoldenMatrix {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<double> values;

  [[nodiscard]] Tensor tensor() const;  ///< rounded to float
};

/// [r, c] complex to [2r, c] (the real rows first), or [r, 2c] (the real columns first). A vector [n] counts as [1, n].
GoldenMatrix planar_rows(const GoldenArray& array);
GoldenMatrix planar_columns(const GoldenArray& array);
/// A real array as a matrix: leading axes are merged, a vector [n] becomes [1, n].
GoldenMatrix real_matrix(const GoldenArray& array);

/// What a group of the fixture holds.
enum class GoldenKind { hippo, block_hippo, dense_system, ssm, layer, model, scalar, schedule };

/// A fixture, open for reading. Object paths are those of the file: "ssm/case_003/param/B".
class Golden {
 public:
  /// Opens s5_reference.h5 of the fixture folder. Throws Error where it is absent.
  Golden();
  explicit Golden(const std::filesystem::path& file) : file_(file) {}

  /// Paths of all groups of a kind, sorted. What a group is, its attributes tell, or its arrays where it needs no
  /// attributes; never its name. A group of no known kind, or with an attribute that no test reads, is an Error:
  /// nothing in the file is passed over.
  [[nodiscard]] std::vector<std::string> groups(GoldenKind kind) const;

  [[nodiscard]] GoldenArray array(const std::string& path) const;
  [[nodiscard]] std::vector<std::int64_t> integers(const std::string& path) const;
  [[nodiscard]] double scalar(const std::string& path) const { return file_.read_scalar<double>(path); }
  [[nodiscard]] bool exists(const std::string& path) const { return file_.exists(path); }
  /// Members of a group, sorted.
  [[nodiscard]] std::vector<std::string> list(const std::string& group) const { return file_.list(group); }

  [[nodiscard]] bool has(const std::string& object, std::string_view attribute) const {
    return file_.has_attribute(object, attribute);
  }
  [[nodiscard]] double number(const std::string& object, std::string_view attribute) const;
  [[nodiscard]] std::size_t count(const std::string& object, std::string_view attribute) const;
  [[nodiscard]] bool flag(const std::string& object, std::string_view attribute) const;
  [[nodiscard]] std::string text(const std::string& object, std::string_view attribute) const;

  /// A parameter or its gradient as the models store it: B [2P, H], C [H, 2P], a Dense kernel (in, out) as [out, in],
  /// anything else [1, n].
  [[nodiscard]] GoldenMatrix parameter(const std::string& path) const;

 private:
  /// Adds the groups below `path` that are of `kind`.
  void collect(const std::string& path, GoldenKind kind, std::vector<std::string>& found) const;

  Hdf5Reader file_;
};

/// What the models call a parameter of the fixture: "layer0.out2.kernel" is "layers.0.glu.out2.weight".
std::string model_name(std::string_view golden_name);

/// max |got - expected| / max |expected|, and max |got| where all expected values are 0. Infinite where the sizes
/// differ or any value of `got` is not finite.
double relative_error(std::span<const double> got, std::span<const double> expected);
double relative_error(std::span<const float> got, std::span<const double> expected);
double relative_error(std::span<const std::complex<double>> got, std::span<const std::complex<double>> expected);

}  // namespace bitstate::tests
