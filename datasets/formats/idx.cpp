#include "datasets/formats/idx.h"

#include "core/error.h"
#include "core/io/atomic_file.h"

#include <fmt/ranges.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

namespace bitstate::datasets {
namespace {

// deflate codes at most 258 bytes in 2 bits; a longer output cannot come from so few bytes
constexpr std::size_t max_gzip_ratio = 1032;

/// The content of a file, uncompressed piece by piece as it is asked for.
class IdxSource {
 public:
  IdxSource(const std::filesystem::path& path, std::size_t max_bytes) : path_(path), file_(read_file(path, max_bytes)) {
    compressed_ = file_.size() >= 2 && file_[0] == '\x1f' && file_[1] == '\x8b';
    if (!compressed_) return;
    // 16 + 15: a gzip wrapper, whose CRC and length zlib verifies
    if (inflateInit2(&stream_, 16 + MAX_WBITS) != Z_OK) refuse("zlib cannot start");
    started_ = true;
    stream_.next_in = reinterpret_cast<Bytef*>(file_.data());
    stream_.avail_in = checked_size(file_.size());
  }
  ~IdxSource() {
    if (started_) inflateEnd(&stream_);
  }
  IdxSource(const IdxSource&) = delete;
  IdxSource& operator=(const IdxSource&) = delete;

  /// Fills `out` completely or throws.
  void read(std::uint8_t* out, std::size_t size) {
    const std::size_t count = compressed_ ? inflate_some(out, size) : copy_some(out, size);
    offset_ += count;
    if (count < size) refuse("the file ends here, {} bytes early", size - count);
  }

  /// Throws unless `size` more bytes can be there, so that room for them may be allocated.
  void expect(std::size_t size) const {
    if (compressed_) {
      if (size / max_gzip_ratio > file_.size()) {
        refuse("the header claims {} more bytes, which {} compressed bytes cannot hold", size, file_.size());
      }
    } else if (size != file_.size() - offset_) {
      refuse("the header claims {} more bytes, but the file has {}", size, file_.size() - offset_);
    }
  }

  /// Throws unless the content ends here (and, if compressed, has the checksum it claims).
  void expect_end() {
    std::uint8_t extra = 0;
    const std::size_t count = compressed_ ? inflate_some(&extra, 1) : copy_some(&extra, 1);
    if (count != 0) refuse("more bytes follow than the header claims");
    if (compressed_ && stream_.avail_in != 0) refuse("{} bytes follow the compressed content", stream_.avail_in);
  }

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> reason, Args&&... args) const {
    fail(path_.string(), "offset {}: {}", offset_, fmt::format(reason, std::forward<Args>(args)...));
  }

 private:
  std::size_t copy_some(std::uint8_t* out, std::size_t size) {
    const std::size_t count = std::min(size, file_.size() - offset_);
    if (count > 0) std::memcpy(out, file_.data() + offset_, count);
    return count;
  }

  /// Up to `size` bytes; fewer only at the end of the content, whose checksum has then been verified.
  std::size_t inflate_some(std::uint8_t* out, std::size_t size) {
    if (finished_) return 0;
    stream_.next_out = out;
    stream_.avail_out = checked_size(size);
    const int status = inflate(&stream_, Z_SYNC_FLUSH);
    const std::size_t count = size - stream_.avail_out;
    finished_ = status == Z_STREAM_END;
    if (finished_ || (status == Z_OK && count == size)) return count;
    if (status == Z_OK || status == Z_BUF_ERROR) {
      refuse("the compressed content is truncated after {} bytes of the file", file_.size());
    }
    refuse("the compressed content is damaged ({})", stream_.msg != nullptr ? stream_.msg : zError(status));
  }

  uInt checked_size(std::size_t size) const {
    if (size > std::numeric_limits<uInt>::max()) refuse("{} bytes at once are too many", size);
    return static_cast<uInt>(size);
  }

  const std::filesystem::path& path_;
  std::string file_;
  z_stream stream_{};
  std::size_t offset_ = 0;  // in the uncompressed content
  bool compressed_ = false;
  bool started_ = false;
  bool finished_ = false;
};

}  // namespace

Idx read_idx(const std::filesystem::path& path, std::size_t rank, std::size_t max_bytes) {
  IdxSource source(path, max_bytes);
  std::array<std::uint8_t, 4> word{};
  source.read(word.data(), word.size());
  if (word[0] != 0 || word[1] != 0) source.refuse("this is not an idx file (it does not begin with two zero bytes)");
  if (word[2] != 8) source.refuse("element type 0x{:02x} is not supported; only 0x08 (unsigned byte) is", word[2]);
  if (word[3] != rank) source.refuse("the array has {} dimensions, not {}", word[3], rank);

  Idx array;
  std::size_t count = 1;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    source.read(word.data(), word.size());
    const std::size_t size =
        std::size_t{word[0]} << 24U | std::size_t{word[1]} << 16U | std::size_t{word[2]} << 8U | std::size_t{word[3]};
    array.shape.push_back(size);
    if (size == 0) source.refuse("dimension {} has size 0", axis);
    if (size > max_bytes / count) {
      source.refuse("the shape [{}...] exceeds the limit of {} bytes", fmt::join(array.shape, ", "), max_bytes);
    }
    count *= size;
  }
  source.expect(count);
  array.values.resize(count);
  source.read(array.values.data(), count);
  source.expect_end();
  return array;
}

}  // namespace bitstate::datasets
