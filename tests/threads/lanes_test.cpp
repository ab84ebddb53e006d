// Training batches of made-up sequences on several threads: what ThreadSanitizer watches in ./check, without files,
// settings and the command line.
#include "experiments/training/lane_runner.h"

#include "core/random.h"
#include "models/s5/models.h"
#include "tests/support/thread_team.h"

#include <doctest/doctest.h>

#include <memory>
#include <numeric>
#include <vector>

namespace bitstate {
namespace {

constexpr std::size_t columns = 3;

/// Sequences of random numbers of 20 to 29 steps in two classes.
class Noise final : public datasets::Dataset {
 public:
  [[nodiscard]] std::size_t size() const override { return 10; }
  void read(std::size_t index, datasets::Example& out) const override {
    const Random random{7, random_stream("noise", index)};
    out.length = 20 + index;
    out.x.resize(out.length * columns);
    for (std::size_t i = 0; i < out.x.size(); ++i) out.x[i] = static_cast<float>(random.normal(i));
    out.label = static_cast<std::int32_t>(index % 2);
  }
};

/// The flat gradient of a batch dealt to lanes, after a calibration on the same sequences.
std::vector<float> gradient(std::size_t threads, bool batchnorm, bool bidirectional, std::size_t lanes = 5,
                            const std::shared_ptr<Team>& team = std::make_shared<Team>()) {
  S5Options options;
  options.inputs = columns;
  options.outputs = 2;
  options.layers = 2;
  options.p_dropout = 0.1;
  options.layer.sizes.H = 4;
  options.layer.sizes.P_full = 4;
  options.layer.sizes.blocks = 1;
  options.layer.sizes.bidirectional = bidirectional;
  options.layer.batchnorm = batchnorm;
  Model model = S5Classifier(options, 1);
  Inventory inventory = take_inventory(model);
  quantize_sites(inventory,
                 QuantConfig::parse("weight:* 8\nact:* 8 range=percentile\nact:decoder.y none\nstate:* 16", "threads"));
  Workers workers(threads);
  LaneRunner runner(model, inventory, Metric::accuracy, {lanes, 0, batchnorm, {}, false, team}, workers);
  const Noise noise;
  std::vector<std::size_t> indices(noise.size());
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  runner.run(LaneRunner::Mode::begin, noise, indices);
  calibrate_ranges(inventory, runner.observed());
  for (std::uint64_t step = 0; step < 3; ++step) runner.run(LaneRunner::Mode::train, noise, indices, 5, step);
  const std::vector<float> found(runner.gradient().begin(), runner.gradient().end());
  runner.run(LaneRunner::Mode::calibrate, noise, indices);
  runner.run(LaneRunner::Mode::evaluate, noise, indices);
  return found;
}

TEST_CASE("threads: lanes of quantized models give equal gradients on one thread and on four") {
  for (const bool batchnorm : {false, true}) {
    for (const bool bidirectional : {false, true}) {
      CAPTURE(batchnorm);
      CAPTURE(bidirectional);
      const auto alone = gradient(1, batchnorm, bidirectional);
      CHECK(gradient(4, batchnorm, bidirectional) == alone);
      CHECK(alone != std::vector<float>(alone.size(), 0.0F));
    }
  }
}

TEST_CASE("threads: two ranks of four lanes give the gradient of one process with eight") {
  for (const bool batchnorm : {false, true}) {
    CAPTURE(batchnorm);
    const auto alone = gradient(2, batchnorm, false, 8);
    std::vector<std::vector<float>> found(2);
    tests::with_team(
        2, [&](const std::shared_ptr<Team>& team) { found[team->rank()] = gradient(2, batchnorm, false, 8, team); });
    CHECK(found[0] == alone);
    CHECK(found[1] == alone);
  }
}

}  // namespace
}  // namespace bitstate
