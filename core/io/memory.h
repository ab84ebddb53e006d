// Address space of which there is only so much (ulimit -v): libraries that do not survive its end are not called then.
#pragma once

#include <cstddef>

namespace bitstate {

/// Whether the process may have so much address space only.
[[nodiscard]] bool memory_is_limited();

/// Whether as many bytes could be had now, in one piece.
[[nodiscard]] bool has_room_for(std::size_t bytes);

}  // namespace bitstate
