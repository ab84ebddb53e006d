#include "datasets/generated.h"

#include "core/atomic_file.h"
#include "core/error.h"

#include <algorithm>
#include <deque>
#include <fstream>
#include <system_error>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_options_bytes = 4096;

}  // namespace

bool already_generated(const fs::path& out, std::string_view options, const GeneratedParts& parts) {
  std::error_code error;
  fs::create_directories(out, error);
  require(!error, out.string(), "the folder cannot be created: {}", error.message());
  const auto exists = [&](const GeneratedPart& part) { return fs::exists(out / part.file, error); };
  const fs::path record = out / "options.txt";
  if (!fs::exists(record, error)) {
    const auto* const foreign = std::find_if(parts.begin(), parts.end(), exists);
    require<UsageError>(foreign == parts.end(), out.string(),
                        "{} is there without options.txt, so it was not made here; name an empty folder",
                        foreign == parts.end() ? "" : foreign->file);
    write_file_atomically(record, options);
    return false;
  }
  require<UsageError>(read_file(record, max_options_bytes) == options, record.string(),
                      "the folder belongs to data of other options than these; name another folder:\n{}", options);
  return std::all_of(parts.begin(), parts.end(), exists);
}

void write_parts(const fs::path& out, const GeneratedParts& parts, std::string_view header,
                 const std::function<std::vector<std::string>()>& next_batch, const Progress& progress) {
  std::size_t total = 0;
  for (const GeneratedPart& part : parts) total += part.examples;
  std::size_t done = 0;
  std::vector<std::string> batch;
  std::size_t used = 0;  // of the batch
  std::deque<AtomicFile> targets;
  for (const GeneratedPart& part : parts) {
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
  for (AtomicFile& target : targets) target.commit();
  if (progress) progress(done, total);
}

}  // namespace bitstate::datasets
