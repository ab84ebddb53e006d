#include "datasets/formats/lines.h"

#include "core/error.h"

#include <fmt/core.h>

#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t chunk_bytes = std::size_t{1} << 18;

}  // namespace

LineReader::LineReader(fs::path path, std::size_t max_line_bytes)
    : path_(std::move(path)), max_line_bytes_(max_line_bytes), file_(path_, std::ios::binary) {
  require(file_.is_open(), path_.string(), "cannot be opened");
}

bool LineReader::next() {
  ++number_;
  std::size_t searched = begin_;
  std::size_t end = 0;
  while ((end = buffer_.find('\n', searched)) == std::string::npos) {
    require(buffer_.size() - begin_ <= max_line_bytes_, where(), "is longer than {} bytes, the most that are read",
            max_line_bytes_);
    searched = buffer_.size() - begin_;  // fill() moves the unfinished line to the front
    if (fill()) continue;
    require(buffer_.empty(), where(),
            "the file ends within this line: it is truncated (if it is not, append a line end)");
    return false;
  }
  line_ = std::string_view(buffer_).substr(begin_, end - begin_);
  begin_ = end + 1;
  require(line_.size() <= max_line_bytes_, where(), "is longer than {} bytes, the most that are read", max_line_bytes_);
  if (line_.ends_with('\r')) line_.remove_suffix(1);
  return true;
}

std::string LineReader::where() const { return fmt::format("{}, line {}", path_.string(), number_); }

LiveLines::LiveLines(int descriptor, std::string name, std::size_t max_line_bytes)
    : descriptor_(descriptor), name_(std::move(name)), max_line_bytes_(max_line_bytes) {}

bool LiveLines::next() {
  ++number_;
  buffer_.erase(0, std::exchange(end_, 0));
  begin_ = 0;
  std::size_t searched = 0;
  for (;;) {
    const std::size_t line_end = buffer_.find('\n', searched);
    const std::size_t size = line_end == std::string::npos ? buffer_.size() : line_end + 1;
    require(size <= max_line_bytes_, name_, "line {} is longer than {} bytes, the most that are read", number_,
            max_line_bytes_);
    if (line_end != std::string::npos) {
      end_ = size;
      return true;
    }
    searched = buffer_.size();
    buffer_.resize(searched + chunk_bytes);
    ssize_t count = -1;
    do {
      count = ::read(descriptor_, buffer_.data() + searched, chunk_bytes);
    } while (count < 0 && errno == EINTR);
    require(count >= 0, name_, "cannot be read: {}", std::generic_category().message(errno));
    buffer_.resize(searched + static_cast<std::size_t>(count));
    if (count > 0) continue;
    end_ = buffer_.size();
    return end_ > 0;
  }
}

/// Reads more behind what is not shown yet; false at the end of the file.
bool LineReader::fill() {
  buffer_.erase(0, std::exchange(begin_, 0));
  const std::size_t old_size = buffer_.size();
  buffer_.resize(old_size + chunk_bytes);
  file_.read(buffer_.data() + old_size, static_cast<std::streamsize>(chunk_bytes));
  buffer_.resize(old_size + static_cast<std::size_t>(file_.gcount()));
  require(!file_.bad(), path_.string(), "cannot be read");
  return buffer_.size() > old_size;
}

}  // namespace bitstate::datasets
