#include "experiments/training/team.h"

#include "core/error.h"
#include "core/io/sha256.h"

#include <algorithm>
#include <cstdint>
#include <new>
#include <numeric>
#include <stdexcept>

namespace bitstate {
namespace {

enum class Kind : std::uint32_t { none, error, diverged, usage, memory, other };

/// What a rank says of itself where all agree.
struct Report {
  Kind kind = Kind::none;
  std::uint32_t wish = 0;
  std::uint64_t length = 0;  // of the sentence
};

struct Failure {
  Kind kind = Kind::none;
  std::string sentence;
};

Failure failure_of(const std::exception_ptr& error) {
  if (!error) return {};
  try {
    std::rethrow_exception(error);
  } catch (const UsageError& e) {
    return {Kind::usage, e.what()};
  } catch (const DivergedError& e) {
    return {Kind::diverged, e.what()};
  } catch (const Error& e) {
    return {Kind::error, e.what()};
  } catch (const std::bad_alloc&) {
    return {Kind::memory, {}};
  } catch (const std::exception& e) {
    return {Kind::other, e.what()};
  } catch (...) {
    return {Kind::other, "unknown error"};
  }
}

[[noreturn]] void raise(Kind kind, const std::string& sentence) {
  switch (kind) {
    case Kind::usage:
      throw UsageError(sentence);
    case Kind::diverged:
      throw DivergedError(sentence);
    case Kind::error:
      throw Error(sentence);
    case Kind::memory:
      throw std::bad_alloc();
    default:
      throw std::runtime_error(sentence);
  }
}

}  // namespace

std::vector<std::size_t> Team::shares(std::size_t count) const {
  std::vector<std::size_t> begins(size() + 1);
  for (std::size_t r = 0; r <= size(); ++r) begins[r] = r * count / size();
  return begins;
}

/// Whether any rank has the wish; or all ranks throw the error of the first one that brings an error.
bool Team::agree(const std::exception_ptr& own, bool wish) {
  if (size() == 1 || over_) {
    if (own) std::rethrow_exception(own);
    return wish;
  }
  const Failure failure = failure_of(own);
  std::vector<Report> reports(size());
  reports[rank()] = {failure.kind, wish ? 1U : 0U, failure.sentence.size()};
  gather(std::span(reports), shares(size()));
  const auto failed = [](const Report& report) { return report.kind != Kind::none; };
  const auto first = std::find_if(reports.begin(), reports.end(), failed);
  if (first == reports.end()) {
    return std::any_of(reports.begin(), reports.end(), [](const Report& report) { return report.wish != 0; });
  }
  over_ = true;
  std::vector<std::size_t> begins(1, 0);
  for (const Report& report : reports) begins.push_back(begins.back() + report.length);
  std::string sentences(begins.back(), ' ');
  std::copy(failure.sentence.begin(), failure.sentence.end(),
            sentences.begin() + static_cast<std::ptrdiff_t>(begins[rank()]));
  gather(std::span(sentences), begins);
  const auto at = static_cast<std::size_t>(first - reports.begin());
  raise(first->kind, sentences.substr(begins[at], first->length));
}

void Team::require_same(std::string_view text, std::string_view where, std::string_view sentence) {
  (void)any(false);
  const std::string digest = sha256_hex(text);
  std::string digests;
  for (std::size_t r = 0; r < size(); ++r) digests += digest;  // each rank fills its own part, and may as well all
  gather(std::span(digests), shares(digests.size()));
  for (std::size_t r = 0; r < size(); ++r) {
    require(digests.compare(r * digest.size(), digest.size(), digests, 0, digest.size()) == 0, where, "{}", sentence);
  }
}

}  // namespace bitstate
