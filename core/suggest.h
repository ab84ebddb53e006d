// What is asked of names: the nearest of several, for messages about unknown ones.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate {

/// Levenshtein distance, with a swap of neighbours counted as one edit (optimal string alignment); letter case and
/// dash versus underscore are ignored.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate with the smallest distance (the first of equals), or "" if none is near enough to be meant.
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);

/// The text that needs the fewest edits until `glob`, in which * stands for any letters, matches it; "" of none.
std::string nearest_match(std::string_view glob, std::span<const std::string> texts);

/// "; did you mean 'd_model'?", or the whole list "; known are: a, b" where nothing is near.
std::string suggestion(std::string_view name, const std::vector<std::string>& candidates);

/// Whether the name is in a container of names.
template <class Names>
bool is_one_of(std::string_view name, const Names& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace bitstate
