#include "experiments/run_folder/inspect_run.h"

#include "core/error.h"
#include "experiments/settings/run_config.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

namespace bitstate::experiments {
namespace {

TEST_CASE("inspect: a folder without trained weights is refused in one sentence") {
  const tests::TempFolder folder;
  const auto refused = tests::error_of<Error>([&] { inspect_run(RunConfig{}, folder.path(), 1); });
  CHECK(tests::contains(refused, "holds no best.h5: it is not the folder of a trained run"));
}

}  // namespace
}  // namespace bitstate::experiments
