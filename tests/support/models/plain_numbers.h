// Scalars and constants of docs/numerics.md in plain loops: the rounding, grids and quantizers, the weights' ranges and
// the forms of the state matrix. Written from that page alone, with nothing of core/ and autograd/ but the structs that
// describe a quantizer. Part of the integer reference (integer_reference.h).
#pragma once

#include "autograd/quantizer.h"
#include "core/quant_spec.h"
#include "core/tensor.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::tests {

/// One error planted in the reference, to see that comparing with it finds errors.
enum class Mutation {
  none,
  rescale_half_down,  ///< rounds half down
  rescale_shift,      ///< shifts by one bit too many
  table_entry,        ///< the first entry that a table is asked for is off by one
  saturation,         ///< quantizers saturate one code too early
  norm_fraction,      ///< F of LayerNorm is one too small
  norm_epsilon,       ///< BatchNorm's epsilon in LayerNorm
  pool_rounding,      ///< the mean is rounded down
  state_rounding,     ///< the state is rounded down
  no_residue,         ///< rounding=feedback forgets the residue
  bias_rounding       ///< the bias' code is rounded down
};

/// A value: codes with a scale where it has them, and the floats of a constant (docs/numerics.md, section 1).
struct Plain {
  enum class Layout { tensor, column, row };
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<std::int64_t> codes;  ///< empty: none
  std::vector<float> scale;         ///< one, one per column or one per row
  Layout layout = Layout::tensor;
  std::int64_t bound = 0;
  std::vector<float> value;  ///< of constants: the shadow, or what was given

  [[nodiscard]] bool has_codes() const { return !codes.empty(); }
  [[nodiscard]] bool has_one_scale() const { return has_codes() && layout == Layout::tensor; }
  [[nodiscard]] std::int64_t code(std::size_t r, std::size_t c) const { return codes[r * cols + c]; }
  [[nodiscard]] float scale_of(std::size_t r, std::size_t c) const {
    return scale[layout == Layout::tensor ? 0 : layout == Layout::column ? c : r];
  }
};

/// An operation that docs/numerics.md computes in float: where the codes end.
struct FloatOperation {
  std::string name;  ///< of the op, or the site of a quantizer
};

/// Throws FloatOperation where the page computes in float.
inline void require_codes(bool codes, std::string_view op) {
  if (!codes) throw FloatOperation{std::string(op)};
}

/// The integer m and the k of section 3: M is about m 2^-k.
struct PlainRatio {
  std::int64_t m = 0;
  int k = 1;
};
PlainRatio plain_ratio(double real);

__extension__ using Wide = __int128;
Wide floor_division(Wide a, Wide b);
/// floor((a m + 2^(k-1)) / 2^k).
std::int64_t plain_rescale(std::int64_t a, PlainRatio ratio, Mutation mutation);

/// The grid of section 2 of the values -low to high.
struct PlainGrid {
  float scale = 1.0F;
  std::int64_t lo = 0;
  std::int64_t hi = 0;
  [[nodiscard]] std::int64_t bound() const { return hi > -lo ? hi : -lo; }
};
PlainGrid plain_grid(const QuantSpec& spec, float high, float low);
/// The grid of channel c of an activation or a state.
PlainGrid plain_grid(const Quantizer& site, std::size_t c);

[[nodiscard]] bool is_sign(const QuantSpec& spec);  ///< one bit, symmetric: codes are signs
std::int64_t plain_clamp(std::int64_t code, const PlainGrid& grid, Mutation mutation);
/// The code of a float.
std::int64_t plain_code(float x, const QuantSpec& spec, const PlainGrid& grid, Mutation mutation);
/// R(real) as an integer, or rounded down. Throws FloatOperation where it leaves +-2^62.
std::int64_t plain_round(double real, bool down, std::string_view op);

/// A weight or bias under its quantizer; only floats where that has no bits.
Plain plain_constant(const Quantizer& site, const Tensor& values, Mutation mutation);
/// The numbers of form=shear: g, 2^15 a and 2^15 epsilon of each state.
struct PlainShear {
  std::int64_t g, a, e;
  [[nodiscard]] double p() const;  ///< of T
  [[nodiscard]] double q() const;
};
std::vector<PlainShear> plain_shear(const QuantSpec& spec, const Tensor& values, bool conj_sym);

/// Lambda_bar [1, 2P] in the form of its row.
Plain plain_lambda(const Quantizer& site, const Tensor& values, bool conj_sym, Mutation mutation);

}  // namespace bitstate::tests
