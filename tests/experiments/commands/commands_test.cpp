#include "experiments/commands/commands.h"

#include "core/error.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/settings/ini.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

using bitstate::UsageError;
using bitstate::experiments::run_command;
using bitstate::tests::contains;
using bitstate::tests::error_of;
using bitstate::tests::TempFolder;

std::string refused(const std::vector<std::string>& args) {
  return error_of<UsageError>([&] { run_command(args); });
}

}  // namespace

TEST_CASE("commands: help and version are there for the program and for every command") {
  CHECK(run_command({"--help"}) == 0);
  CHECK(run_command({"--version"}) == 0);
  CHECK(run_command({}) == 2);
  for (const char* command :
       {"train", "ptq", "eval", "import", "inspect", "sweep", "report", "data", "bench", "signature"}) {
    CHECK(run_command({command, "--help"}) == 0);
    CHECK(run_command({command, "--version"}) == 0);
  }
}

TEST_CASE("commands: mistakes are usage errors that say what to do") {
  CHECK(contains(refused({"trian"}), "did you mean 'train'?"));
  CHECK(contains(refused({"train"}), "needs a recipe (bitstate list recipes"));
  CHECK(contains(refused({"train", "smnist", "psmnist"}), "\"psmnist\" is one argument too many"));
  CHECK(contains(refused({"train", "smnist", "--epoch=3"}), "did you mean 'epochs'?"));
  CHECK(contains(refused({"train", "smnist", "--jobs=3"}), "'jobs' is not an option"));
  CHECK(contains(refused({"report", "x", "--seed=1"}), "'seed' is not an option"));
  CHECK(contains(refused({"report", "x", "y"}), "--out=DIR says where"));
  CHECK(contains(refused({"ptq"}), "needs the folder of a run"));
  CHECK(contains(refused({"ptq", "no/such/run"}), "needs what to change"));
  CHECK(contains(refused({"ptq", "no/such/run", "--quant=w8a8"}), "has no settings.ini"));
  CHECK(contains(refused({"ptq", "x", "--quant=w8a8", "--batches=1.5"}),
                 "[batches] expected a whole number from 0 to 999999, got \"1.5\""));
  CHECK(contains(refused({"ptq", "x", "--d_model=3"}), "'d_model' is not an option"));
  CHECK(contains(refused({"signature", "x"}), "\"x\" is one argument too many"));
  CHECK(contains(refused({"eval"}), "needs the folder of a run"));
  CHECK(contains(refused({"eval", "no/such/run"}), "has no settings.ini"));
  CHECK(contains(refused({"sweep", "demoo"}), "did you mean 'demo'?"));
  for (const char* jobs : {"0", "-1", "1000", "two", ""}) {
    CHECK(contains(refused({"sweep", "demo", "--jobs", jobs}), "[jobs]"));
  }
  CHECK(contains(refused({"data", "chek"}), "did you mean 'check'?"));
  CHECK(contains(refused({"data", "make", "smnist"}),
                 "\"smnist\" cannot be generated; listops, pathfinder, retrieval can"));
  for (const char* name : {"lorenz", "mackey-glass"}) {
    CHECK(contains(refused({"data", "make", name, "--out=x"}), "needs no files: train generates and keeps it"));
  }
}

TEST_CASE("commands: data check fails on a folder whose files are not the official ones") {
  const TempFolder folder;
  for (const char* part : {"train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"}) {
    std::ofstream(folder / (part + std::string("-ubyte"))) << "not MNIST";
  }
  CHECK(run_command({"data", "check", "--data=" + folder.path().string()}) == 1);
}

TEST_CASE("commands: data check reads what has no published checksum") {
  const TempFolder folder;
  for (const char* part : {"train", "val", "test"}) {
    std::ofstream(folder / fmt::format("basic_{}.tsv", part)) << "Source\tTarget\n( ( [MAX 1 ) 2 ) ]\t2\n";
  }
  const std::vector<std::string> check{"data", "check", "listops", "--data=" + folder.path().string()};
  CHECK(run_command(check) == 0);
  std::ofstream(folder / "lra_release.gz") << "an archive";
  CHECK(run_command(check) == 0);
  std::ofstream(folder / "basic_val.tsv", std::ios::app) << "( ( [MAX 1 ) 2 ) ]\t3\n";
  CHECK(contains(error_of<bitstate::Error>([&] { run_command(check); }), "basic_val.tsv"));
  // a name of files only: there is nothing to read
  std::filesystem::remove(folder / "lra_release.gz");
  CHECK(run_command({"data", "check", "lra", "--data=" + folder.path().string()}) == 1);
}

TEST_CASE("commands: data check reads what train finds under other names, and own data") {
  const TempFolder folder;
  const auto check = [&](const char* name, const std::filesystem::path& data) {
    return run_command({"data", "check", name, "--data=" + data.string()});
  };
  for (const char* part : {"train/pos", "train/neg", "test/pos", "test/neg"}) {
    std::filesystem::create_directories(folder / "imdb" / part);
    std::ofstream(folder / "imdb" / part / "1_5.txt") << "a review";
  }
  CHECK(check("imdb", folder.path()) == 0);
  CHECK(contains(error_of<bitstate::Error>([&] { check("cifar", folder.path()); }), "cifar-10-binary.tar.gz"));
  CHECK(contains(error_of<bitstate::Error>([&] { check("silverbox", folder.path()); }), "SNLS80mV.csv"));

  std::ofstream table(folder / "own.csv");
  for (int i = 0; i < 100; ++i) table << i << ',' << 2 * i << '\n';
  table.close();
  const std::string file = "--data=" + (folder / "own.csv").string();
  CHECK(run_command({"data", "check", "own", file, "--input=0", "--target=1"}) == 0);
  CHECK(contains(refused({"data", "check", "own", file, "--input=0", "--target=7"}), "7"));
  CHECK(contains(refused({"data", "check", "own"}), "own data need a file or a folder"));
  for (const char* name : {"lorenz", "mackey-glass"}) {
    CHECK(contains(refused({"data", "check", name}), "has no files that could be checked"));
  }
}

TEST_CASE("commands: report writes its files from runs on disk") {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "runs/a");
  std::ofstream(folder / "runs/a/settings.ini") << "dataset = lorenz\nseed = 1\n";
  std::ofstream(folder / "runs/a/result.json") << R"({"status":"done","test_mse":2.0})";
  CHECK(run_command({"report", folder.path().string(), "--json"}) == 0);
  CHECK(contains(bitstate::experiments::read_text(folder / "table.md"), "2.000"));
}
