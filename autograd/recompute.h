// A part of a model that leaves nothing but its result on the tape where memory is short: backward() computes the rest
// again.
#pragma once

#include "autograd/tape.h"

namespace bitstate::ops {

/// What recomputed() calls, and what it captured, in the arena.
struct Recomputation {
  const void* captured;
  Value (*forward)(const void* captured, Tape& tape, Value x);
};

Value recompute(Tape& tape, Value x, const Recomputation& part);

/// forward(tape, x), a function of x and of parameters: a part of the model (Tape::parts()). What is behind the part
/// reads nothing else of what is before its end, but for constants: a pass may begin there, and may have given back
/// what was before. Where Pass::results_only says so, codes or real numbers of the result are all that is kept, and
/// backward() calls `forward` once more: with the same numbers, bit for bit, and without counting again what the
/// quantizers see. `forward` is plain data, and what it points to lives until backward() has ended. Throws Error when
/// it reads another value of the tape than x, or when its result is a function of codes that nobody has rounded yet.
template <class Forward>
Value recomputed(Tape& tape, Value x, const Forward& forward) {
  const auto run = [&] {
    if (!tape.pass().results_only) return forward(tape, x);
    return recompute(tape, x, {tape.keep(forward), [](const void* captured, Tape& on, Value in) {
                                 return (*static_cast<const Forward*>(captured))(on, in);
                               }});
  };
  const Value result = run();
  tape.end_part(x, result);
  return result;
}

}  // namespace bitstate::ops
