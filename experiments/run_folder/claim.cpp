#include "experiments/run_folder/claim.h"

#include "core/error.h"
#include "core/io/atomic_file.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

namespace bitstate::experiments {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::string_view claim_prefix = "claim.";
constexpr std::size_t most_claim_bytes = std::size_t{1} << 20;

fs::path claim_file(const fs::path& folder, unsigned attempt) {
  return folder / fmt::format("{}{}", claim_prefix, attempt);
}

/// N of claim.N; 0 of any other name.
unsigned attempt_of(const std::string& name) {
  if (!name.starts_with(claim_prefix) || name.size() > claim_prefix.size() + 9) return 0;
  const std::string digits = name.substr(claim_prefix.size());
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos) return 0;
  return static_cast<unsigned>(std::stoul(digits));
}

unsigned highest_attempt(const fs::path& folder) {
  unsigned highest = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    highest = std::max(highest, attempt_of(entry.path().filename().string()));
  }
  return highest;
}

/// When the process began, in ticks since the boot; 0: there is none, or it is dead and waits for its parent.
std::uint64_t beginning_of(std::int64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  std::getline(file, line);
  const auto name_end = line.rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(line.substr(name_end + 1));
  std::string field;
  fields >> field;
  if (field == "Z" || field == "X") return 0;
  for (int i = 4; i <= 22; ++i) fields >> field;
  return std::strtoull(field.c_str(), nullptr, 10);
}

std::string text_of(const Holder& holder, const json& more) {
  json line = {{"host", holder.host}, {"system", holder.system}, {"pid", holder.pid}, {"began", holder.began}};
  line.update(more);
  return line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

/// A claim that is no JSON at all counts as held by an unknown process.
Claim claim_of(const std::string& text, unsigned attempt) {
  Claim claim{Claim::State::held, attempt};
  const json line = json::parse(text, nullptr, false);
  if (!line.is_object()) return claim;
  if (line.contains("status")) {
    claim.state = Claim::State::ended;
    claim.result = text;
    return claim;
  }
  try {
    claim.holder = {line.at("host"), line.at("system"), line.at("pid"), line.at("began")};
    if (line.contains("failed")) {
      claim.reason = line.at("failed");
      claim.state = Claim::State::failed;
    } else if (line.contains("released")) {
      claim.state = Claim::State::released;
    }
  } catch (const json::exception&) {
    claim.holder = {};
  }
  return claim;
}

bool make_link(const fs::path& from, const fs::path& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return true;
  const int error = errno;
  struct stat status {};
  // an answer of a file server may be lost, and the link be there when it is asked again
  if (::stat(from.c_str(), &status) == 0 && status.st_nlink > 1) return true;
  require(error == EEXIST, to.string(), "cannot be made: {} (several processes share a sweep by hard links)",
          std::strerror(error));
  return false;
}

/// Makes a file with its whole text; false where there is one.
bool create_file(const fs::path& path, const std::string& text) {
  const AtomicFile target(path);  // never committed: only its temporary file is wanted, which nobody else has
  write_file_atomically(target.temporary(), text);
  return make_link(target.temporary(), path);
}

bool is_known_dead(const Holder& holder) {
  const Holder self = this_process();
  return !self.system.empty() && holder.system == self.system && beginning_of(holder.pid) != holder.began;
}

}  // namespace

std::string Holder::text() const { return host.empty() ? "an unknown process" : fmt::format("{}:{}", host, pid); }

Holder this_process() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  std::error_code error;
  const std::string space = fs::read_symlink("/proc/self/ns/pid", error).string();
  const std::string system = boot.empty() || space.empty() ? "" : fmt::format("{} {}", boot, space);
  return {host.data(), system, ::getpid(), beginning_of(::getpid())};
}

Claim newest_claim(const fs::path& folder) {
  for (;;) {
    const unsigned attempt = highest_attempt(folder);
    if (attempt == 0) return {};
    const fs::path file = claim_file(folder, attempt);
    try {
      return claim_of(read_file(file, most_claim_bytes), attempt);
    } catch (const Error&) {
      if (fs::exists(file)) throw;  // else the run has just got its result
    }
  }
}

bool has_whole_result(const fs::path& folder) {
  const fs::path file = folder / "result.json";
  try {
    return fs::exists(file) && json::accept(read_file(file, most_claim_bytes));
  } catch (const Error&) {
    if (fs::exists(file)) throw;  // else the holder of the claim has just taken a torn one away
    return false;
  }
}

bool take_claim(const fs::path& folder, unsigned attempt) {
  if (!create_file(claim_file(folder, attempt), text_of(this_process(), json::object()))) return false;
  if (!has_whole_result(folder)) {
    fs::remove(folder / "result.json");  // a torn one: nobody else can link another meanwhile
    return true;
  }
  remove_claims(folder);  // the run got its result, and lost its claims, since they were looked at
  return false;
}

bool keep_claim(const fs::path& folder, unsigned attempt) {
  std::error_code error;
  if (fs::exists(folder / "result.json", error)) return true;
  if (highest_attempt(folder) == attempt) {
    ::utimensat(AT_FDCWD, claim_file(folder, attempt).c_str(), nullptr, 0);
    return true;
  }
  const Claim newest = newest_claim(folder);  // which may be the result of this attempt
  return (newest.state == Claim::State::ended && newest.attempt == attempt + 1) ||
         fs::exists(folder / "result.json", error);
}

void leave_claim(const fs::path& folder, unsigned attempt, const std::string& reason) {
  const json more = reason.empty() ? json{{"released", true}} : json{{"failed", reason}};
  write_file_atomically(claim_file(folder, attempt), text_of(this_process(), more));
}

bool accept_result(const fs::path& folder, unsigned attempt, const std::string& text) {
  if (highest_attempt(folder) != attempt || fs::exists(folder / "result.json")) return false;
  if (attempt == 0) {  // a run that nobody shares needs no links
    write_file_atomically(folder / "result.json", text);
    return true;
  }
  // whoever takes the run over needs the same name
  if (!create_file(claim_file(folder, attempt + 1), text)) return false;
  publish_ended(folder, newest_claim(folder));
  return true;
}

void publish_ended(const fs::path& folder, const Claim& ended) {
  const fs::path file = folder / "result.json";
  if (ended.state == Claim::State::ended) {
    (void)create_file(file, ended.result);
    if (!has_whole_result(folder)) write_file_atomically(file, ended.result);  // a power cut tore what was linked
  }
  remove_claims(folder);
}

void remove_claims(const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(folder / "result.json", error)) return;
  // the newest goes last: an older one would own the run meanwhile
  std::map<unsigned, fs::path> claims;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const unsigned attempt = attempt_of(entry.path().filename().string());
    if (attempt > 0) claims.emplace(attempt, entry.path());
  }
  for (const auto& [attempt, file] : claims) ::unlink(file.c_str());
}

void reopen(const fs::path& folder, unsigned attempt) {
  if (attempt > 0) (void)create_file(claim_file(folder, attempt + 2), text_of(this_process(), {{"released", true}}));
  fs::remove(folder / "result.json");
}

unsigned own_attempt(const fs::path& folder) {
  const Claim claim = newest_claim(folder);
  const Holder self = this_process();
  const bool of_parent = claim.holder.system == self.system && claim.holder.pid == ::getppid();
  require(claim.state != Claim::State::held || of_parent || is_known_dead(claim.holder), folder.string(),
          "{} works on this run; if it is dead, remove claim.{}", claim.holder.text(), claim.attempt);
  return claim.attempt;
}

bool ClaimWatch::is_dead(const fs::path& folder, const Claim& claim, Clock::time_point now) {
  const Holder self = this_process();
  if (!self.system.empty() && claim.holder.system == self.system) return is_known_dead(claim.holder);
  std::error_code error;
  const auto refreshed = fs::last_write_time(claim_file(folder, claim.attempt), error);
  if (error) return false;
  const auto [seen, is_new] = seen_.try_emplace(folder, Seen{claim.attempt, refreshed, now});
  if (is_new || seen->second.attempt != claim.attempt || seen->second.refreshed != refreshed) {
    seen->second = {claim.attempt, refreshed, now};
    return false;
  }
  return now - seen->second.since >= lease;
}

}  // namespace bitstate::experiments
