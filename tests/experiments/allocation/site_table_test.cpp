#include "experiments/allocation/site_table.h"

#include "core/error.h"
#include "experiments/run_folder/model_setup.h"
#include "tests/experiments/run_folder/small_lorenz.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace bitstate::experiments {
namespace {

/// The small Lorenz model and its sites.
struct Sites {
  RunConfig config = tests::small_lorenz({});
  Model model = make_model(config, load_data(config));
  Inventory inventory = take_inventory(model);

  [[nodiscard]] SiteTable table(const std::string& base, const std::string& forms, const std::vector<int>& widths) {
    quantize_sites(inventory, QuantConfig::parse(base, "base"));
    return make_site_table(inventory, base, forms, widths);
  }
};

const TableSite& named(const SiteTable& table, const std::string& name) {
  const auto found =
      std::find_if(table.sites.begin(), table.sites.end(), [&](const TableSite& site) { return site.site == name; });
  REQUIRE(found != table.sites.end());
  return *found;
}

const std::string forms =
    "weight:* 8 range=absmax granularity=channel  # comment\nweight:*.ssm.A 8 form=log-polar\nact:* 8 rate=0.3\n"
    "act:decoder.y none\n?state:*.none 8\n";

}  // namespace

TEST_CASE("site table: a site has the options of the last rule that gives it bits, the run's own first") {
  Sites sites;
  const SiteTable table = sites.table(
      "weight:*.ssm.B 4 range=learned\nweight:*.ssm.C none\nweight:layers.0.ssm.A 6 "
      "form=log-polar magnitude=4 phase=8\n",
      forms, {8, 2});
  CHECK(named(table, "weight:layers.1.ssm.A").rule(4) == "weight:layers.1.ssm.A 4 form=log-polar");
  CHECK(named(table, "weight:layers.0.ssm.A").rule(4) == "weight:layers.0.ssm.A 4 form=log-polar");
  CHECK(named(table, "weight:layers.0.ssm.B").rule(2) == "weight:layers.0.ssm.B 2 range=learned");
  CHECK(named(table, "weight:layers.0.ssm.C").rule(2) == "weight:layers.0.ssm.C 2 range=absmax granularity=channel");
  for (const TableSite& site : table.sites) CHECK(site.kind != SiteKind::bias);
  for (const TableSite& site : table.sites) CHECK(site.site != "act:decoder.y");
  for (const TableSite& site : table.sites) CHECK(site.kind != SiteKind::state);
}

TEST_CASE("site table: its sizes add up to those of the quantized model") {
  Sites sites;
  const SiteTable table = sites.table("", forms, {8, 3});
  for (std::size_t w = 0; w < 2; ++w) {
    std::string rules;
    std::uint64_t bits = table.other_bits;
    for (const TableSite& site : table.sites) {
      rules += site.rule(table.widths[w]) + "\n";
      if (is_constant(site.kind)) bits += site.stored_bits[w];
    }
    quantize_sites(sites.inventory, QuantConfig::parse(rules, "rules"));
    CHECK(bits == size_bits(sites.inventory));
  }
}

TEST_CASE("site table: groups are kinds of weights, activations and states with more than one site") {
  Sites sites;
  const SiteTable table = sites.table("", forms + "state:* 16\n", {8});
  std::vector<std::string> names;
  for (const SiteGroup& group : table.groups()) names.push_back(group.name);
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"activations of the SSM", "other activations", "other weights", "states",
                                          "weights A", "weights B", "weights C", "weights D"});
}

TEST_CASE("site table: a width that a form cannot have is refused before anything is measured") {
  Sites sites;
  CHECK_THROWS_AS(sites.table("", "weight:*.ssm.A 8 form=log-polar\nweight:*.ssm.B 8 range=ema\n", {8}), UsageError);
}

TEST_CASE("site table: widths are read in any order, each once") {
  CHECK(read_widths("2, 8,4,8") == std::vector<int>{8, 4, 2});
  for (const std::string wrong : {"", ",", "1", "17", "8,x", "4.5", "-2"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS((void)read_widths(wrong), UsageError);
  }
}

}  // namespace bitstate::experiments
