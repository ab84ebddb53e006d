// Token sequences in memory, how they become a data set, and the file that keeps them between runs.
#pragma once

#include "datasets/dataset.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// One split: documents end to end. Of pairs, documents 2i and 2i + 1 belong to example i.
struct TokenPart {
  std::vector<std::uint16_t> tokens;
  std::vector<std::uint64_t> ends;   ///< ends[i]: where document i ends in tokens
  std::vector<std::uint8_t> labels;  ///< one per example

  void add(std::span<const std::uint16_t> document);
};

/// A tokenised data set.
struct TokenData {
  std::size_t vocabulary = 0;         ///< ids are below
  std::string symbols;                ///< SHA-256 of what the ids stand for, in their order
  TokenPart train, validation, test;  ///< validation may be empty: the data set has none
};

/// What an earlier call of the same name and digest (of the source files) left in the folder `cache`, or else make(),
/// which is then kept there. An empty `cache` keeps nothing. Throws what make() throws; a cache that is absent, damaged
/// or of another digest is made anew.
TokenData cached_tokens(const std::filesystem::path& cache, std::string_view name, std::string_view digest,
                        const std::function<TokenData()>& make);

/// The data set of them; with `pairs` an example is two documents. Throws Error where a document is empty or longer
/// than max_length, or counts do not fit.
Splits token_splits(std::string name, const std::shared_ptr<const TokenData>& data, std::size_t classes,
                    std::size_t max_length, bool pairs);

}  // namespace bitstate::datasets
