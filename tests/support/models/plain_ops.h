// The operations of docs/numerics.md, sections 3 to 6, on codes, in plain int64 loops. Part of the integer reference
// (integer_reference.h).
#pragma once

#include "autograd/tape.h"
#include "tests/support/models/plain_numbers.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace bitstate::tests {

/// The functions that are tables on codes.
enum class Function { gelu, qgelu, sigmoid, hard_sigmoid };
std::string_view name_of(Function function);

/// Operations with one error planted or none. All throw FloatOperation where the page computes in float. Rows are the
/// steps of all sequences with their padding, one sequence after the other.
class PlainOps {
 public:
  explicit PlainOps(Mutation mutation) : mutation_(mutation) {}

  /// Rounds floats, or rescales codes.
  [[nodiscard]] Plain quantize(const Plain& x, const Quantizer& site) const;
  [[nodiscard]] Plain linear(const Plain& x, const Plain& weight, const Plain& bias) const;
  /// b has as many rows as a, or one.
  [[nodiscard]] Plain product(const Plain& a, const Plain& b) const;
  /// b has as many rows as a, or is one row of constants.
  [[nodiscard]] Plain sum(const Plain& a, const Plain& b) const;
  /// The function and the quantizer after it: a table over all codes.
  Plain table(const Plain& x, Function function, const Quantizer& site);
  [[nodiscard]] Plain layer_norm(const Plain& x, const Plain& factor, const Plain& offset) const;
  [[nodiscard]] Plain batch_norm(const Plain& x, const Plain& factor, const Plain& offset, const Tensor& mean,
                                 const Tensor& variance) const;
  [[nodiscard]] Plain mean_pool(const Plain& x, const Sequences& sequences) const;
  [[nodiscard]] Plain last(const Plain& x, const Sequences& sequences) const;
  [[nodiscard]] Plain concatenate(const Plain& a, const Plain& b) const;
  [[nodiscard]] Plain embedding(std::span<const std::int32_t> ids, const Plain& table) const;
  [[nodiscard]] Plain scan(const Plain& lambda, const Plain& bu, const Sequences& sequences, bool forward,
                           const Quantizer& site) const;
  /// `lambda`: the first rows of the matrices of form=shear, `shears` the same in other words.
  [[nodiscard]] Plain scan_shear(const Plain& lambda, const std::vector<PlainShear>& shears, const Plain& bu,
                                 const Sequences& sequences, bool forward, const Quantizer& site) const;

 private:
  [[nodiscard]] std::int64_t rescale(std::int64_t a, PlainRatio ratio) const {
    return plain_rescale(a, ratio, mutation_);
  }

  /// Codes for the states of a scan, and the factors of its input.
  [[nodiscard]] static Plain states_of(std::string_view op, const Plain& lambda, const Plain& bu, const Quantizer& site,
                                       std::vector<PlainRatio>& input);

  Mutation mutation_;
  bool planted_ = false;  // the wrong entry of a table
};

}  // namespace bitstate::tests
