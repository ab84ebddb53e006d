// Blocks of Mamba-2 in W8A8 with the scales of Quamba2: clusters, scales and errors are those of the reference.
#include "core/error.h"
#include "models/mamba/cluster.h"
#include "models/mamba/mixer.h"
#include "tests/support/golden.h"
#include "tests/support/mamba_fixture.h"
#include "tests/support/models/mamba2_golden.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::tests::mamba_cluster_test {
namespace {

void set_parameters(const MambaGolden& golden, const std::string& at, Mamba2Mixer& mixer) {
  const auto tensors = parameters_of(mixer);
  CHECK(golden.list(at + "/param").size() == tensors.size());
  for (const auto& [parameter, tensor] : tensors) *tensor = golden.matrix(at + "/param/" + parameter);
}

/// A mixer alone, with what its sites show.
struct Bench {
  Mamba2Mixer& mixer;
  Inventory inventory;
  std::vector<float> observed, u;

  explicit Bench(Mamba2Mixer& of) : mixer(of), inventory(take_inventory(of)) {}

  void quantize(const std::string& rules) {
    quantize_sites(inventory, QuantConfig::parse(rules, "test"));
    observed.assign(inventory.range_count(), 0.0F);
  }
  /// Of `sequences` in the rows of x.
  std::vector<float> run(const Tensor& x, std::size_t sequences, bool calibrating = false) {
    const std::vector<std::size_t> rows(sequences, x.rows / sequences);
    Pass pass;
    pass.training = pass.calibrating = calibrating;
    pass.observed = observed;
    Tape tape;
    tape.begin(pass);
    const Value y = mixer.forward(tape, tape.input(x.rows, x.cols, x.data.data()), {rows, rows, 0});
    for (const SiteVisit& visit : tape.visits()) {
      if (visit.site == &mixer.sites.u) u.assign(tape.value(visit.input), tape.value(visit.input) + u.size());
    }
    return {tape.value(y), tape.value(y) + tape[y].size()};
  }
  /// The statistic of the reference: of each channel the largest mean magnitude of a sequence.
  std::vector<float> statistic(const Tensor& x, std::size_t sequences) {
    const std::size_t channels = mixer.sites.u.channels;
    u.resize(x.rows * channels);
    run(x, sequences);
    std::vector<float> largest(channels, 0.0F);
    for (std::size_t s = 0; s < sequences; ++s) {
      for (std::size_t c = 0; c < channels; ++c) {
        double sum = 0.0;
        for (std::size_t t = s * x.rows / sequences; t < (s + 1) * x.rows / sequences; ++t) {
          sum += std::fabs(double{u[t * channels + c]});
        }
        const double steps = static_cast<double>(x.rows) / static_cast<double>(sequences);
        largest[c] = std::max(largest[c], static_cast<float>(sum / steps));
      }
    }
    u.clear();
    return largest;
  }
};

const std::string w8a8 =
    "weight:* 8\nbias:* 16\nact:* 8\nact:conv 12\nact:*_conv 12\nact:dt 12\nact:du 16 granularity=channel\n"
    "state: 16 granularity=channel\nact:y 16\nact:gate 16\nact:gated 16\n?act:normed 16\n";

TEST_CASE("mamba2: clusters of channels and the scales of Quamba2 are those of the reference") {
  const MambaGolden golden;
  const auto cases = golden.cases("quamba2", {"D", "E", "G", "H", "K", "L", "N", "P", "Z", "m", "n"});
  CHECK(cases.size() == 2);
  for (const std::string& at : cases) {
    CAPTURE(at);
    MambaOptions options = mamba2_options(golden, at);
    Mamba2Mixer mixer(options, 1, "mixer");
    set_parameters(golden, at, mixer);
    const Tensor out_proj = mixer.out_proj.weight.value;
    const Tensor x = golden.matrix(at + "/x");
    const Tensor calibration = golden.matrix(at + "/x_calibration");
    const std::size_t sequences = golden.count(at, "Z");
    const auto y_float = golden.values(at + "/out/y_float");
    Bench bench(mixer);
    cluster_channels(mixer, bench.statistic(calibration, 4), golden.count(at, "m"), golden.count(at, "n"));
    CHECK(relative_error(std::span<const float>(bench.run(x, sequences)), y_float) <= 1e-5);
    const auto perm = golden.integers(at + "/cluster/perm");
    for (std::size_t c = 0; c < options.inner(); ++c) {
      CHECK(mixer.out_proj.weight.value(0, c) == out_proj(0, static_cast<std::size_t>(perm[c])));
    }

    const std::string groups = "act:u 8 granularity=group\nact:B 8 granularity=group\nact:C 8 granularity=group\n";
    const auto calibrate = [&](const std::string& rules) {
      bench.quantize(rules);
      bench.run(calibration, 4, true);
      calibrate_ranges(bench.inventory, {bench.observed, {}});
    };
    calibrate(groups);
    const auto check_scales = [&](const Quantizer& site, const std::string& name) {
      CAPTURE(name);
      const auto expected = golden.values(at + "/scale/" + name);
      REQUIRE(site.channels % expected.size() == 0);
      for (std::size_t c = 0; c < site.channels; ++c) {
        const double scale = expected[c * expected.size() / site.channels];
        CHECK(site.grid(site.range.size() == 1 ? 0 : c).scale == doctest::Approx(scale).epsilon(1e-5));
      }
    };
    check_scales(mixer.sites.u, "x_channel");
    check_scales(mixer.sites.B, "B_group");
    check_scales(mixer.sites.C, "C_group");
    calibrate(w8a8 + groups);
    const double error = relative_error(std::span<const float>(bench.run(x, sequences)), y_float);
    const auto published = golden.values(at + "/out/y");
    const double expected = relative_error(std::span<const double>(published), y_float);
    CAPTURE(error);
    CAPTURE(expected);
    CHECK(error < 1.3 * expected);
    CHECK(error > 0.3 * expected);
  }
}

}  // namespace
}  // namespace bitstate::tests::mamba_cluster_test
