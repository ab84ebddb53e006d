// What machine this is.
#pragma once

#include <cstdint>
#include <string>

namespace bitstate::experiments {

/// The processor's name as /proc/cpuinfo gives it; "unknown" where it gives none.
std::string cpu_model();

/// Bytes of memory that this process has at the moment; 0 where the system does not say.
std::uint64_t resident_bytes();

/// Bytes of memory that the machine could still give; 0 where the system does not say.
std::uint64_t available_bytes();

}  // namespace bitstate::experiments
