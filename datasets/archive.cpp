#include "datasets/archive.h"

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/sha256.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

using Wanted = std::function<bool(std::string_view)>;

/// The wanted files below `folder`, sorted by name.
std::vector<std::string> files_below(const fs::path& folder, const Wanted& wanted, std::size_t max_entries) {
  std::vector<std::string> names;
  std::error_code error;
  std::size_t entries = 0;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    require(++entries <= max_entries, folder.string(), "holds more than {} files", max_entries);
    std::string name = entry->path().lexically_relative(folder).generic_string();
    if (entry->is_regular_file(error) && wanted(name)) names.push_back(std::move(name));
  }
  require(!error, folder.string(), "cannot be listed: {}", error.message());
  std::sort(names.begin(), names.end());
  return names;
}

/// An archive that is being read.
class Reader {
 public:
  explicit Reader(const fs::path& path) : path_(path), archive_(archive_read_new(), archive_read_free) {
    require(archive_ != nullptr, path.string(), "libarchive cannot start");
    archive_read_support_filter_gzip(archive_.get());
    archive_read_support_filter_xz(archive_.get());
    archive_read_support_filter_bzip2(archive_.get());
    archive_read_support_format_tar(archive_.get());
    constexpr std::size_t block = 1U << 16U;
    if (archive_read_open_filename(archive_.get(), path.c_str(), block) != ARCHIVE_OK) refuse("");
  }

  /// The next member's header; null at the end.
  archive_entry* next() {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(archive_.get(), &entry);
    if (status == ARCHIVE_EOF) return nullptr;
    if (status != ARCHIVE_OK) refuse("");
    return entry;
  }

  /// Up to `size` bytes of the current member; 0 at its end.
  std::size_t read(const std::string& member, char* out, std::size_t size) {
    const la_ssize_t count = archive_read_data(archive_.get(), out, size);
    if (count < 0) refuse(member);
    return static_cast<std::size_t>(count);
  }

 private:
  [[noreturn]] void refuse(const std::string& member) const {
    const char* const reason = archive_error_string(archive_.get());
    fail(path_.string(), "{}the archive is damaged or of an unknown kind ({})", member.empty() ? "" : member + ": ",
         reason != nullptr ? reason : "no reason given");
  }

  const fs::path& path_;
  std::unique_ptr<archive, int (*)(archive*)> archive_;
};

/// The member's name without a leading "./"; throws for names that leave the archive.
std::string checked_name(const fs::path& path, archive_entry* entry) {
  const char* const given = archive_entry_pathname(entry);
  require(given != nullptr, path.string(), "a member has no readable name");
  const fs::path name = fs::path(given).lexically_normal();
  const bool leaves = name.is_absolute() || std::find(name.begin(), name.end(), fs::path("..")) != name.end();
  require(!leaves, path.string(), "member {} leads out of the archive", given);
  return name.generic_string();
}

/// Reads the member's content; `budget` is what the archive may still hold.
std::string content_of(Reader& reader, const std::string& name, bool keep, const fs::path& path,
                       const ArchiveLimits& limits, std::size_t& budget) {
  std::string content;
  std::array<char, 1U << 16U> block;
  while (const std::size_t count = reader.read(name, block.data(), block.size())) {
    require(count <= budget, path.string(), "{}: the archive holds more than {} bytes", name, limits.total_bytes);
    budget -= count;
    if (!keep) continue;
    require(content.size() + count <= limits.file_bytes, path.string(), "{} is longer than {} bytes", name,
            limits.file_bytes);
    content.append(block.data(), count);
  }
  return content;
}

void for_each_member(const fs::path& path, const Wanted& wanted,
                     const std::function<void(std::string_view, std::string)>& read, const ArchiveLimits& limits) {
  Reader reader(path);
  std::size_t budget = limits.total_bytes;
  std::size_t entries = 0;
  while (archive_entry* const entry = reader.next()) {
    require(++entries <= limits.entries, path.string(), "holds more than {} members", limits.entries);
    const std::string name = checked_name(path, entry);
    const bool regular = archive_entry_filetype(entry) == AE_IFREG && archive_entry_hardlink(entry) == nullptr;
    const bool keep = wanted(name);
    if (keep && archive_entry_filetype(entry) == AE_IFDIR) continue;
    require(!keep || regular, path.string(), "{} is a link or a device, not a file", name);
    if (!regular) continue;
    std::string content = content_of(reader, name, keep, path, limits, budget);
    if (keep) read(name, std::move(content));
  }
  require(entries > 0, path.string(), "is an empty archive");
}

}  // namespace

void for_each_file(const fs::path& source, const Wanted& wanted,
                   const std::function<void(std::string_view, std::string)>& read, const ArchiveLimits& limits) {
  if (!fs::is_directory(source)) return for_each_member(source, wanted, read, limits);
  for (const std::string& name : files_below(source, wanted, limits.entries)) {
    read(name, read_file(source / name, limits.file_bytes));
  }
}

std::string source_digest(const fs::path& source, const Wanted& wanted) {
  if (!fs::is_directory(source)) return sha256_file(source);
  Sha256 hash;
  for_each_file(source, wanted, [&](std::string_view name, const std::string& content) {
    const std::string head = std::string(name) + '\0' + std::to_string(content.size()) + '\0';
    hash.update(head.data(), head.size());
    hash.update(content.data(), content.size());
  });
  return hash.hex();
}

}  // namespace bitstate::datasets
