// What machine this is.
#pragma once

#include <string>

namespace bitstate::experiments {

/// The processor's name as /proc/cpuinfo gives it; "unknown" where it gives none.
std::string cpu_model();

}  // namespace bitstate::experiments
