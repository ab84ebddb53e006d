#include "datasets/sets/imdb_reviews.h"

#include "core/error.h"
#include "datasets/formats/archive.h"

#include <algorithm>
#include <optional>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_review_bytes = std::size_t{1} << 20;

/// Where the path of a review says that it belongs.
struct Place {
  bool test = false;
  std::uint8_t label = 0;
};

/// The place that "[aclImdb/]train/pos/0_9.txt" names; nothing for other files (train/unsup among them).
std::optional<Place> place_of(std::string_view name) {
  const fs::path path(name);
  const std::string label = path.parent_path().filename().string();
  const std::string part = path.parent_path().parent_path().filename().string();
  const bool known = (label == "pos" || label == "neg") && (part == "train" || part == "test");
  if (!known || path.extension() != ".txt") return std::nullopt;
  return Place{part == "test", static_cast<std::uint8_t>(label == "pos" ? 1 : 0)};
}

}  // namespace

bool is_review(std::string_view name) { return place_of(name).has_value(); }

std::vector<Review> read_reviews(const fs::path& source) {
  std::vector<Review> reviews;
  for_each_file(source, is_review,
                [&](std::string_view name, const std::string& content) {
                  const Place place = *place_of(name);
                  reviews.push_back({std::string(name), place.test, place.label, content});
                },
                {.entries = 1'000'000, .file_bytes = max_review_bytes, .total_bytes = std::size_t{1} << 31});
  std::sort(reviews.begin(), reviews.end(), [](const Review& a, const Review& b) { return a.name < b.name; });
  const auto tested = std::count_if(reviews.begin(), reviews.end(), [](const Review& r) { return r.test; });
  require(tested > 0 && static_cast<std::size_t>(tested) < reviews.size(), source.string(),
          "holds no IMDB reviews (train/pos, train/neg, test/pos and test/neg, with files *.txt)");
  return reviews;
}

}  // namespace bitstate::datasets
