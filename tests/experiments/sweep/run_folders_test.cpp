#include "experiments/sweep/run_folders.h"

#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <string>

namespace {

using namespace bitstate::experiments;
using bitstate::tests::TempFolder;

}  // namespace

TEST_CASE("run folders: a slug is readable, short and of few characters") {
  CHECK(slug("a_bits=4 ssm_act_bits=8", "seed 1") == "a-bits-4-ssm-act-bits-8-seed-1");
  CHECK(slug("W8A8 (SSM: 0.5)", "seed 12") == "w8a8-ssm-0.5-seed-12");
  CHECK(slug("  ../..//etc ", "") == "etc");
  CHECK(slug("Gr\xC3\xB6\xC3\x9F"
             "e",
             "") == "gr-e");
  CHECK(slug("\xC3\xB6", "seed 1") == "seed-1");
  const std::string largest = "seed 18446744073709551615";
  for (std::size_t length = 0; length < 100; ++length) {
    const std::string name = slug(std::string(length, 'x') + ".y", largest);
    CHECK(name.size() <= 48);
    CHECK(name.ends_with("-seed-18446744073709551615"));
  }
  CHECK(slug(std::string(40, 'x') + "   y", largest).find("--") == std::string::npos);
}

TEST_CASE("run folders: a run is found by its hash, whatever it was called, and so are those of older sweeps") {
  const TempFolder folder;
  const std::string old(16, 'a'), relabelled(16, 'b'), fresh(16, 'c'), file(16, 'd');
  for (const std::string& name : {old, "another-label-" + relabelled, "x" + fresh}) {
    std::filesystem::create_directories(folder / "runs" / name);
  }
  bitstate::tests::write_quickly(folder / "runs" / file, "");
  std::vector<SweepRun> plan;
  for (const std::string& hash : {old, relabelled, fresh, file}) plan.push_back({{}, hash, "", "W8A8", "", "", 0});
  auto folders = run_folders(plan, folder.path());
  CHECK(folders[old] == folder / "runs" / old);
  CHECK(folders[relabelled] == folder / "runs" / ("another-label-" + relabelled));
  CHECK(folders[fresh] == folder / "runs" / ("w8a8-seed-1919-" + fresh));
  CHECK(folders[file] == folder / "runs" / ("w8a8-seed-1919-" + file));
  CHECK(run_folders(plan, folder / "absent")[old] == folder / "absent/runs" / ("w8a8-seed-1919-" + old));
}
