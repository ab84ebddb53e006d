#include "experiments/run_folder/text_files.h"

#include "core/error.h"
#include "core/io/atomic_file.h"

#include <cstddef>
#include <system_error>

namespace bitstate::experiments {

std::string read_text(const std::filesystem::path& path) {
  constexpr std::size_t max_bytes = std::size_t{1} << 26;
  std::error_code ignored;
  require<UsageError>(std::filesystem::exists(path, ignored) && !std::filesystem::is_directory(path, ignored),
                      path.string(), "cannot be read");
  return read_file(path, max_bytes);
}

Settings read_ini(const std::filesystem::path& path) { return parse_ini(read_text(path), path.string()); }

}  // namespace bitstate::experiments
