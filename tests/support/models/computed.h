// A node with all its numbers, however the tape keeps them.
#pragma once

#include "autograd/tape.h"

#include <cstdint>
#include <vector>

namespace bitstate::tests {

struct Computed : Node {
  std::vector<float> value;         ///< [rows, cols]
  std::vector<std::int32_t> codes;  ///< [rows, cols]; empty without codes
};

inline Computed computed(Tape& tape, Value v) {
  Computed all{tape[v], {}, {}};
  const float* const real = tape.value(v);
  all.value.assign(real, real + all.size());
  if (all.has_codes()) all.codes = tape.codes32(v);
  return all;
}

inline Computed computed(Tape& tape, const Node& node) { return computed(tape, tape.handle(node)); }

}  // namespace bitstate::tests
