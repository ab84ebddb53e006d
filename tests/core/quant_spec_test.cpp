#include "core/quant_spec.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/text.h"
#include "tests/support/folders.h"

#include <doctest/doctest.h>

#include <array>
#include <map>
#include <string>
#include <vector>

namespace bitstate {
namespace {

const std::array<Site, 4> sites = {{{"weight:layers.0.ssm.A", SiteKind::weight, true},
                                    {"weight:layers.0.ssm.B", SiteKind::weight, false, true},
                                    {"act:layers.0.ssm.u", SiteKind::act},
                                    {"state:layers.0.ssm", SiteKind::state}}};

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

TEST_CASE("quant config: a rule that matches no site is an error that names the nearest site") {
  const auto config = QuantConfig::parse("weight:*.ssm.E 8", "my.quant");
  CHECK_THROWS_WITH_AS((void)config.resolve(sites),
                       "[quant] my.quant:1: \"weight:*.ssm.E\" matches no site of this model; the nearest one is "
                       "weight:layers.0.ssm.A",
                       UsageError);
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
  CHECK(message("\nweight:* 17") == "[quant] f:2: expected 1 to 16 bits or none, got \"17\"");
  CHECK(message("weight:* 8bit") == "[quant] f:1: expected 1 to 16 bits or none, got \"8bit\"");
  CHECK(message("weight:*") == "[quant] f:1: expected \"site bits [key=value ...]\", got \"weight:*\"");
  CHECK(message("layers.* 8") ==
        "[quant] f:1: the site \"layers.*\" must begin with weight:, bias:, act:, acc: or state:");
  CHECK(message("weight:* 8 range=max") ==
        "[quant] f:1: range: expected one of absmax, ema, percentile, mse, fixed, learned, stored, got "
        "\"max\"");
  CHECK(message("weight:* 8 ranges=ema") ==
        "[quant] f:1: \"ranges=ema\" is not an option of a rule; the options are range, granularity, edge, rate, sign, "
        "scale, alpha, value, rounding, parts, group, form, magnitude, phase, spacing, width and grid_shift");
  CHECK(message("act:* 8 rate=0") == "[quant] f:1: rate: expected a number above 0 and up to 1, got \"0\"");
  CHECK(message("weight:* 8 range=ema") ==
        "[quant] f:1: weight:layers.0.ssm.A is a constant, which sets its own range; range=ema is for activations");
  CHECK(message("state:* 8 range=mse").find("takes range=ema, fixed") != std::string::npos);
  CHECK(message("state:* 8 sign=asymmetric").find("takes sign=symmetric only") != std::string::npos);
  CHECK(message("act:* 8 rounding=feedback").find("rounding is for state: rows") != std::string::npos);
  CHECK(message("act:* 8 granularity=step").find("only with range=absmax") != std::string::npos);
  CHECK(message("weight:* 8 granularity=step").find("granularity=tensor or channel only") != std::string::npos);
  CHECK(message("weight:* 8 sign=asymmetric edge=half").find("takes edge=center only") != std::string::npos);
  CHECK(message("act:* 8 sign=asymmetric range=percentile").find("absmax, ema or fixed only") != std::string::npos);
  CHECK(message("weight:*.B 4 granularity=channel group=0") ==
        "[quant] f:1: group: expected 1 to 65536 columns, got \"0\"");
  for (const char* const rule : {"weight:*.B 4 group=8", "weight:*.B 9 granularity=channel group=8",
                                 "weight:*.B 4 granularity=channel range=mse group=8",
                                 "weight:*.B 4 granularity=channel sign=asymmetric group=8",
                                 "weight:*.B 4 granularity=channel scale=pow2 group=8"}) {
    CAPTURE(rule);
    CHECK(message(rule).find("group does nothing here; it needs 2 to 8 bits, granularity=channel") !=
          std::string::npos);
  }
  CHECK(message("act:* 4 granularity=channel range=absmax group=8").find("has no rows of a matrix") !=
        std::string::npos);
  CHECK(message("weight:*.A 4 granularity=channel group=8").find("has no rows of a matrix") != std::string::npos);
  CHECK(message("weight:*.B 4 granularity=channel group=8") == "accepted");
  CHECK(message("weight:*.B 8 parts=both") == "[quant] f:1: parts: expected one of joint, separate, got \"both\"");
  CHECK(message("weight:*.B 8 parts=separate range=mse").find("parts does nothing here") != std::string::npos);
  CHECK(message("weight:*.B 8 parts=separate granularity=channel").find("parts does nothing here") !=
        std::string::npos);
  CHECK(message("weight:*.A 8 parts=separate").find("which is for B, C and the operand of C") != std::string::npos);
  CHECK(message("weight:*.B 8 parts=separate sign=asymmetric").find("cannot have parts") != std::string::npos);
  CHECK(message("act:*.u 8 parts=separate range=absmax").find("cannot have parts=separate") != std::string::npos);
  CHECK(message("weight:*.B 8 form=polar").find("form is for weight:*.ssm.A") != std::string::npos);
  CHECK(message("weight:*.A 4 form=disk range=learned").find("not range=learned") != std::string::npos);
  CHECK(message("weight:*.A 4 form=disk range=stored").find("not range=learned or stored") != std::string::npos);
  CHECK(message("act:* 8 range=stored").find("is not a constant; range=stored is for weights") != std::string::npos);
  CHECK(message("weight:*.B 8 range=stored sign=asymmetric").find("absmax, ema or fixed only") != std::string::npos);
  CHECK(message("weight:*.A 4 form=disk sign=asymmetric").find("takes only sign=symmetric") != std::string::npos);
  CHECK(message("weight:*.A 4 form=polar magnitude=3 phase=4").find("with the sum 8") != std::string::npos);
  CHECK(message("weight:*.A 4 form=polar phase=8").find("at least 1") != std::string::npos);
  for (const char* const shift : {"0.51", "-1", "nan", "x", ""}) {
    CAPTURE(shift);
    CHECK(message((std::string("weight:*.A 4 form=polar grid_shift=") + shift).c_str()).find("from -0.5 to 0.5") !=
          std::string::npos);
  }
  CHECK(message("weight:*.A 1 form=delta").find("form=delta needs at least 2 bits") != std::string::npos);
  CHECK(message("weight:*.A 4 form=delta edge=half").find("edge does nothing here") != std::string::npos);
  CHECK(message("weight:*.A 1 form=shear").find("form=shear needs at least 2 bits") != std::string::npos);
  CHECK(message("weight:*.A 4 form=shear magnitude=16").find("expected 1 to 15 bits of the decay") !=
        std::string::npos);
  for (const char* const option : {"edge=half", "scale=pow2", "sign=asymmetric", "range=learned", "range=stored",
                                   "phase=3", "spacing=log", "width=8", "grid_shift=0.1"}) {
    CAPTURE(option);
    CHECK(message((std::string("weight:*.A 4 form=shear ") + option).c_str()).find("does nothing here") !=
          std::string::npos);
  }
  CHECK(message("weight:*.A 4 form=delta magnitude=2").find("it needs form=polar, log-polar or shear") !=
        std::string::npos);
  CHECK(message("weight:*.B 4 form=shear").find("form is for weight:*.ssm.A") != std::string::npos);
  CHECK(message("weight:*.A 4 form=disk grid_shift=0.5").find("grid_shift does nothing here") != std::string::npos);
  CHECK(message("weight:*.A 4 phase=5").find("phase does nothing here; it needs form=polar") != std::string::npos);
  CHECK(message("weight:*.A 4 form=polar edge=half").find("edge does nothing here") != std::string::npos);
  CHECK(message("act:* 8 alpha=99").find("alpha does nothing here; it needs range=percentile") != std::string::npos);
  CHECK(message("act:* 8 range=fixed").find("range=fixed needs the range as value=") != std::string::npos);
  CHECK(message("weight:* 8 rate=0.1").find("rate does nothing here") != std::string::npos);
  CHECK(message("weight:*.A 4 width=17") == "[quant] f:1: width: expected a whole number from 8 to 16, got \"17\"");
  CHECK(message("act:* 8 alpha=101") == "[quant] f:1: alpha: expected a number above 0 and up to 100, got \"101\"");
  CHECK(message("act:* 8 value=nan").find("value: expected a number above 0 and up to 1e+18, got \"nan\"") !=
        std::string::npos);
  CHECK(message("state:* 1").find("at least 2 bits") != std::string::npos);
}

/// What the parser says to the option `option` of a rule.
std::string refusal(const std::string& option) {
  try {
    (void)QuantConfig::parse("weight:* 8 " + option, "f");
  } catch (const UsageError& error) {
    return error.what();
  }
  return {};
}

/// The words of a list in a sentence, "a, b and c", that stands between `before` and `after`; none where it is absent.
std::vector<std::string> listed(std::string text, std::string_view before, std::string_view after) {
  const auto begin = text.find(before);
  if (begin == std::string::npos) return {};
  text = text.substr(begin + before.size());
  text = text.substr(0, text.find(after));
  if (const auto last = text.find(" and "); last != std::string::npos) text.replace(last, 5, ", ");
  return split(text, ", ");
}

/// The rows of the table of options in docs/numerics.md: the name of each, and the words of its second column.
std::map<std::string, std::vector<std::string>> documented_options() {
  const std::string page = read_file(tests::source_folder() / "docs/numerics.md", std::size_t{1} << 20);
  const auto begin = page.find("| option | values | default |");
  std::map<std::string, std::vector<std::string>> rows;
  for (const std::string& line : split(page.substr(begin, page.find("\n\n", begin) - begin), "\n")) {
    const auto cells = split(line, "|");
    if (!cells.front().starts_with("`")) continue;
    auto& words = rows[cells.front().substr(1, cells.front().size() - 2)];
    for (const std::string& word : split(cells[1], " ")) {
      if (word.starts_with("`")) words.push_back(word.substr(1, word.size() - 2));
    }
  }
  return rows;
}

TEST_CASE("quant config: docs/numerics.md has a row for every option of a rule, with the words that it takes") {
  const auto documented = documented_options();
  const auto known = listed(refusal("nothing=1"), "the options are ", "\n");
  CHECK(known.size() == 17);
  for (const std::string& name : known) {
    CAPTURE(name);
    REQUIRE(documented.contains(name));
    CHECK(documented.at(name) == listed(refusal(name + "=?"), "expected one of ", ", got"));
  }
  CHECK(documented.size() == known.size());
}

TEST_CASE("quant spec: a rule with ? may match no site; one without must") {
  const std::vector<Site> model_sites{{"act:decoder", SiteKind::act}};
  const auto specs = QuantConfig::parse("?act:encoder 8\n?act:decoder 4\n", "f").resolve(model_sites);
  CHECK(specs.at(0).bits == 4);
  CHECK_THROWS_AS((void)QuantConfig::parse("act:encoder 8\n", "f").resolve(model_sites), UsageError);
  CHECK_THROWS_AS((void)QuantConfig::parse("? 8\n", "f"), UsageError);
}

TEST_CASE("quant spec: a lookup form splits 2b bits into modulus and phase") {
  const auto split = [](const char* row) {
    const QuantSpec spec = QuantConfig::parse(row, "test").resolve(sites)[0];
    return std::array<int, 2>{spec.pole.magnitude, spec.pole.phase};
  };
  CHECK(split("weight:*.A 2 form=log-polar") == std::array<int, 2>{1, 3});
  CHECK(split("weight:*.A 4 form=log-polar") == std::array<int, 2>{3, 5});
  CHECK(split("weight:*.A 5 form=log-polar") == std::array<int, 2>{3, 7});
  CHECK(split("weight:*.A 6 form=log-polar") == std::array<int, 2>{4, 8});
  CHECK(split("weight:*.A 8 form=log-polar") == std::array<int, 2>{6, 10});
  CHECK(split("weight:*.A 16 form=log-polar") == std::array<int, 2>{14, 18});
  CHECK(split("weight:*.A 5 form=log-polar phase=6") == std::array<int, 2>{4, 6});
  CHECK(split("weight:*.A 8 form=polar") == std::array<int, 2>{7, 9});
  CHECK(split("weight:*.A 4 form=polar magnitude=2") == std::array<int, 2>{2, 6});
  CHECK(split("weight:*.A 1 form=polar") == std::array<int, 2>{1, 1});
  CHECK(split("weight:*.A 8 form=disk") == std::array<int, 2>{0, 0});
}

TEST_CASE("quant spec: a form is for the sites that the model declares as eigenvalues, whatever their names") {
  std::vector<Site> other{{"weight:cells.2.decay", SiteKind::weight, true}, {"weight:ssm.A", SiteKind::weight}};
  CHECK(QuantConfig::parse("weight:cells.* 4 form=disk", "f").resolve(other)[0].pole.form == PoleSpec::Form::disk);
  const auto refused = QuantConfig::parse("weight:ssm.A 4 form=disk", "f");
  CHECK_THROWS_WITH_AS((void)refused.resolve(other),
                       "[quant] f:1: weight:ssm.A is not a state matrix; form is for weight:*.decay", UsageError);
  other[0].poles = false;
  CHECK_THROWS_WITH_AS((void)refused.resolve(other),
                       doctest::Contains("form is for eigenvalues, which this model does not have"), UsageError);
}

TEST_CASE("quant spec: a group is for the sites that the model declares as groups, with a range that is kept") {
  std::vector<Site> other{{"act:layers.0.mixer.u", SiteKind::act, false, false, true}, {"act:mixer.o", SiteKind::act}};
  const auto resolved = [&](const std::string& row) { return QuantConfig::parse(row, "f").resolve(other); };
  for (const char* const range : {"ema", "percentile", "mse"}) {
    CHECK(resolved(std::string("act:*.u 8 granularity=group range=") + range)[0].granularity ==
          QuantSpec::Granularity::group);
  }
  for (const char* const range : {"absmax", "fixed value=2", "learned"}) {
    CHECK_THROWS_WITH_AS((void)resolved(std::string("act:*.u 8 granularity=group range=") + range),
                         "[quant] f:1: act:layers.0.mixer.u takes granularity=group only with range=ema, percentile "
                         "or mse",
                         UsageError);
  }
  CHECK_THROWS_WITH_AS((void)resolved("act:mixer.o 8 granularity=group"),
                       "[quant] f:1: act:mixer.o has no groups of channels; granularity=group is for act:*.mixer.u",
                       UsageError);
  other[0].grouped = false;
  CHECK_THROWS_WITH_AS((void)resolved("act:mixer.o 8 granularity=group"),
                       doctest::Contains("granularity=group is for channels in groups, which this model does not have"),
                       UsageError);
}

TEST_CASE("quant spec: the options of a rule are written as they are read") {
  CHECK(options_text(QuantConfig::parse("weight:*.B 4 parts=separate", "f").resolve(sites)[1]) ==
        "range=absmax parts=separate");
  for (const std::string row :
       {"range=absmax", "range=ema rate=0.5 rounding=stochastic", "range=absmax form=disk",
        "range=absmax form=log-polar magnitude=3 phase=5 spacing=log width=12",
        "range=absmax form=polar magnitude=2 phase=6 spacing=linear width=16",
        "range=absmax form=log-polar magnitude=3 phase=5 spacing=log width=16 grid_shift=-0.25"}) {
    CAPTURE(row);
    const bool state = row.find("rounding") != row.npos;
    const auto specs = QuantConfig::parse((state ? "state:* 4 " : "weight:*.A 4 ") + row, "f").resolve(sites);
    CHECK(options_text(specs[state ? 3 : 0]) == row);
  }
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
