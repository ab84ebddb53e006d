// Which process works on a run, where several processes or hosts share its folder (docs/adr/0025-claims.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace bitstate::experiments {

/// A process as others find it again.
struct Holder {
  std::string host;
  std::string system;       ///< the boot of the host and the namespace of its process numbers
  std::int64_t pid = 0;     ///< in that namespace
  std::uint64_t began = 0;  ///< in ticks since the boot, so that a number that is used again is another process

  /// "host:pid"
  [[nodiscard]] std::string text() const;
};

Holder this_process();

/// The file claim.ATTEMPT in the folder of a run. The highest attempt owns the run.
struct Claim {
  enum class State { none, held, released, failed, ended };

  State state = State::none;
  unsigned attempt = 0;
  Holder holder = {};
  std::string reason = {};  ///< failed: why
  std::string result = {};  ///< ended: the text of result.json
};

/// The claim with the highest attempt; state none, attempt 0, where there is none. A claim that cannot be read counts
/// as held by an unknown process. Throws Error where the folder cannot be read.
Claim newest_claim(const std::filesystem::path& folder);

/// Whether the folder has a result.json that is whole JSON, not torn as by a power cut. Throws Error where it cannot be
/// read.
bool has_whole_result(const std::filesystem::path& folder);

/// Makes claim.ATTEMPT for this process; false where somebody else has made it, or the run has its result. Whoever has
/// claimed a run with a torn result takes that away; any other stays. Throws Error.
bool take_claim(const std::filesystem::path& folder, unsigned attempt);

/// Shows that the holder lives. False if the run has no result and the attempt no longer owns it.
bool keep_claim(const std::filesystem::path& folder, unsigned attempt);

/// Gives up the own claim: released, or failed if there is a reason. Throws Error.
void leave_claim(const std::filesystem::path& folder, unsigned attempt, const std::string& reason = "");

/// Makes `text` the result.json of the run and takes the claims away. False, with nothing changed, if `attempt` does
/// not own the run. Of all calls for a run with claims at most one returns true. Throws Error.
bool accept_result(const std::filesystem::path& folder, unsigned attempt, const std::string& text);

/// Finishes an accept_result() that was killed half-way.
void publish_ended(const std::filesystem::path& folder, const Claim& ended);

/// Takes all claims of a run away that has a result.
void remove_claims(const std::filesystem::path& folder);

/// Takes the result of a run away that was accepted from `attempt`. The numbers that this one and its result have had
/// stay taken, so that nobody who had the run before can end it. Throws Error.
void reopen(const std::filesystem::path& folder, unsigned attempt);

/// The attempt of a run that this process trains: that of the process that started it, or, where no claim is held, the
/// newest. Throws Error naming the holder where somebody else holds the run.
unsigned own_attempt(const std::filesystem::path& folder);

/// Tells which holders are dead. On the same system that is asked for. Elsewhere it is one whose claim has not been
/// refreshed for the lease, by the clock of who watches: nothing is compared with another host's clock.
class ClaimWatch {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds lease{120};

  bool is_dead(const std::filesystem::path& folder, const Claim& claim, Clock::time_point now = Clock::now());

 private:
  struct Seen {
    unsigned attempt = 0;
    std::filesystem::file_time_type refreshed;
    Clock::time_point since;
  };
  std::map<std::filesystem::path, Seen> seen_;
};

}  // namespace bitstate::experiments
