// The runs of a sweep as the processes that share its folder claim them.
#pragma once

#include "experiments/run_folder/claim.h"

#include <filesystem>
#include <map>
#include <string>

namespace bitstate::experiments {

class RunClaims {
 public:
  enum class State {
    free,   ///< may be taken
    busy,   ///< another process works on it
    ended,  ///< has a result
    failed  ///< another process tried it since this sweep began, or its result is none that this version knows
  };
  struct View {
    State state = State::free;
    std::string who = {};     ///< busy, failed: "host:pid", or what is known; empty: no process
    std::string reason = {};  ///< failed
  };

  /// Notes where a run stands that this sweep is about to work on.
  void add(const std::string& hash, const std::filesystem::path& folder);
  View look(const std::string& hash);
  /// Claims a run that is free; false where somebody else was faster.
  bool take(const std::string& hash);
  /// Refreshes the claim of a run that was taken; false if somebody else has taken it over.
  bool keep(const std::string& hash);
  /// Gives a run back that has no result; `failed` says why, or nothing where it was only stopped.
  void leave(const std::string& hash, const std::string& failed);
  /// Of a run with a result.
  void ended(const std::string& hash);

 private:
  struct Entry {
    std::filesystem::path folder;
    unsigned before = 0;  ///< attempts that earlier sweeps made
    unsigned own = 0;     ///< the attempt of this process
    unsigned next = 1;    ///< what take() claims
  };
  std::map<std::string, Entry> entries_;
  ClaimWatch watch_;
};

}  // namespace bitstate::experiments
