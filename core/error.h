// Errors are sentences that start with where: "[linear] x has 96 columns, w has 128".
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string_view>
#include <utility>

namespace bitstate {

/// A failure while running: bad data, a diverged run, an unwritable folder. The program exits with 1.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A NaN or an infinity where training needs a number. The program exits with 1.
class DivergedError : public Error {
 public:
  using Error::Error;
};

/// A mistake in what the user asked for: an unknown option, an impossible size. The program exits with 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// Throws `E` with the message "[where] sentence".
template <class E = Error, class... Args>
[[noreturn]] void fail(std::string_view where, fmt::format_string<Args...> sentence, Args&&... args) {
  throw E(fmt::format("[{}] {}", where, fmt::format(sentence, std::forward<Args>(args)...)));
}

/// fail() unless `condition`.
template <class E = Error, class... Args>
void require(bool condition, std::string_view where, fmt::format_string<Args...> sentence, Args&&... args) {
  if (!condition) fail<E>(where, sentence, std::forward<Args>(args)...);
}

}  // namespace bitstate
