#include "experiments/data/fetch.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/io/sha256.h"
#include "experiments/commands/commands.h"
#include "experiments/data/partial_file.h"
#include "experiments/host/signals.h"
#include "tests/support/environment.h"
#include "tests/support/http_server.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace bitstate;
using namespace bitstate::experiments;
using datasets::OfficialFile;
using tests::contains;
using tests::Environment;
using tests::error_of;
using tests::HttpReply;
using tests::HttpRequest;
using tests::HttpServer;
using tests::TempFolder;

namespace {

/// Bytes in which no two places look alike.
std::string content_of(std::size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  unsigned state = seed;
  for (char& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24U);
  }
  return bytes;
}

const std::string good = content_of(300'000, 1);
constexpr std::size_t half = 150'000;

std::string reply(const std::string& status, const std::string& headers, const std::string& body) {
  return fmt::format("HTTP/1.1 {}\r\nConnection: close\r\n{}\r\n{}", status, headers, body);
}

/// A server of one file.
struct MirrorSite {
  std::string content = good;
  std::string version = "ETag: \"v1\"\r\n";  // header lines
  bool ranges = true;                        // understands Range
  bool checks_version = true;                // understands If-Range
  std::ptrdiff_t shift = 0;                  // the rest that it sends begins so many bytes behind the one asked for
  std::optional<std::size_t> cut;            // so many bytes of the body, then the connection ends
  bool hold = false;                         // ... or rather: nothing comes any more
  std::function<void()> after{};

  HttpReply operator()(const HttpRequest& request) const {
    std::string status = "200 OK";
    std::string headers = version;
    std::string body = content;
    const auto range = request.headers.find("range");
    const auto condition = request.headers.find("if-range");
    const bool same = condition != request.headers.end() && contains(version, condition->second);
    if (ranges && range != request.headers.end() && (same || !checks_version)) {
      const std::size_t first = std::stoul(range->second.substr(6)) + static_cast<std::size_t>(shift);  // bytes=N-
      if (first >= content.size()) {
        return {reply("416 Range Not Satisfiable", fmt::format("Content-Range: bytes */{}\r\n", content.size()), ""),
                false,
                {}};
      }
      status = "206 Partial Content";
      headers += fmt::format("Content-Range: bytes {}-{}/{}\r\n", first, content.size() - 1, content.size());
      body = content.substr(first);
    }
    headers += fmt::format("Content-Length: {}\r\n", body.size());
    return {reply(status, headers, body.substr(0, cut.value_or(body.size()))), hold, after};
  }
};

/// A folder, a server and the file that is fetched from it.
struct Fixture {
  MirrorSite site{};
  TempFolder folder{};
  HttpServer server{[this](const HttpRequest& request) { return site(request); }};
  std::string sum = sha256_hex(good);
  OfficialFile file{"data.bin", "", good.size(), sum, "", {}};
  FetchLimits limits{};
  std::vector<std::string> said{};
  Environment direct{"no_proxy", "127.0.0.1"};

  bool fetch_from(const std::string& url) {
    const StopSignals signals;
    return fetch_file(file, url, folder.path(), limits, [&](std::string_view text, bool transient) {
      if (!transient) said.emplace_back(text);
    });
  }
  bool fetch() { return fetch_from(server.url("/data.bin")); }
  std::string error() {
    return error_of<Error>([&] { (void)fetch(); });
  }
  /// Lets a first call end after half of the file.
  void fetch_half() {
    site.cut = half;
    REQUIRE(contains(error(), "150000 bytes are kept, and the same command continues"));
    site.cut.reset();
  }
  [[nodiscard]] std::string header(const char* name) const {
    const auto asked = server.requests();
    const auto found = asked.back().headers.find(name);
    return found == asked.back().headers.end() ? "" : found->second;
  }
  [[nodiscard]] bool is_whole() const {
    return folder.entries() == 1 && read_file(folder / "data.bin", good.size()) == good;
  }
};

}  // namespace

TEST_CASE("fetch: a file arrives whole, under its name alone") {
  Fixture f;
  CHECK(f.fetch());
  CHECK(f.is_whole());
  CHECK(f.header("range").empty());
  REQUIRE(f.said.size() == 1);
  CHECK(contains(f.said[0], "data.bin: 300000 bytes, sha256 as published"));
}

TEST_CASE("fetch: what a cut connection left is continued, by tag or by date") {
  for (const std::string version : {"\"v1\"", "Wed, 11 Apr 2018 19:41:55 GMT"}) {
    Fixture f;
    f.site.version = fmt::format("{}: {}\r\n", version[0] == '"' ? "ETag" : "Last-Modified", version);
    f.fetch_half();
    CHECK(read_file(f.folder / "data.bin.part", half) == good.substr(0, half));
    CHECK(f.fetch());
    CHECK(f.is_whole());
    CHECK(f.header("range") == "bytes=150000-");
    CHECK(f.header("if-range") == version);
  }
}

TEST_CASE("fetch: bytes of a file that has changed, or that has no version, are not continued") {
  for (const bool checks_version : {true, false}) {
    Fixture f;
    f.site.content = content_of(good.size(), 2);
    f.fetch_half();
    f.site.content = good;
    f.site.version = "ETag: \"v2\"\r\n";
    f.site.checks_version = checks_version;
    CHECK(f.fetch());
    CHECK(f.is_whole());
    CHECK(f.server.requests().size() == (checks_version ? 2 : 3));
  }
  for (const std::string version : {"", "ETag: W/\"v1\"\r\n"}) {
    Fixture f;
    f.site.version = version;
    f.site.cut = half;
    const std::string message = f.error();
    CHECK(contains(message, "bytes remaining"));
    CHECK_FALSE(contains(message, "kept"));
    CHECK(f.folder.entries() == 0);
  }
}

TEST_CASE("fetch: the rest from another place than the one asked for is not appended: the file comes anew") {
  for (const std::ptrdiff_t shift : {-150'000, -1, 1, 1'000}) {
    CAPTURE(shift);
    Fixture f;
    f.fetch_half();
    f.site.shift = shift;
    f.file.bytes = 0;  // neither size nor checksum would tell
    f.file.sha256 = "";
    CHECK(f.fetch());
    CHECK(f.is_whole());
    CHECK(f.header("range").empty());
    CHECK(f.server.requests().size() == 3);
  }
}

TEST_CASE("fetch: a server without ranges sends the file anew") {
  Fixture f;
  f.fetch_half();
  f.site.ranges = false;
  CHECK(f.fetch());
  CHECK(f.is_whole());
  CHECK(f.header("range") == "bytes=150000-");
}

TEST_CASE("fetch: a wrong checksum or size is an error and leaves nothing that could be continued") {
  Fixture f;
  f.site.content[half] = static_cast<char>(f.site.content[half] + 1);
  CHECK(contains(f.error(), fmt::format("sha256 {} is not the official {}", sha256_hex(f.site.content), f.sum)));
  CHECK(contains(f.error(), "nothing of it was kept"));
  CHECK(f.folder.entries() == 0);
  f.site.content = good + "x";
  CHECK(contains(f.error(), "it has 300001 bytes, but the official data.bin has 300000"));
  f.site.content = "";
  CHECK(contains(f.error(), "it has 0 bytes"));
  f.file.bytes = 0;
  CHECK(contains(f.error(), "the file is empty"));
  CHECK(f.folder.entries() == 0);
}

TEST_CASE("fetch: a body without a length is limited by the official size, and by the most that is fetched") {
  Fixture f;
  const TempFolder other;
  HttpServer endless([&](const HttpRequest&) {
    return HttpReply{reply("200 OK", "ETag: \"v1\"\r\n", good + good), false, {}};
  });
  CHECK(contains(error_of<Error>([&] { f.fetch_from(endless.url("/data.bin")); }), "more than 300000 bytes"));
  f.file.bytes = 0;
  f.limits.max_bytes = 200'000;
  CHECK(contains(error_of<Error>([&] { f.fetch_from(endless.url("/data.bin")); }), "more than 200000 bytes"));
  CHECK(std::filesystem::file_size(f.folder / "data.bin.part") <= 200'000);
  std::filesystem::remove(f.folder / "data.bin.part");
  CHECK(contains(f.error(), "300000 bytes, more than the 200000 that are fetched at most"));
}

TEST_CASE("fetch: a part that is complete is verified, not fetched again; one that is too long is dropped") {
  Fixture f;
  f.fetch_half();
  tests::write_quickly(f.folder / "data.bin.part", good);
  CHECK(f.fetch());
  CHECK(f.is_whole());
  CHECK(f.server.requests().size() == 1);

  // without a known size the server has to say that nothing is missing
  for (const bool changed : {false, true}) {
    Fixture g;
    g.fetch_half();
    tests::write_quickly(g.folder / "data.bin.part", changed ? good + "x" : good);
    g.file.bytes = 0;
    CHECK(g.fetch());
    CHECK(g.is_whole());
    CHECK(g.server.requests().size() == (changed ? 3 : 2));
  }
  Fixture h;
  h.fetch_half();
  tests::write_quickly(h.folder / "data.bin.part", good + "x");
  CHECK(h.fetch());
  CHECK(h.is_whole());
  CHECK(h.header("range").empty());
}

TEST_CASE("fetch: errors of the server are one sentence with the address and touch nothing that is there") {
  Fixture f;
  f.fetch_half();
  HttpServer broken([&](const HttpRequest& request) {
    if (request.target == "/loop") return HttpReply{reply("302 Found", "Location: /loop\r\n", ""), false, {}};
    const std::string page(100'000, 'x');
    return HttpReply{reply(request.target.substr(1) + " No", "Content-Length: 100000\r\n", page), false, {}};
  });
  for (const std::string status : {"404", "403", "503", "204"}) {
    const std::string url = broken.url("/" + status);
    const std::string message = error_of<Error>([&] { f.fetch_from(url); });
    CHECK(contains(message, fmt::format("[{}] the server answers {}", url, status)));
    CHECK_FALSE(contains(message, "\n"));
  }
  CHECK(contains(error_of<Error>([&] { f.fetch_from(broken.url("/loop")); }), "Maximum (10) redirects"));
  CHECK(
      contains(error_of<Error>([&] { f.fetch_from("http://127.0.0.1:1/data.bin"); }), "[http://127.0.0.1:1/data.bin]"));
  CHECK(contains(error_of<Error>([&] { f.fetch_from("file:///etc/passwd"); }), "not http or https"));
  CHECK(read_file(f.folder / "data.bin.part", half) == good.substr(0, half));
  CHECK(f.fetch());
  CHECK(f.is_whole());
}

TEST_CASE("fetch: redirects are followed") {
  Fixture f;
  HttpServer front([&](const HttpRequest&) {
    return HttpReply{
        reply("302 Found", fmt::format("Location: {}\r\n", f.server.url("/data.bin")), "moved"), false, {}};
  });
  f.site.cut = half;
  CHECK(contains(error_of<Error>([&] { f.fetch_from(front.url("/x")); }), "kept"));
  f.site.cut.reset();
  CHECK(f.fetch_from(front.url("/x")));
  CHECK(f.is_whole());
  CHECK(f.header("range") == "bytes=150000-");
  HttpServer away([&](const HttpRequest&) {
    return HttpReply{reply("302 Found", "Location: ftp://127.0.0.1/data.bin\r\n", ""), false, {}};
  });
  CHECK(contains(error_of<Error>([&] { f.fetch_from(away.url("/x")); }), "an address that is not http or https"));
}

// libcurl averages over five seconds
TEST_CASE("long: fetch: a server that says nothing any more is left after the time for stalls") {
  Fixture f;
  f.site.cut = half;
  f.site.hold = true;
  f.limits.stall_seconds = 1;
  const std::string message = f.error();
  CHECK(contains(message, "too slow"));
  CHECK(contains(message, "150000 bytes are kept"));
}

TEST_CASE("fetch: a signal ends it, and the next call continues") {
  Fixture f;
  f.site.cut = half;
  f.site.hold = true;
  f.site.after = [] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    ::kill(::getpid(), SIGTERM);
  };
  CHECK_FALSE(f.fetch());
  CHECK(read_file(f.folder / "data.bin.part", half) == good.substr(0, half));
  f.site = MirrorSite{};
  CHECK(f.fetch());
  CHECK(f.is_whole());
  CHECK(f.header("range") == "bytes=150000-");
}

TEST_CASE("fetch: the proxy of the environment is used") {
  Fixture f;
  const Environment none("no_proxy", std::nullopt);
  const Environment none_either("NO_PROXY", std::nullopt);
  const Environment proxy("http_proxy", f.server.url(""));
  CHECK(f.fetch_from("http://data.example/folder/data.bin"));
  CHECK(f.is_whole());
  CHECK(f.server.requests().back().target == "http://data.example/folder/data.bin");
}

TEST_CASE("fetch: a full disk is one sentence, and what was written remains") {
  Fixture f;
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{half, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string message = f.error();
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, ignored);
  CHECK(contains(message, "data.bin.part] cannot be written after 150000 bytes: File too large; they are kept"));
  CHECK(f.fetch());
  CHECK(f.is_whole());
  CHECK(f.header("range") == "bytes=150000-");
}

TEST_CASE("fetch: two downloads of one file do not mix") {
  Fixture f;
  const PartialFile other(f.folder / "data.bin");
  CHECK(contains(f.error(), "data.bin.part] another download of it is running"));
}

TEST_CASE("fetch: a damaged version file only costs the bytes that are there") {
  for (const std::string& damaged : {std::string(), std::string("\"v1\"\r\nX: y"), std::string(2'000, 'v')}) {
    Fixture f;
    f.fetch_half();
    tests::write_quickly(f.folder / "data.bin.part.version", damaged);
    CHECK(f.fetch());
    CHECK(f.is_whole());
    CHECK(f.header("range").empty());
  }
}

TEST_CASE("fetch: a data set's files come from the mirror, and right ones that are there are left alone") {
  const Environment direct("no_proxy", "127.0.0.1");
  const TempFolder folder;
  HttpServer server([](const HttpRequest&) { return HttpReply{reply("200 OK", "", "an archive"), false, {}}; });
  const auto run = [&](const std::string& name, const std::string& mirror) {
    return run_command({"data", "fetch", name, "--data=" + folder.path().string(), "--mirror=" + mirror});
  };
  // the only file without a known size and checksum
  CHECK(run("listops", server.url("/lra/")) == 0);
  CHECK(read_file(folder / "lra_release.gz", 100) == "an archive");
  CHECK(server.requests().back().target == "/lra/lra_release.gz");
  CHECK(run("aan", server.url("/lra")) == 0);
  CHECK(server.requests().size() == 1);

  CHECK(contains(error_of<Error>([&] { run("imdb", server.url("")); }), "10 bytes arrived, the official aclImdb_v1"));
  CHECK(folder.entries() == 1);
  tests::write_quickly(folder / "aclImdb_v1.tar.gz", "my own");
  CHECK(contains(error_of<Error>([&] { run("imdb", server.url("")); }), "aclImdb_v1.tar.gz] 6 bytes are not the"));
  CHECK(read_file(folder / "aclImdb_v1.tar.gz", 100) == "my own");

  std::filesystem::create_directory(folder / "lra");
  CHECK(run("pathx", server.url("")) == 0);
  CHECK(read_file(folder / "lra" / "lra_release.gz", 100) == "an archive");
}

TEST_CASE("fetch: impossible requests are usage errors") {
  const TempFolder folder;
  const auto refused = [&](const std::string& name, const std::string& mirror) {
    return error_of<UsageError>([&] { (void)fetch(name, folder.path(), mirror, [](std::string_view, bool) {}); });
  };
  CHECK(contains(refused("lorenz", ""), "no official files of lorenz"));
  for (const char* mirror : {"/mnt/data", "file:///mnt/data", "ftp://x/y", "http://x/?file=", "https://x y"}) {
    CHECK(contains(refused("mnist", mirror), "[mirror]"));
  }
  CHECK(contains(error_of<UsageError>([] { run_command({"data", "fetch"}); }), "needs the name of a data set"));
  const Environment unset("BITSTATE_DATA", std::nullopt);
  CHECK(contains(error_of<Error>([] { run_command({"data", "fetch", "mnist"}); }), "no folder is named for mnist"));
  CHECK(folder.entries() == 0);
}
