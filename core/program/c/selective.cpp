// The instructions of selective models (docs/numerics.md, section 10) in C.
#include "core/error.h"
#include "core/program/c/functions.h"

namespace bitstate::program {

std::string CFunctions::compute(const RmsNorm&, std::size_t) { fail("c", "an RMS norm cannot be written as C yet"); }

std::string CFunctions::compute(const Conv&, std::size_t) { fail("c", "a convolution cannot be written as C yet"); }

std::string CFunctions::compute(const SelectiveScan&, std::size_t) {
  fail("c", "a selective scan cannot be written as C yet");
}

}  // namespace bitstate::program
