#include "experiments/sweep/run_claims.h"

#include "core/io/folder_lock.h"
#include "experiments/results/run_record.h"

namespace bitstate::experiments {

void RunClaims::add(const std::string& hash, const std::filesystem::path& folder) {
  const Claim claim = newest_claim(folder);
  const bool tried = claim.state == Claim::State::failed;
  entries_[hash] = {folder, tried ? claim.attempt : 0, 0, claim.attempt + 1};
}

RunClaims::View RunClaims::look(const std::string& hash) {
  Entry& entry = entries_.at(hash);
  const auto has_result = [&] { return status_of(entry.folder) != RunRecord::Status::missing; };
  if (has_whole_result(entry.folder)) {
    const std::string file = (entry.folder / "result.json").string();
    if (has_result()) return {State::ended};
    return {State::failed, "", file + " is no result of this version; move it away to run this again"};
  }
  const Claim claim = newest_claim(entry.folder);
  entry.next = claim.attempt + 1;
  const std::string who = claim.holder.text();
  switch (claim.state) {
    case Claim::State::ended:
      publish_ended(entry.folder, claim);
      return {has_result() ? State::ended : State::busy, who};
    case Claim::State::failed:
      if (claim.attempt > entry.before) return {State::failed, who, claim.reason};
      break;
    case Claim::State::held:
      if (!watch_.is_dead(entry.folder, claim)) return {State::busy, who};
      break;
    case Claim::State::none:
    case Claim::State::released:
      break;
  }
  // the run of a process that has died may still write its checkpoint
  if (is_locked(entry.folder)) return {State::busy, "a process that holds its folder"};
  return {State::free};
}

bool RunClaims::take(const std::string& hash) {
  Entry& entry = entries_.at(hash);
  if (!take_claim(entry.folder, entry.next)) return false;
  entry.own = entry.next;
  return true;
}

bool RunClaims::keep(const std::string& hash) {
  const Entry& entry = entries_.at(hash);
  return keep_claim(entry.folder, entry.own);
}

void RunClaims::leave(const std::string& hash, const std::string& failed) {
  Entry& entry = entries_.at(hash);
  leave_claim(entry.folder, entry.own, failed);
  if (!failed.empty()) entry.before = entry.own;
}

void RunClaims::ended(const std::string& hash) { remove_claims(entries_.at(hash).folder); }

}  // namespace bitstate::experiments
