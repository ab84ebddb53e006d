#include "core/tuning/in_turn.h"

#include "core/program/run/runner.h"
#include "core/tuning/top.h"

namespace bitstate::program {
namespace {

using Sequences = std::vector<std::vector<std::int32_t>>;

/// `program` on each of the sequences.
Sequences run_each(const Program& program, const Sequences& sequences) {
  const Runner runner(program);
  Sequences results;
  for (const auto& sequence : sequences) results.push_back(runner.run(sequence));
  return results;
}

void append(std::vector<std::int32_t>& all, const std::vector<std::int32_t>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

}  // namespace

std::vector<std::int32_t> tuned_in_turn(const Program& program, const TrainableHead& head,
                                        const std::optional<TrainableLayer>& layer, const Sequences& sequences,
                                        std::size_t rounds) {
  std::vector<std::int32_t> found;
  std::size_t label = 0;
  const auto step = [&](auto& tuner, std::span<const std::int32_t> codes) {
    found.push_back(tuner.tune(codes, label));
    label = (label + 1) % head.rows;
  };
  if (layer) {
    const Sequences entering = run_each(before_layer(program, *layer), sequences);
    TopTuner tuner(program, head, *layer);
    for (std::size_t round = 0; round < rounds; ++round) {
      for (const auto& rows : entering) step(tuner, rows);
    }
    append(found, tuner.head().weights());
    append(found, tuner.head().biases());
    append(found, tuner.numbers());
    return found;
  }
  const Sequences operands = run_each(before_head(program, head), sequences);
  HeadTuner tuner(program, head);
  for (std::size_t round = 0; round < rounds; ++round) {
    for (const auto& rows : operands) {
      for (std::size_t at = 0; at < rows.size(); at += head.cols) step(tuner, std::span(rows).subspan(at, head.cols));
    }
  }
  append(found, tuner.weights());
  append(found, tuner.biases());
  return found;
}

}  // namespace bitstate::program
