#include "tests/support/archives.h"

#include <archive.h>
#include <archive_entry.h>

#include <memory>
#include <stdexcept>

namespace bitstate::tests {
namespace {

using Writer = std::unique_ptr<archive, int (*)(archive*)>;

la_ssize_t append(archive* /*unused*/, void* bytes, const void* block, std::size_t size) {
  static_cast<std::string*>(bytes)->append(static_cast<const char*>(block), size);
  return static_cast<la_ssize_t>(size);
}

/// What `out` makes of the members.
std::string written(const Writer& out, const std::vector<Member>& members) {
  std::string bytes;
  archive_write_set_bytes_in_last_block(out.get(), 1);
  if (archive_write_open(out.get(), &bytes, nullptr, append, nullptr) != ARCHIVE_OK) {
    throw std::runtime_error(archive_error_string(out.get()));
  }
  for (const Member& member : members) {
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(), archive_entry_free);
    archive_entry_set_pathname(entry.get(), member.name.c_str());
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_filetype(entry.get(), member.kind == 'l' ? AE_IFLNK : AE_IFREG);
    if (member.kind == 'l') archive_entry_set_symlink(entry.get(), member.content.c_str());
    if (member.kind == 'h') archive_entry_set_hardlink(entry.get(), member.content.c_str());
    archive_entry_set_size(entry.get(), member.kind == 'f' ? static_cast<la_int64_t>(member.content.size()) : 0);
    if (archive_write_header(out.get(), entry.get()) != ARCHIVE_OK) {
      throw std::runtime_error(archive_error_string(out.get()));
    }
    if (member.kind == 'f') archive_write_data(out.get(), member.content.data(), member.content.size());
  }
  archive_write_close(out.get());
  return bytes;
}

}  // namespace

std::string tar_of(const std::vector<Member>& members, std::string_view filter) {
  const Writer out(archive_write_new(), archive_write_free);
  archive_write_set_format_ustar(out.get());
  if (!filter.empty()) archive_write_add_filter_by_name(out.get(), std::string(filter).c_str());
  return written(out, members);
}

std::string zip_of(const std::vector<Member>& members, bool deflated) {
  const Writer out(archive_write_new(), archive_write_free);
  archive_write_set_format_zip(out.get());
  (deflated ? archive_write_zip_set_compression_deflate : archive_write_zip_set_compression_store)(out.get());
  return written(out, members);
}

}  // namespace bitstate::tests
