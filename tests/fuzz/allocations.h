// Memory that runs out: one chosen allocation of C++ code fails, as if there were no more.
#pragma once

#include <cstddef>

namespace bitstate::fuzz {

/// From here on allocation `number` (from 1) of operator new throws std::bad_alloc; 0: none does.
void fail_allocation(std::size_t number);

/// How many allocations there were since; none fails any more.
std::size_t count_allocations();

}  // namespace bitstate::fuzz
