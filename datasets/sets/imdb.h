// LRA's Text: the sentiment of IMDB reviews, character by character.
#pragma once

#include "datasets/dataset.h"

#include <filesystem>

namespace bitstate::datasets {

/// A review is its first 4095 characters (Unicode code points) and <eos>; the label is 0 (neg) or 1 (pos). The
/// vocabulary is that of the training reviews so cut: characters that occur 15 times or more, by descending frequency,
/// behind <pad> 0, <unk> 1 and <eos> 2 (134 with the official reviews, of which S5 reserves 135). 25,000 reviews for
/// training, 25,000 for testing; there is no validation part: S5 selects its model on the test part. `source` is a
/// folder with {train,test}/{pos,neg}/ID_RATING.txt, itself or in aclImdb, or an archive of it (aclImdb_v1.tar.gz as
/// distributed; .tar, .tar.xz). The tokens are kept in the folder `cache`, if one is given. Throws Error naming the
/// file and the reason.
Splits imdb(const std::filesystem::path& source, const std::filesystem::path& cache);

}  // namespace bitstate::datasets
