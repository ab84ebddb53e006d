// Archives in memory, also ones that lie.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bitstate::tests {

struct Member {
  std::string name;
  std::string content;  ///< or the target of a link
  char kind = 'f';      ///< f: file, l: symbolic link, h: hard link
};

/// A tar (ustar) of the members, through libarchive's filter "gzip", "xz", "bzip2" or none ("").
std::string tar_of(const std::vector<Member>& members, std::string_view filter);

/// A zip of files, each of them deflated or, else, stored.
std::string zip_of(const std::vector<Member>& members, bool deflated);

}  // namespace bitstate::tests
