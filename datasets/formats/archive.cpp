#include "datasets/formats/archive.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/io/sha256.h"

#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t block_bytes = std::size_t{1} << 16;
constexpr std::size_t max_ratio = 1032;  // what gzip can do at most; xz and bzip2 can more, but only of bombs

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

using Archive = std::unique_ptr<archive, int (*)(archive*)>;

Archive new_archive(const fs::path& path) {
  Archive archive(archive_read_new(), archive_read_free);
  require(archive != nullptr, path.string(), "libarchive cannot start");
  return archive;
}

gzFile opened(const fs::path& path) {
  require_regular(path);
  return gzopen(path.c_str(), "rb");
}

/// The bytes of a file without its compression. zlib unpacks gzip, because libarchive does not look at its checksum.
class Unpacked {
 public:
  Unpacked(const fs::path& path, std::size_t max_bytes)
      : file_(opened(path), gzclose), archive_(new_archive(path)), max_bytes_(max_bytes), rest_(max_bytes) {
    require(file_ != nullptr, path.string(), "cannot be opened");
    archive_read_support_filter_xz(archive_.get());
    archive_read_support_filter_bzip2(archive_.get());
    archive_read_support_format_raw(archive_.get());
    archive_entry* all = nullptr;
    const bool opened = archive_read_open(archive_.get(), this, nullptr, without_gzip, nullptr) == ARCHIVE_OK &&
                        archive_read_next_header(archive_.get(), &all) == ARCHIVE_OK;
    if (!opened) refuse(path, archive_.get(), "");
  }

  /// For libarchive: the next bytes; 0 at the end, ARCHIVE_FATAL where they are damaged or too many.
  static la_ssize_t read(archive* reader, void* self, const void** bytes) {
    auto& unpacked = *static_cast<Unpacked*>(self);
    *bytes = unpacked.out_.data();
    const la_ssize_t count = archive_read_data(unpacked.archive_.get(), unpacked.out_.data(), block_bytes);
    if (count < 0) {
      archive_copy_error(reader, unpacked.archive_.get());
      return ARCHIVE_FATAL;
    }
    if (static_cast<std::size_t>(count) > unpacked.rest_) {
      archive_set_error(reader, EFBIG, "it holds more than %zu bytes", unpacked.max_bytes_);
      return ARCHIVE_FATAL;
    }
    unpacked.rest_ -= static_cast<std::size_t>(count);
    return count;
  }

  [[noreturn]] static void refuse(const fs::path& path, archive* archive, const std::string& member) {
    const char* const reason = archive_error_string(archive);
    fail(path.string(), "{}the archive is damaged or of an unknown kind ({})", member.empty() ? "" : member + ": ",
         reason != nullptr ? reason : "no reason given");
  }

 private:
  static la_ssize_t without_gzip(archive* reader, void* self, const void** bytes) {
    auto& in = static_cast<Unpacked*>(self)->in_;
    const gzFile file = static_cast<Unpacked*>(self)->file_.get();
    *bytes = in.data();
    const int count = gzread(file, in.data(), static_cast<unsigned>(in.size()));
    // at the end gzread misses a cut where it has just filled its buffer; gzgets asks the stream whether it has ended
    if (count == 0) gzgets(file, in.data(), 2);
    int error = Z_OK;
    const char* const reason = gzerror(file, &error);
    if (count > 0 || (count == 0 && error == Z_OK)) return count;
    archive_set_error(reader, EINVAL, "%s", reason);
    return ARCHIVE_FATAL;
  }

  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
  Archive archive_;
  std::size_t max_bytes_;
  std::size_t rest_;  // of max_bytes_
  std::array<char, block_bytes> in_, out_;
};

/// A tar archive that is being read.
class Reader {
 public:
  Reader(const fs::path& path, std::size_t max_bytes)
      : path_(path), unpacked_(path, max_bytes), tar_(new_archive(path)) {
    archive_read_support_format_tar(tar_.get());
    if (archive_read_open(tar_.get(), &unpacked_, nullptr, Unpacked::read, nullptr) != ARCHIVE_OK) refuse("");
  }

  /// The next member's header; null at the end of the file, where the checksums of its compression are.
  archive_entry* next() {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(tar_.get(), &entry);
    if (status == ARCHIVE_OK) return entry;
    if (status != ARCHIVE_EOF) refuse("");
    const void* padding = nullptr;
    la_ssize_t count = 0;
    while ((count = Unpacked::read(tar_.get(), &unpacked_, &padding)) > 0) {
    }
    if (count < 0) refuse("");
    return nullptr;
  }

  /// Up to `size` bytes of the current member; 0 at its end.
  std::size_t read(const std::string& member, char* out, std::size_t size) {
    const la_ssize_t count = archive_read_data(tar_.get(), out, size);
    if (count < 0) refuse(member);
    return static_cast<std::size_t>(count);
  }

 private:
  [[noreturn]] void refuse(const std::string& member) const { Unpacked::refuse(path_, tar_.get(), member); }

  const fs::path& path_;
  Unpacked unpacked_;
  Archive tar_;
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

/// Reads the member's content; `budget` is what members may still have (sparse ones have more than the file).
std::string content_of(Reader& reader, const std::string& name, bool keep, const fs::path& path,
                       const ArchiveLimits& limits, std::size_t& budget) {
  std::string content;
  std::array<char, block_bytes> block;
  while (const std::size_t count = reader.read(name, block.data(), block.size())) {
    require(count <= budget, path.string(), "{}: the archive holds more bytes than are allowed", name);
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
  std::error_code ignored;
  const std::uintmax_t size = fs::file_size(path, ignored);
  std::size_t budget = limits.total_bytes;
  if (!ignored && size < budget / max_ratio) budget = max_ratio * size;
  Reader reader(path, budget);
  std::size_t entries = 0;
  while (archive_entry* const entry = reader.next()) {
    require(++entries <= limits.entries, path.string(), "holds more than {} members", limits.entries);
    const std::string name = checked_name(path, entry);
    const auto type = archive_entry_filetype(entry);
    const bool keep = wanted(name) && type != AE_IFDIR;
    const bool regular = type == AE_IFREG && archive_entry_hardlink(entry) == nullptr;
    require(!keep || regular, path.string(), "{} is a link or a device, not a file", name);
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
