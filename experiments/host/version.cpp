#include "experiments/host/version.h"

#include "generated/commit.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <string_view>

namespace bitstate::experiments {

std::string program_version() {
  constexpr std::string_view commit = BITSTATE_COMMIT;
  return commit.empty() ? BITSTATE_VERSION : fmt::format("{}, commit {}", BITSTATE_VERSION, commit);
}

std::string date_of_today() {
  return fmt::format("{:%Y-%m-%d}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
}

}  // namespace bitstate::experiments
