// Writes the nodes and constants of one ONNX graph, and the arithmetic of docs/numerics.md in them.
#pragma once

#include "core/fixed_point.h"
#include "core/program/onnx_proto.h"

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

  /// Adds a node with one output; returns the output.
  std::string node(std::string op, std::vector<std::string> inputs, std::vector<Attribute> attributes = {});
  /// Adds a Scan of one or two states and one input; returns the states of all steps.
  std::string scan(std::vector<std::string> inputs, std::vector<Attribute> attributes);
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
  /// floor(a / b) of int64, b > 0. (Div alone rounds towards 0, and BitShift knows no sign.)
  std::string floor_divide(const std::string& a, const std::string& b);
  /// Clamp to one interval, or one a column; x and the result are of `type`.
  std::string clamp(const std::string& x, std::span<const std::int32_t> lo, std::span<const std::int32_t> hi,
                    Type type = Type::float64);
  /// rescale(x, factor) of float64 when each fits_double(), or of int64; one factor or one a column.
  std::string rescale(const std::string& x, std::span<const FixedPoint> factors, Type type);
  /// rescale(x, factor) of codes |x| <= magnitude, over int64 where float64 is not enough.
  std::string rescale_codes(const std::string& x, std::span<const FixedPoint> factors, std::int64_t magnitude);

 private:
  std::string name(const std::string& what);

  std::string scope_;
  std::size_t next_ = 0;
};

/// Whether float64 rescales each |x| <= magnitude exactly: |x m| + 2^(k-1) < 2^53, so that x m 2^-k + 1/2 is not
/// rounded.
[[nodiscard]] bool fits_double(std::span<const FixedPoint> factors, std::int64_t magnitude);

}  // namespace bitstate::program::onnx
