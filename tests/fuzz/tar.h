// Tar archives that a forger has finished.
#pragma once

#include "tests/support/archives.h"

#include <string>

namespace bitstate::fuzz {

/// With the checksum that is right in the header of every member, as far as their sizes lead from one to the next.
std::string tar_forge(std::string tar);

}  // namespace bitstate::fuzz
