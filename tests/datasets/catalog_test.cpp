#include "datasets/catalog.h"

#include "core/error.h"
#include "tests/datasets/formats/idx_files.h"
#include "tests/support/environment.h"
#include "tests/support/folders.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace bitstate;
using namespace bitstate::datasets;
using tests::contains;
using tests::Environment;
using tests::error_of;
using tests::TempFolder;

namespace {

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

constexpr std::array sources = {"mnist", "cifar10", "imdb", "lra", "silverbox", "cascaded_tanks", "speech_commands"};

}  // namespace

TEST_CASE("catalog: every data set leads to its source, an unknown one is a usage error that lists them") {
  for (const char* name : sources) {
    const Source& source = source_of(name);
    CHECK(source.name == name);
    for (const auto data_set : source.datasets) CHECK(source_of(data_set).name == name);
  }
  CHECK(source_of("smnist").name == "mnist");
  CHECK(source_of("lra-cifar").name == "cifar10");
  CHECK(source_of("pathx").name == "lra");
  CHECK(source_of("speech35").name == "speech_commands");
  const std::string message = error_of<UsageError>([] { (void)source_of("lorenz"); });
  CHECK(contains(message, "no official files of lorenz"));
  CHECK(contains(message, "mnist, smnist, psmnist"));
}

TEST_CASE("catalog: a file has a plain name, an https address and either a whole checksum or none") {
  for (const char* name : sources) {
    for (const OfficialFile& file : source_of(name).files) {
      CAPTURE(file.name);
      CHECK(file.url.substr(0, 8) == "https://");
      CHECK(file.name.find_first_of("/ \n") == file.name.npos);
      CHECK((file.sha256.empty() || is_sha256(file.sha256)));
      for (const Content& content : file.contents) {
        CHECK((content.sha256.empty() || is_sha256(content.sha256)));
        CHECK((content.sha256_b.empty() || is_sha256(content.sha256_b)));
      }
    }
  }
}

TEST_CASE("catalog: the advice names files, checksums or their absence, the command, and what to do afterwards") {
  CHECK(contains(advice("imdb"), "aclImdb_v1.tar.gz, 84125825 bytes, sha256 c40f74a18d3b61f9"));
  CHECK(contains(advice("imdb"), "bitstate data fetch imdb --data=DIR"));
  CHECK(advice("imdb").find("get this file") == 0);
  CHECK(advice("listops").find("make such data (bitstate data make listops --out=DIR), or get this file") == 0);
  CHECK(advice("aan").find("make such data (bitstate data make retrieval --out=DIR)") == 0);
  CHECK(advice("pathfinder").find("make such data (bitstate data make pathfinder --size=32 --out=DIR)") == 0);
  CHECK(advice("pathx").find("make such data (bitstate data make pathfinder --size=128 --out=DIR)") == 0);
  CHECK(contains(advice("pathfinder"), "unpack it (tar -xzf lra_release.gz)"));
  CHECK(contains(advice("pathfinder"), "lra_release.gz, no published checksum from https://storage.googleapis.com/"));
}

TEST_CASE("find_data: the option goes before $BITSTATE_DATA; without either the message says what to get and where") {
  const TempFolder optional;
  const TempFolder environment;
  std::filesystem::create_directory(environment / "mnist");
  tests::write_digits(optional.path(), 10, 2, false);
  tests::write_digits(environment / "mnist", 10, 2, true);
  {
    const Environment unset("BITSTATE_DATA", std::nullopt);
    CHECK(find_data("mnist", optional.path()) == optional.path());
    CHECK(find_data("mnist", environment.path()) == environment / "mnist");
    const std::string advice = error_of<Error>([&] { (void)find_data("mnist", ""); });
    CHECK(advice.find("--data") != std::string::npos);
    CHECK(advice.find("BITSTATE_DATA") != std::string::npos);
    CHECK(advice.find("train-images-idx3-ubyte.gz") != std::string::npos);
    CHECK(advice.find("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609") != std::string::npos);
  }
  const Environment set("BITSTATE_DATA", environment.path().string());
  CHECK(find_data("mnist", "") == environment / "mnist");
  CHECK(find_data("mnist", optional.path()) == optional.path());
  std::filesystem::remove(environment / "mnist" / "t10k-labels-idx1-ubyte.gz");
  const std::string missing = error_of<Error>([&] { (void)find_data("mnist", ""); });
  CHECK(missing.find("t10k-labels-idx1-ubyte (or t10k-labels-idx1-ubyte.gz) is not there") != std::string::npos);
  CHECK_THROWS_AS((void)find_data("cifar100", ""), UsageError);
}

TEST_CASE("data_check: a file that is missing or not the official one is reported") {
  const TempFolder files;
  tests::write_digits(files.path(), 10, 2, true);
  std::filesystem::remove(files / "train-labels-idx1-ubyte.gz");
  tests::write_quickly(files / "t10k-labels-idx1-ubyte.gz", std::string(4'542, 'x'));
  const auto report = data_check("mnist", files.path());
  REQUIRE(report.size() == 4);
  CHECK(report[0].file == "train-images-idx3-ubyte.gz");
  CHECK_FALSE(report[0].ok);
  CHECK(report[0].verdict.find("bytes are not the official 9912422") != std::string::npos);
  CHECK_FALSE(report[3].ok);
  CHECK(report[3].verdict.find("is not the official f7ae60f92e00ec6d") != std::string::npos);
  CHECK(report[1].verdict == "missing");
}

TEST_CASE("check_file: a file is ok by its size and checksum, and so are its contents, in either version") {
  const std::string abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // sha256 of "abc"
  const std::string abd = "a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9";
  OfficialFile file{"x.zip", "https://x", 3, abc, "inside", {{"a.csv", abd, abc}, {"b.csv", abc, ""}}};
  const TempFolder folder;
  const auto verdicts = [&] {
    std::vector<std::string> found;
    for (const CheckedFile& checked : check_file(file, folder.path())) {
      CHECK(checked.ok == (checked.verdict == "ok"));
      found.push_back(checked.file + ": " + checked.verdict.substr(0, checked.verdict.find(" is not")));
    }
    return found;
  };
  using Verdicts = std::vector<std::string>;
  CHECK(verdicts() == Verdicts{"x.zip: missing"});
  tests::write_quickly(folder / "x.zip", "abc");
  CHECK(verdicts() == Verdicts{"x.zip: ok"});
  tests::write_quickly(folder / "x.zip", "abd");
  CHECK(verdicts().at(0).find("x.zip: sha256 ") == 0);
  tests::write_quickly(folder / "x.zip", "abc");
  tests::write_quickly(folder / "a.csv", "abc");  // the second version
  tests::write_quickly(folder / "b.csv", "abc");
  CHECK(verdicts() == Verdicts{"a.csv: ok", "b.csv: ok", "x.zip: ok"});
  tests::write_quickly(folder / "a.csv", "abd");
  CHECK(verdicts().at(0) == "a.csv: ok");
  tests::write_quickly(folder / "b.csv", "abd");  // which has no second version
  CHECK(verdicts().at(1).find("b.csv: sha256 a52d") == 0);
  file.bytes = 4;
  CHECK(verdicts().at(2) == "x.zip: 3 bytes are not the official 4");
}

TEST_CASE("official: data_check accepts the files") {
  const auto data = tests::shared_folder() / "data";
  if (!std::filesystem::exists(data)) {
    MESSAGE("skipped: ", data.string(), " is not there");
    return;
  }
  std::vector<CheckedFile> report = data_check("smnist", data / "mnist");
  CHECK(report.size() == 4);
  for (const char* name : {"silverbox", "cascaded_tanks"}) {
    const auto more = data_check(name, data / name);
    REQUIRE(more.size() == 1);
    report.push_back(more[0]);
  }
  for (const CheckedFile& file : report) {
    CAPTURE(file.file);
    CHECK(file.ok);
    CHECK(file.verdict == "ok");
  }
}

TEST_CASE("find_data: files count in their usual folder too, and alone where they must be unpacked") {
  const TempFolder folder;
  tests::write_quickly(folder / "SilverboxFiles.zip", "x");
  const auto find = [&](const char* name) { return find_data(name, folder.path()); };
  CHECK(
      contains(error_of<Error>([&] { find("silverbox"); }), "is there, but not unpacked: unzip -j SilverboxFiles.zip"));
  std::filesystem::create_directory(folder / "SilverboxFiles");
  tests::write_quickly(folder / "SilverboxFiles" / "SNLS80mV.csv", "V1,V2");
  CHECK(find("silverbox") == folder.path());
  CHECK(found_files(source_of("silverbox").files[0], folder.path()) ==
        std::vector{folder / "SilverboxFiles" / "SNLS80mV.csv"});
  CHECK(contains(error_of<Error>([&] { find("cifar"); }), "data_batch_1.bin, data_batch_2.bin,"));
  CHECK(contains(error_of<Error>([&] { find("cifar"); }), "test_batch.bin (or cifar-10-binary.tar.gz) is not there"));
  std::filesystem::create_directory(folder / "cifar10");
  tests::write_quickly(folder / "cifar10" / "cifar-10-binary.tar.gz", "x");
  CHECK(find("lra-cifar") == folder / "cifar10");
  // what lra_release.gz unpacks to is for its loaders to find
  CHECK(find("listops") == folder.path());
}

TEST_CASE("data_check: everything that is there is verified, what has no checksum must not be empty") {
  const TempFolder folder;
  CHECK(data_check("lra", folder.path())[0].verdict == "missing");
  tests::write_quickly(folder / "lra_release.gz", "");
  CHECK(data_check("lra", folder.path())[0].verdict == "0 bytes are not the official file");
  tests::write_quickly(folder / "lra_release.gz", "x");
  CHECK(data_check("lra", folder.path())[0].ok);
  CHECK(data_check("lra", folder.path())[0].verdict == "no published checksum");

  tests::write_quickly(folder / "SilverboxFiles.zip", "x");
  tests::write_quickly(folder / "SNLS80mV.csv", "V1,V2,\n");
  const auto report = data_check("silverbox", folder.path());
  REQUIRE(report.size() == 2);
  CHECK(contains(report[0].verdict, "is not the official ae62d5a91230c10f"));
  CHECK(report[1].verdict == "1 bytes are not the official 5793999");
  CHECK_FALSE(report[0].ok);
  CHECK_FALSE(report[1].ok);
}
