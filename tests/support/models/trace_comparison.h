// A model's tape against the integer reference, code for code.
#pragma once

#include "autograd/tape.h"
#include "tests/support/models/integer_reference.h"

#include <cstddef>
#include <string>

namespace bitstate::tests {

struct Comparison {
  std::size_t nodes = 0;        ///< compared
  std::string difference = {};  ///< the first one: where, expected, found; empty: none
};

/// Compares every record of the trace with the tape's node: sizes, scales, bounds and codes (of true steps); then the
/// tape must have no more nodes with codes, and its first operation in float must be that of the trace.
Comparison compare(const PlainTrace& expected, Tape& tape, const Batch& batch);

}  // namespace bitstate::tests
