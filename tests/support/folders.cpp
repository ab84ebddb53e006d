#include "tests/support/folders.h"

#include <cstdlib>

namespace bitstate::tests {

std::filesystem::path source_folder() { return BITSTATE_SOURCE_DIR; }

std::filesystem::path fixture_folder() {
  if (const char* const folder = std::getenv("BITSTATE_FIXTURES")) return folder;
  return source_folder() / "tests" / "fixtures";
}

std::filesystem::path shared_folder() {
  if (const char* const folder = std::getenv("BITSTATE_SHARED")) return folder;
  return source_folder().parent_path() / "shared";
}

}  // namespace bitstate::tests
