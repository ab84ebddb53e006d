// IMDB in an archive of its reviews.
#include "datasets/sets/imdb.h"
#include "tests/fuzz/tar.h"
#include "tests/fuzz/target.h"

namespace bitstate::fuzz {
namespace {

std::string reviews(const std::string& learned, const std::string& tested, std::string_view filter) {
  return tests::tar_of(
      {{"x/train/neg/0_1.txt", learned}, {"x/train/unsup/1_0.txt", "\xff"}, {"x/test/pos/0_9.txt", tested}}, filter);
}

}  // namespace

Target target() {
  return {{{reviews("aaaaaaaaaaaaaaaaaab", "a\xc3\xa4", "")},
           {reviews(std::string(5000, 'a'), "abc", "gzip"), Claim::changes_show},
           {reviews("\xff", "abc", ""), Claim::refused},
           {reviews(std::string((1U << 20U) + 1, 'a'), "abc", "gzip"), Claim::refused},
           {tests::tar_of({{"train/neg/0_1.txt", "abc"}}, ""), Claim::refused}},
          [](std::string_view input) { return content_of(datasets::imdb(in_file(input), "")); },
          tar_forge};
}

}  // namespace bitstate::fuzz
