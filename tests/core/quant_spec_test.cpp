#include "core/quant_spec.h"

#include "core/error.h"

#include <doctest/doctest.h>

#include <array>

namespace bitstate {
namespace {

const std::array<std::string, 4> sites = {"weight:layers.0.ssm.A", "weight:layers.0.ssm.B", "act:layers.0.ssm.u",
                                          "state:layers.0.ssm"};

TEST_CASE("quant config: the last rule that matches wins, and sites without a rule stay float") {
  const auto config =
      QuantConfig::parse("weight:* 4 granularity=channel\nweight:*.ssm.A 8 edge=half  # the state matrix\n", "test");
  const auto specs = config.resolve(sites);
  CHECK(specs[0] == QuantSpec{8, QuantSpec::Range::absmax, QuantSpec::Granularity::tensor, QuantSpec::Edge::half});
  CHECK(specs[1] == QuantSpec{4, QuantSpec::Range::absmax, QuantSpec::Granularity::channel, QuantSpec::Edge::center});
  CHECK_FALSE(specs[2].active());
  CHECK_FALSE(specs[3].active());
}

TEST_CASE("quant config: `none` takes a site back to float") {
  const auto specs = QuantConfig::parse("weight:* 8\nweight:*.B none\n", "test").resolve(sites);
  CHECK(specs[0].active());
  CHECK(specs[1] == QuantSpec{});
}

TEST_CASE("quant config: a rule that matches no site is an error that lists the sites") {
  const auto config = QuantConfig::parse("weight:*.ssm.E 8", "my.quant");
  CHECK_THROWS_WITH_AS((void)config.resolve(sites), doctest::Contains("my.quant:1"), UsageError);
  CHECK_THROWS_WITH_AS((void)config.resolve(sites), doctest::Contains("weight:layers.0.ssm.B"), UsageError);
}

TEST_CASE("quant config: every mistake is one sentence with its line") {
  const auto message = [](const char* text) {
    try {
      (void)QuantConfig::parse(text, "f").resolve(sites);
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK(message("\nweight:* 17") == "[quant] f:2: bits are \"17\", allowed are 1 to 16 or none");
  CHECK(message("weight:* 8bit") == "[quant] f:1: bits are \"8bit\", allowed are 1 to 16 or none");
  CHECK(message("weight:*") == "[quant] f:1: \"weight:*\" is not of the form: site bits [key=value ...]");
  CHECK(message("layers.* 8") == "[quant] f:1: the site \"layers.*\" must begin with weight:, act: or state:");
  CHECK(message("weight:* 8 range=max") == "[quant] f:1: range is \"max\", allowed are absmax, ema");
  CHECK(message("weight:* 8 ranges=ema") ==
        "[quant] f:1: unknown option \"ranges=ema\", allowed are range, granularity, edge, rate");
  CHECK(message("act:* 8 rate=0") == "[quant] f:1: rate is \"0\", allowed are numbers above 0 and up to 1");
  CHECK(message("weight:* 8 range=ema") ==
        "[quant] f:1: weight:layers.0.ssm.A is a weight and takes range=absmax only");
  CHECK(message("state:* 8 range=absmax").find("takes range=ema only") != std::string::npos);
  CHECK(message("state:* 1").find("at least 2 bits") != std::string::npos);
}

TEST_CASE("quant spec: bounds and scales are those of docs/numerics.md") {
  CHECK(QuantSpec{8}.bound() == 127);
  CHECK(QuantSpec{2}.bound() == 1);
  CHECK(QuantSpec{1}.bound() == 1);
  CHECK(QuantSpec{16}.bound() == 32767);
  QuantSpec half{4};
  half.edge = QuantSpec::Edge::half;
  CHECK(half.scale(7.5F) == 1.0F);
  CHECK(QuantSpec{4}.scale(7.0F) == 1.0F);
  CHECK(QuantSpec{1}.scale(3.0F) == 1.5F);
  CHECK(QuantSpec{8}.scale(0.0F) == 1.0F);
  CHECK(QuantSpec{8}.scale(1e-30F) == 1.0F);
  CHECK(QuantSpec{1}.scale(0.0F) == 0x1.0p-40F);
}

TEST_CASE("glob: stars match any run, nothing else is special") {
  CHECK(glob_matches("weight:*.ssm.A", "weight:layers.3.ssm.A"));
  CHECK_FALSE(glob_matches("weight:*.ssm.A", "weight:layers.3.ssm.AB"));
  CHECK(glob_matches("*", ""));
  CHECK(glob_matches("a*b*c", "a__b_b__c"));
  CHECK_FALSE(glob_matches("a*b*c", "a__c__b"));
  CHECK_FALSE(glob_matches("a.b", "axb"));
}

}  // namespace
}  // namespace bitstate
