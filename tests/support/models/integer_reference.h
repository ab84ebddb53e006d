// The integer program of a whole S5 model as plain int64 loops, written only from docs/numerics.md: what the model's
// forward must compute, code for code. Only the discretised matrices and the readout, which that page takes as given
// float32 arrays, come from the project's ops.
#pragma once

#include "models/s5/models.h"
#include "tests/support/models/plain_numbers.h"

#include <cstddef>
#include <string>
#include <vector>

namespace bitstate::tests {

/// One node of the computation: the codes that the op, or the quantizer, gives.
struct PlainRecord {
  std::string name;  ///< the site; of an op without one its name
  Plain result;
  bool constant = false;  ///< of a weight or bias
};

/// Everything that has codes, in the order of computation, the logits or outputs last.
struct PlainTrace {
  std::vector<PlainRecord> records;
  std::string float_at;  ///< the op or site that is computed in float and ended the trace; empty: there is none

  [[nodiscard]] bool is_integer() const { return float_at.empty(); }
  [[nodiscard]] const Plain& output() const { return records.back().result; }
};

/// `batch` may hold padding. Sites must have their names (take_inventory). Norms are those of an evaluation.
PlainTrace integer_reference(const S5Classifier& model, const Batch& batch, Mutation mutation = Mutation::none);
PlainTrace integer_reference(const S5Regressor& model, const Batch& batch, Mutation mutation = Mutation::none);

}  // namespace bitstate::tests
