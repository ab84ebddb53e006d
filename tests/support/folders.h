// Where tests find the files they read.
#pragma once

#include <filesystem>

namespace bitstate::tests {

/// The root of the repository.
std::filesystem::path source_folder();

/// $BITSTATE_FIXTURES, or else tests/fixtures of the repository: the golden values that tests compare with.
std::filesystem::path fixture_folder();

/// $BITSTATE_SHARED, or else the folder `shared` next to the repository. It may not exist.
std::filesystem::path shared_folder();

}  // namespace bitstate::tests
