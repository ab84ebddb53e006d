// The retrieval task of the Long Range Arena (Tay et al. 2021, arXiv 2011.04006): does one of two papers of the ACL
// Anthology Network cite the other?
#pragma once

#include "datasets/dataset.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>

namespace bitstate::datasets {

/// One line: two texts in UTF-8 and whether they belong together. The texts are views of the line.
struct TextPair {
  std::uint8_t label = 0;  ///< 0 or 1
  std::array<std::string_view, 2> texts;
};

/// Reads "label\tid1\tid2\ttext1\ttext2": the label is a number equal to 0 or 1 ("1.0"); the ids are ignored. The line
/// is split at its tabs, as the Long Range Arena does; quotation marks mean nothing (readers of CSV that give them a
/// meaning see other texts in some lines). Throws Error "[where] ..." for another number of fields, another label and
/// empty texts.
TextPair parse_text_pair(std::string_view line, std::string_view where);

/// The task from new_aan_pairs.train.tsv, .eval.tsv and .test.tsv (no header) in `folder` or where lra_release.gz
/// unpacks them below it: pairs of documents of at most 3999 characters (code points) and <eos>, in the ids of a
/// CharacterVocabulary of the training part's characters. Throws Error naming file and line. `cache` as in
/// cached_tokens().
Splits aan(const std::filesystem::path& folder, const std::filesystem::path& cache);

}  // namespace bitstate::datasets
