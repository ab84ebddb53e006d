// A retrieval task of one's own, small enough to learn in minutes: do two documents have the same author?
#pragma once

#include "core/parallel.h"
#include "datasets/generators/generated.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace bitstate::datasets {

struct RetrievalOptions {
  std::uint64_t seed = 0;
  std::size_t train = 5'000, validation = 500, test = 1'000;  ///< pairs
  std::size_t min_length = 200, max_length = 600;             ///< characters of a document, both included; 50 to 3999
  std::size_t classes = 4;                                    ///< authors, 2 to 8
};

/// Writes out/new_aan_pairs.train.tsv, .eval.tsv and .test.tsv in the format that aan() reads, and out/options.txt.
/// A document is a row of words of 2 to 6 different letters of a to h. Each author has an order of these letters, drawn
/// from the seed, and writes the letters of every word in it. Which letters a word has, and all lengths, are drawn
/// without regard to the author: the counts of characters say nothing about the label, their neighbourhoods all.
/// Label 1 (half of the pairs): both documents are of one author; 0: of two. Of the default set a bidirectional S5 of
/// two layers (H = 32, 32 states, mean pooling) has 99.9 % of the test part right after ten epochs; the first three
/// stay at chance. Pair i is drawn from (seed, i); the files do not depend on `workers`. Finished files of the same
/// options are left alone. Returns whether they were made. Throws UsageError for impossible options and a folder of
/// other data.
bool make_retrieval(const RetrievalOptions& options, const std::filesystem::path& out, Workers& workers,
                    const Progress& progress);

}  // namespace bitstate::datasets
