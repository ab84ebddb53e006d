// Writes the nodes and constants of one ONNX graph, and the arithmetic of docs/numerics.md in them.
#pragma once

#include "core/fixed_point.h"
#include "core/program/onnx/proto.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace bitstate::program::onnx {

/// Values are called by their names. Codes are whole numbers, in float64 unless said otherwise.
class Builder {
 public:
  Graph graph;

  /// Names of what is added from here on begin with `scope`, which must be different each time.
  void begin(std::string scope);
  [[nodiscard]] const std::string& scope() const { return scope_; }

  /// Adds a node with one output; returns the output.
  std::string node(std::string op, std::vector<std::string> inputs, std::vector<Attribute> attributes = {});
  /// Adds a Scan whose last `scanned` inputs have a slice for each step, the others being states; returns what the body
  /// gives at all steps.
  std::string scan(std::vector<std::string> inputs, std::size_t scanned, std::vector<Attribute> attributes);
  /// Adds a node whose output has the name of an output of the graph.
  void output_node(std::string op, std::vector<std::string> inputs, std::string output,
                   std::vector<Attribute> attributes = {});

  /// Adds a constant of the shape `dims`. T is double, int64 or int32; the values must fit `type`.
  template <class T>
  std::string constant(Type type, const std::vector<T>& values, std::vector<std::int64_t> dims);
  /// A scalar for one value, else a row.
  template <class T>
  std::string constant(Type type, const std::vector<T>& values);

  std::string cast(const std::string& x, Type type);
  /// floor(a / b) of int64, b > 0. (Div alone rounds towards 0.)
  std::string floor_divide(const std::string& a, const std::string& b);
  /// v >> k of int64 |v| < 2^62, from `lifted` = v + 2^62 >= 0, `shift` = k as uint64, and `offset` = 2^(62-k).
  std::string shift_right(const std::string& lifted, const std::string& shift, const std::string& offset);
  /// Clamp to one interval; x and the result are of `type`.
  std::string clamp(const std::string& x, std::int64_t lo, std::int64_t hi, Type type);
  /// Clamp of float64 to one interval, or one per column.
  std::string clamp(const std::string& x, std::span<const std::int32_t> lo, std::span<const std::int32_t> hi);
  /// rescale(x, factor) of |x| <= magnitude, float64 where fits_double(), or int64; one factor or one per column.
  std::string rescale(const std::string& x, std::span<const FixedPoint> factors, Type type, std::int64_t magnitude);
  /// rescale(x, factor) of codes |x| <= magnitude, over int64 where float64 is not enough.
  std::string rescale_codes(const std::string& x, std::span<const FixedPoint> factors, std::int64_t magnitude);

 private:
  std::string name(const std::string& what);
  std::string rescale_reals(const std::string& x, std::span<const FixedPoint> factors);

  std::string scope_;
  std::size_t next_ = 0;
};

/// What shift_right() is lifted by.
inline constexpr int lift_bits = 62;
inline constexpr std::int64_t lift = std::int64_t{1} << lift_bits;

/// Whether |x m| + 2^(k-1) < 2^bits for each factor and |x| <= magnitude.
[[nodiscard]] bool fits(std::span<const FixedPoint> factors, std::int64_t magnitude, int bits);

/// Whether float64 rescales each |x| <= magnitude exactly, because x m 2^-k + 1/2 is not rounded.
[[nodiscard]] inline bool fits_double(std::span<const FixedPoint> factors, std::int64_t magnitude) {
  return fits(factors, magnitude, 53);
}

}  // namespace bitstate::program::onnx
