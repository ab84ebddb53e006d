// Which bitstate this is.
#pragma once

#include <string>

namespace bitstate::experiments {

/// "0.1.0, commit 0123456789ab", with "-dirty" behind the commit where the sources were others; without a commit where
/// they were not in a repository.
std::string program_version();

/// "2026-11-28", in UTC.
std::string date_of_today();

}  // namespace bitstate::experiments
