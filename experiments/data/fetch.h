// Downloads of the official data files: continued where they were cut, verified, and there only when whole.
#pragma once

#include "datasets/catalog.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace bitstate::experiments {

/// Hears what happens: a line that stays, or (transient) the progress, which the next text replaces.
using Say = std::function<void(std::string_view text, bool transient)>;

struct FetchLimits {
  std::uint64_t max_bytes = 64'000'000'000;  ///< of a file whose size is not known
  long connect_seconds = 30;
  long stall_seconds = 60;  ///< so long may less than a byte per second arrive
};

/// Downloads the official files of `name` (datasets::source_of) into the data folder `data`, which is made if need be,
/// or into its subfolder of the source's name if that is there. `mirror`, if not empty, replaces the part of each
/// address before the file's name. Files that are there and right are left alone,
/// those that are there and wrong are an Error. SIGINT, SIGTERM and SIGUSR1 end it: it returns false, and the next call
/// continues. Throws UsageError for a name without files and a mirror that is no http or https address.
bool fetch(std::string_view name, const std::filesystem::path& data, std::string_view mirror, const Say& say);

/// Downloads one file from `url` (http or https) into `folder`; false if StopSignals::requested(). What arrives goes to
/// NAME.part, which a later call continues if the server says that the file is the same (If-Range with its ETag or
/// date), and drops otherwise. A whole file gets its name only with the official size and SHA-256; with others nothing
/// is kept, for no continuation could mend it. Redirects are followed, but not from https to http; proxies are those of
/// the environment (http_proxy, https_proxy, no_proxy). Throws Error: a sentence with the address or the file.
bool fetch_file(const datasets::OfficialFile& file, const std::string& url, const std::filesystem::path& folder,
                const FetchLimits& limits, const Say& say);

}  // namespace bitstate::experiments
