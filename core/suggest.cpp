#include "core/suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace bitstate {

namespace {

std::string plain(std::string_view name) {
  std::string text(name);
  for (char& c : text) c = c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// edit_distance(); with `globs`, a * of `a_name` stands for any letters.
std::size_t distance_of(std::string_view a_name, std::string_view b_name, bool globs) {
  const std::string a = plain(a_name);
  const std::string b = plain(b_name);
  // row[j] = distance of a's first i and b's first j letters; three rows are kept, for the swap of neighbours
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before.swap(last);
    last.swap(row);
    const bool star = globs && a[i - 1] == '*';
    row[0] = last[0] + (star ? 0 : 1);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      if (star) {
        row[j] = std::min(last[j], row[j - 1]);
        continue;
      }
      const std::size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) { return distance_of(a, b, false); }

std::string nearest(std::string_view name, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 2) + 1;
  for (const auto& candidate : candidates) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < best_distance && distance < std::max(name.size(), candidate.size())) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string nearest_match(std::string_view glob, std::span<const std::string> texts) {
  const auto nearer = [&](const std::string& a, const std::string& b) {
    return distance_of(glob, a, true) < distance_of(glob, b, true);
  };
  const auto best = std::min_element(texts.begin(), texts.end(), nearer);
  return best == texts.end() ? std::string() : *best;
}

std::string suggestion(std::string_view name, const std::vector<std::string>& candidates) {
  const std::string near = nearest(name, candidates);
  if (!near.empty()) return fmt::format("; did you mean '{}'?", near);
  return fmt::format("; known are: {}", fmt::join(candidates, ", "));
}

}  // namespace bitstate
