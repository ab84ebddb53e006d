#include "datasets/generators/generated.h"

#include "core/error.h"
#include "core/io/atomic_file.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <deque>
#include <fstream>
#include <sstream>
#include <system_error>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_options_bytes = 4096;
constexpr std::string_view record_name = "options.txt";

/// The lines of `theirs` that are not in `ours`.
std::string differing(const std::string& theirs, std::string_view ours) {
  const std::string others = fmt::format("\n{}", ours);
  std::istringstream lines(theirs);
  lines.exceptions(std::ios::badbit);  // else an allocation that fails looks like the end
  std::vector<std::string> found;
  for (std::string line; std::getline(lines, line);) {
    if (others.find(fmt::format("\n{}\n", line)) == others.npos) found.push_back(line);
  }
  return found.empty() ? "some are missing" : fmt::format("{}", fmt::join(found, ", "));
}

}  // namespace

bool already_generated(const fs::path& out, std::string_view options, const GeneratedParts& parts) {
  std::error_code error;
  fs::create_directories(out, error);
  require(!error, out.string(), "the folder cannot be created: {}", error.message());
  const auto exists = [&](const GeneratedPart& part) { return fs::exists(out / part.file, error); };
  const auto* const part = std::find_if(parts.begin(), parts.end(), exists);
  if (part == parts.end()) return false;
  const fs::path record = out / record_name;
  require<UsageError>(fs::exists(record, error), out.string(),
                      "{} is there without {}, so it was not made here; name an empty folder", part->file, record_name);
  const std::string theirs = read_file(record, max_options_bytes);
  require<UsageError>(theirs == options, record.string(),
                      "the folder belongs to data of other options ({}); choose these or name another folder",
                      differing(theirs, options));
  return std::all_of(parts.begin(), parts.end(), exists);
}

void write_parts(const fs::path& out, std::string_view options, const GeneratedParts& parts, std::string_view header,
                 const std::function<std::vector<std::string>()>& next_batch, const Progress& progress) {
  std::size_t total = 0;
  for (const GeneratedPart& part : parts) total += part.examples;
  std::size_t done = 0;
  std::vector<std::string> batch;
  std::size_t used = 0;  // of the batch
  std::deque<AtomicFile> targets;
  for (const GeneratedPart& part : parts) {
    remove_stale_temporaries(out / part.file);
    AtomicFile& target = targets.emplace_back(out / part.file);
    std::ofstream file(target.temporary(), std::ios::binary);
    file << header;
    for (std::size_t i = 0; i < part.examples; ++i) {
      while (used == batch.size()) {
        if (progress) progress(done, total);
        batch = next_batch();
        used = 0;
      }
      file << batch[used++];
      ++done;
    }
    file.close();
    require(file.good(), target.path().string(), "cannot be written");
  }
  write_file_atomically(out / record_name, options);  // first: parts without it are of unknown origin
  for (AtomicFile& target : targets) target.commit();
  if (progress) progress(done, total);
}

}  // namespace bitstate::datasets
