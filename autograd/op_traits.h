// What an op says of itself, beside what it computes.
#pragma once

#include <cstddef>
#include <string_view>

namespace bitstate {

/// What an op says of itself to whoever explains a tape, such as `bitstate inspect`.
struct OpTraits {
  bool weighted = false;     ///< the second input is a weight, whose site says best where the op is
  bool accumulates = false;  ///< an element is a sum of products, or one product: Node::bound is that of an accumulator
  bool any_scales = false;   ///< computes on codes whatever scales and bounds its inputs have
  bool light = false;        ///< its codes need so little time that they are computed again rather than kept
  bool rounds = false;       ///< rounds its result at a site of its own, without which it has no codes
  bool reads_operands = true;       ///< backward reads numbers or codes of its operands
  bool reads_result = true;         ///< backward reads its own numbers or codes
  std::string_view why_float = {};  ///< why it is float though every site has the bits it needs; empty: it depends
};

/// A function of one number and its derivative, on arrays of `n`.
struct Elementwise {
  void (*map)(std::size_t n, const float* x, float* y);
  void (*slope)(std::size_t n, const float* x, float* derivative);
};

}  // namespace bitstate
