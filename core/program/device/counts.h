// Instructions by kind of function, fitted to exact counts under QEMU (docs/results/device.md).
#pragma once

#include "core/program/device/device.h"

namespace bitstate::program {

extern const StepCounts cortex_m3_counts, cortex_m4_counts, cortex_m55_counts, rv32im_counts;

}  // namespace bitstate::program
