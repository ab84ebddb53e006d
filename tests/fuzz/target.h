// A fuzz target is a reader of input that may lie, with inputs of which it is known what becomes of them. Each
// <reader>_fuzz.cpp defines one; driver.cpp (in every build) and libfuzzer.cpp (where clang instruments the readers)
// run it.
#pragma once

#include "datasets/dataset.h"

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace bitstate::fuzz {

/// What is known of a seed.
enum class Claim {
  refused,       ///< it lies: reading it is an Error
  read,          ///< it is read; changed, it may have another content
  cuts_show,     ///< it is read; cut anywhere, it is an Error or has the same content
  changes_show,  ///< likewise, and with any single bit flipped, too
};

struct Seed {
  std::string bytes;
  Claim claim = Claim::read;
};

struct Target {
  std::vector<Seed> seeds;
  /// Everything the reader makes of an input, in a form that tells different contents apart. Throws Error where the
  /// input is refused. Whatever else it throws is a bug: see promise().
  std::function<std::string(std::string_view input)> read;
  /// The input as a forger would finish it: with checksums that are right. Empty for formats without.
  std::function<std::string(std::string input)> forge{};
};

/// The target of this program.
Target target();

/// Throws std::logic_error, which no reader may, unless the reader kept its promise.
void promise(bool kept, const char* what);

/// The path of a file of these bytes, in $TMPDIR; it holds until the next call.
std::filesystem::path in_file(std::string_view bytes);

/// Appends numbers and how many they are.
template <class Numbers>
void append(std::string& content, const Numbers& numbers) {
  static_assert(std::is_trivially_copyable_v<typename Numbers::value_type>);
  content += std::to_string(numbers.size()) + ':';
  content.append(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(numbers[0]));
}

/// All examples of all parts. Promises that lengths, labels, tokens and numbers are what the splits say.
std::string content_of(const datasets::Splits& splits);

}  // namespace bitstate::fuzz
