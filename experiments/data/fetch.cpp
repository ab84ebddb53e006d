#include "experiments/data/fetch.h"

#include "core/error.h"
#include "core/io/sha256.h"
#include "experiments/data/partial_file.h"
#include "experiments/host/console.h"
#include "experiments/host/signals.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <system_error>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using datasets::OfficialFile;

/// What is to be done after a request.
enum class Outcome { whole, stopped, again };

/// One request for a file or the rest of it. Callbacks of libcurl must not throw: they leave a sentence in failure_.
class Request {
 public:
  Request(const OfficialFile& file, std::string url, PartialFile& part, const FetchLimits& limits, const Say& say)
      : file_(file),
        url_(std::move(url)),
        part_(part),
        limits_(limits),
        say_(say),
        curl_(curl_easy_init()),
        start_(part.size()),
        begun_at_(Clock::now()) {
    require(curl_ != nullptr, url_, "libcurl cannot start");
  }

  Outcome perform();

 private:
  struct Cleanup {
    void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };

  template <class T>
  void set(CURLoption option, T value) {
    require(curl_easy_setopt(curl_.get(), option, value) == CURLE_OK, url_, "libcurl refuses option {}",
            static_cast<int>(option));
  }

  void set_up();
  void set_range();
  [[nodiscard]] std::string header(const char* name) const;
  [[nodiscard]] std::string version() const;
  void begin();
  void begin_range();
  void check_size(std::uint64_t size) const;
  void take(const char* bytes, std::size_t size);
  void show(std::uint64_t arrived, std::uint64_t expected);

  static std::size_t on_bytes(char* bytes, std::size_t size, std::size_t count, void* request) noexcept;
  static int on_progress(void* request, curl_off_t expected, curl_off_t arrived, curl_off_t, curl_off_t) noexcept;

  const OfficialFile& file_;
  std::string url_;
  PartialFile& part_;
  const FetchLimits& limits_;
  const Say& say_;
  std::unique_ptr<CURL, Cleanup> curl_;
  std::unique_ptr<curl_slist, Cleanup> headers_;
  std::array<char, CURL_ERROR_SIZE> curl_text_{};
  std::uint64_t start_;  // bytes that were there before
  Clock::time_point begun_at_;
  Clock::time_point shown_at_{};
  bool begun_ = false;  // the response has been looked at
  Outcome outcome_ = Outcome::whole;
  std::string failure_;
};

void Request::set_up() {
  const bool secure = url_.starts_with("https:");
  set(CURLOPT_URL, url_.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
  set(CURLOPT_FOLLOWLOCATION, 1L);
  set(CURLOPT_MAXREDIRS, 10L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_USERAGENT, "bitstate/" BITSTATE_VERSION);
  set(CURLOPT_CONNECTTIMEOUT, limits_.connect_seconds);
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, limits_.stall_seconds);
  set(CURLOPT_ERRORBUFFER, curl_text_.data());
  set(CURLOPT_WRITEFUNCTION, &Request::on_bytes);
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &Request::on_progress);
  set(CURLOPT_XFERINFODATA, static_cast<void*>(this));
  if (start_ > 0) set_range();
}

void Request::set_range() {
  set(CURLOPT_RANGE, fmt::format("{}-", start_).c_str());
  headers_.reset(curl_slist_append(nullptr, fmt::format("If-Range: {}", part_.version()).c_str()));
  set(CURLOPT_HTTPHEADER, headers_.get());
}

/// A header of the last response, or "".
std::string Request::header(const char* name) const {
  curl_header* found = nullptr;
  const bool there = curl_easy_header(curl_.get(), name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK;
  return there ? found->value : std::string();
}

/// What tells the version of the file: its strong ETag, else its date.
std::string Request::version() const {
  const std::string tag = header("ETag");
  return tag.starts_with('"') ? tag : header("Last-Modified");
}

void Request::check_size(std::uint64_t size) const {
  require(file_.bytes == 0 || size == file_.bytes, url_, "it has {} bytes, but the official {} has {}", size,
          file_.name, file_.bytes);
  require(size <= limits_.max_bytes, url_, "it has {} bytes, more than the {} that are fetched at most", size,
          limits_.max_bytes);
}

/// Looks at the response before its first byte is taken.
void Request::begin() {
  begun_ = true;
  long status = 0;
  curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_off_t length = -1;
  curl_easy_getinfo(curl_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  if (start_ > 0 && status == 416) {  // the range lies behind the end: nothing is missing, or it is another file
    const bool complete = header("Content-Range") == fmt::format("bytes */{}", start_);
    outcome_ = complete ? Outcome::whole : Outcome::again;
    return;
  }
  require(status == 200 || (status == 206 && start_ > 0), url_, "the server answers {}", status);
  if (status == 206) return begin_range();
  if (length >= 0) check_size(static_cast<std::uint64_t>(length));
  part_.restart(version());  // the whole file comes: it has changed, the server knows no ranges, or nothing was there
  start_ = 0;
}

/// Looks at a response that claims to be the rest of the file.
void Request::begin_range() {
  const std::string range = header("Content-Range");
  const std::string said = header(part_.version().starts_with('"') ? "ETag" : "Last-Modified");
  const bool same = said.empty() || said == part_.version();
  if (!same || !range.starts_with(fmt::format("bytes {}-", start_))) outcome_ = Outcome::again;
}

void Request::take(const char* bytes, std::size_t size) {
  if (!begun_) begin();
  long status = 0;
  curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
  if (outcome_ != Outcome::whole || status == 416) return;
  const std::uint64_t most = file_.bytes > 0 ? file_.bytes : limits_.max_bytes;
  require(size <= most - std::min(most, part_.size()), url_, "it has more than {} bytes", most);
  part_.append(bytes, size);
}

std::size_t Request::on_bytes(char* bytes, std::size_t size, std::size_t count, void* request) noexcept {
  auto& self = *static_cast<Request*>(request);
  try {
    self.take(bytes, size * count);
    return self.outcome_ == Outcome::whole ? size * count : CURL_WRITEFUNC_ERROR;
  } catch (const std::exception& error) {
    self.failure_ = error.what();
    return CURL_WRITEFUNC_ERROR;
  }
}

int Request::on_progress(void* request, curl_off_t expected, curl_off_t arrived, curl_off_t, curl_off_t) noexcept {
  auto& self = *static_cast<Request*>(request);
  if (StopSignals::requested()) {
    self.outcome_ = Outcome::stopped;
    return 1;
  }
  try {
    self.show(static_cast<std::uint64_t>(arrived), static_cast<std::uint64_t>(expected));
  } catch (const std::exception& error) {
    self.failure_ = error.what();
    return 1;
  }
  return 0;
}

/// Says ten times per second how far it is: bytes of this request that have arrived, bytes that are expected (0:
/// unknown).
void Request::show(std::uint64_t arrived, std::uint64_t expected) {
  const auto now = Clock::now();
  if (arrived == 0 || now - shown_at_ < std::chrono::milliseconds(100)) return;
  shown_at_ = now;
  const double rate = static_cast<double>(arrived) / std::chrono::duration<double>(now - begun_at_).count();
  std::string total;
  std::string left;
  if (expected >= arrived) {
    total = fmt::format(" of {:.1f}", static_cast<double>(start_ + expected) / 1e6);
    left = fmt::format("  {} left", duration_text(static_cast<double>(expected - arrived) / rate));
  }
  say_(fmt::format("{}  {:.1f}{} MB  {:.1f} MB/s{}", file_.name, static_cast<double>(start_ + arrived) / 1e6, total,
                   rate / 1e6, left),
       true);
}

Outcome Request::perform() {
  set_up();
  const CURLcode code = curl_easy_perform(curl_.get());
  if (code == CURLE_OK && !begun_) begin();  // an empty body
  if (!failure_.empty()) throw Error(failure_);
  if (outcome_ != Outcome::whole || code == CURLE_OK) return outcome_;
  const std::string kept = part_.size() == 0 || part_.version().empty()
                               ? ""
                               : fmt::format("; {} bytes are kept, and the same command continues", part_.size());
  require(code != CURLE_UNSUPPORTED_PROTOCOL, url_, "it leads to an address that is not {}, which is refused{}",
          url_.starts_with("https:") ? "https" : "http or https", kept);
  fail(url_, "{}{}", curl_text_[0] != '\0' ? curl_text_.data() : curl_easy_strerror(code), kept);
}

/// Refuses a whole file that is not the official one, and drops it.
void verify(const OfficialFile& file, const std::string& url, PartialFile& part) {
  std::string wrong;
  if (part.size() == 0) {
    wrong = "the file is empty";
  } else if (file.bytes != 0 && part.size() != file.bytes) {
    wrong = fmt::format("{} bytes arrived, the official {} has {}", part.size(), file.name, file.bytes);
  } else if (!file.sha256.empty()) {
    const std::string found = sha256_file(part.part());
    if (found != file.sha256) wrong = fmt::format("sha256 {} is not the official {}", found, file.sha256);
  }
  if (wrong.empty()) return;
  part.restart("");
  fail(url, "{}; nothing of it was kept", wrong);
}

std::string checked_mirror(std::string_view mirror) {
  const bool web = mirror.starts_with("https://") || mirror.starts_with("http://");
  require<UsageError>(web && mirror.find_first_of("?# ") == mirror.npos, "mirror",
                      "expected an address that begins with https:// or http://, got \"{}\" (a folder needs no "
                      "fetching: name it with --data)",
                      mirror);
  while (mirror.ends_with('/')) mirror.remove_suffix(1);
  return std::string(mirror);
}

}  // namespace

bool fetch_file(const OfficialFile& file, const std::string& url, const fs::path& folder, const FetchLimits& limits,
                const Say& say) {
  PartialFile part(folder / file.name);
  if (file.bytes > 0 && part.size() > file.bytes) part.restart("");
  if (file.bytes == 0 || part.size() < file.bytes) {
    Outcome outcome = Request(file, url, part, limits, say).perform();
    if (outcome == Outcome::again) {
      part.restart("");
      outcome = Request(file, url, part, limits, say).perform();
    }
    if (outcome == Outcome::stopped) return false;
  }
  verify(file, url, part);
  const std::uint64_t size = part.size();
  part.publish();
  say(fmt::format("{}: {} bytes, {}", (folder / file.name).string(), size,
                  file.sha256.empty() ? "no published checksum" : "sha256 as published"),
      false);
  return true;
}

bool fetch(std::string_view name, const fs::path& data, std::string_view mirror, const Say& say) {
  const datasets::Source& source = datasets::source_of(name);
  const std::string base = mirror.empty() ? std::string() : checked_mirror(mirror);
  std::error_code error;
  const fs::path folder = fs::is_directory(data / source.name, error) ? data / source.name : data;
  fs::create_directories(folder, error);
  require(!error, folder.string(), "cannot be created: {}", error.message());
  const StopSignals signals;
  for (const OfficialFile& file : source.files) {
    const auto there = datasets::check_file(file, folder);
    if (there.front().verdict != "missing") {
      for (const auto& checked : there) {
        const std::string path = (folder / checked.file).string();
        require(checked.ok, path, "{}; move it away, and the official file is fetched", checked.verdict);
        say(fmt::format("{}: is there already, {}", path, checked.verdict), false);
      }
      continue;
    }
    const std::string url = base.empty() ? std::string(file.url) : fmt::format("{}/{}", base, file.name);
    if (!fetch_file(file, url, folder, FetchLimits{}, say)) return false;
  }
  if (!source.unpack.empty()) say(fmt::format("in {}: {}", folder.string(), source.unpack), false);
  return true;
}

}  // namespace bitstate::experiments
