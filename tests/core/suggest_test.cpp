#include "core/suggest.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace bitstate {
namespace {

TEST_CASE("suggest: the distance counts insertions, deletions, replacements and swaps, case and dashes aside") {
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("d_modle", "d_model") == 1);
  CHECK(edit_distance("C-init", "c_INIT") == 0);
  CHECK(edit_distance("abcd", "dcba") == 3);
}

TEST_CASE("suggest: the nearest name is found, and none where nothing is near") {
  const std::vector<std::string> names{"train", "eval", "sweep", "report"};
  CHECK(nearest("trian", names) == "train");
  CHECK(nearest("sweeps", names) == "sweep");
  CHECK(nearest("xyzzyq", names).empty());
  CHECK(nearest_match("tr*", names) == "train");
  CHECK(nearest_match("*rt", names) == "report");
  CHECK(nearest_match("*e*l*x", names) == "eval");
  CHECK(nearest_match("*", {}).empty());
  CHECK(suggestion("xyzzyq", names) == "; known are: train, eval, sweep, report");
}

}  // namespace
}  // namespace bitstate
