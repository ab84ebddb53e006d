// What runs started from: the sources of their weights, and the shorter runs that they went on from.
#pragma once

#include "experiments/results/run_record.h"

#include <filesystem>
#include <string>
#include <vector>

namespace bitstate::experiments {

/// RunRecord::extended_from of the run in `folder`. One that was extended more than once has several, of which at most
/// `depth` are named: "4 epochs, extended from 2 epochs".
std::string extension_of(const std::filesystem::path& folder, int depth = 8);

/// Runs that started from the same weights shall name them alike, however they wrote the path, and others not: weights
/// are told apart by their digest or, where that is not known, are those of another run with the same path. Sources of
/// one kind, each of its own seed, have one name, with {seed} in place of the seed.
void unify_sources(std::vector<RunRecord>& runs);

}  // namespace bitstate::experiments
