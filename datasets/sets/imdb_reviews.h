// The reviews of IMDB (Maas et al. 2011) as their files hold them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

struct Review {
  std::string name;  ///< of the file, with its folders
  bool test = false;
  std::uint8_t label = 0;  ///< 1: positive
  std::string bytes;
};

/// Whether a file of this name is a labelled review: [aclImdb/]{train,test}/{pos,neg}/*.txt.
bool is_review(std::string_view name);

/// All labelled reviews of a folder or an archive, sorted by name: the order of an archive is not that of a folder.
/// Throws Error where a part is missing, naming the source, and for damaged files.
std::vector<Review> read_reviews(const std::filesystem::path& source);

}  // namespace bitstate::datasets
