// What a search keeps while it runs: the file that it goes on from, and a table of its visits.
#pragma once

#include "experiments/posttraining/evolve/search.h"

#include <filesystem>
#include <string>

namespace bitstate {

/// Writes them atomically.
void save_search(const std::filesystem::path& file, const std::string& identity, const SearchState& state);

/// Throws Error for a file that is damaged or of a search of another identity.
void check_search(const std::filesystem::path& file, const std::string& identity);

/// `state` has the ranges of its model. Throws Error for a file that is damaged or of another search: another identity,
/// or other sizes.
SearchState load_search(const std::filesystem::path& file, const std::string& identity, const SearchState& state);

/// "pass,block,evaluations,loss,held_out,seconds", a line for each visit; passes and blocks from 1.
std::string search_csv(const SearchState& state);

}  // namespace bitstate
