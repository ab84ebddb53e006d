// The recurrence x_l = A x_{l-1} + b_l as the tree of jax.lax.associative_scan, with the operands of every complex
// product rounded (Q-S5). The quantized operator is not associative, so the tree is part of what is computed:
//   (A_i, b_i) . (A_j, b_j) = (q(A_j) q(A_i), q(A_j) q(b_i) + b_j)
// Level k of a sequence of n has n >> k elements; its element m stands in row (m + 1) 2^k - 1, in the order of the
// scan. Going up, level k + 1 is the product of the pairs (2m, 2m + 1) of level k; going down, the result of element 2m
// is the product of the result of 2m - 1 and element 2m. All A of a level are equal, and the A of the results are not
// needed. Arrays are planar, [.., 2 P]: P real parts, then P imaginary parts. Both have a scale of their own in every
// row.
#pragma once

#include "autograd/kernels/scan.h"
#include "core/quant_spec.h"

#include <cstddef>

namespace bitstate::kernels {

/// The levels below the root: floor(log2(length)); 0 for lengths 0 and 1.
std::size_t scan_tree_levels(std::size_t length);

/// The rounded A of each level, [levels, 2 P]: q(lambda), q(q(lambda)^2), ...
void scan_tree_powers(std::size_t levels, std::size_t states, const QuantSpec& a, const float* lambda, float* powers);

/// b in `x` becomes the states, in place. `operands` [2, length, 2 P], or [2 P] unless `keep`, gets the rounded second
/// operands. Returns whether all states are finite.
bool scan_tree(const ScanShape& shape, const float* powers, const QuantSpec& state, float* x, float* operands,
               bool keep);

/// How the gradients of the products are rounded before they flow to the operands.
struct TreeGradients {
  QuantSpec a;      ///< of A_j A_i
  QuantSpec state;  ///< of A_j b_i
};

/// Arrays of scan_tree_adjoint.
struct TreeAdjoint {
  float* b;        ///< the gradient of the states, which becomes that of b, in place
  float* a;        ///< gets that of the A of each step [length, 2 P], in the order of the scan, zero at first; or null
  float* scratch;  ///< scan_tree_scratch() numbers
};

/// Of sequences of up to `length` steps, with a width of 2 P.
[[nodiscard]] inline std::size_t scan_tree_scratch(std::size_t length, std::size_t width) {
  return (3 + 2 * scan_tree_levels(length)) * width;
}

/// The gradients of scan_tree, straight-through at the rounded operands, which are rounded again as `rounding` says.
void scan_tree_adjoint(const ScanShape& shape, const float* powers, const TreeGradients& rounding,
                       const float* operands, const TreeAdjoint& gradients);

}  // namespace bitstate::kernels
