#include "core/tuning/in_turn.h"

#include "core/program/run/runner.h"

namespace bitstate::program {

std::vector<std::int32_t> tuned_in_turn(const Program& program, const TrainableHead& head,
                                        const std::vector<std::vector<std::int32_t>>& sequences, std::size_t rounds) {
  const Runner before(before_head(program, head));
  std::vector<std::vector<std::int32_t>> operands;
  for (const auto& sequence : sequences) operands.push_back(before.run(sequence));
  HeadTuner tuner(program, head);
  std::vector<std::int32_t> found;
  std::size_t label = 0;
  for (std::size_t round = 0; round < rounds; ++round) {
    for (const auto& rows : operands) {
      for (std::size_t at = 0; at < rows.size(); at += head.cols) {
        found.push_back(tuner.tune(std::span(rows).subspan(at, head.cols), label));
        label = (label + 1) % head.rows;
      }
    }
  }
  found.insert(found.end(), tuner.weights().begin(), tuner.weights().end());
  found.insert(found.end(), tuner.biases().begin(), tuner.biases().end());
  return found;
}

}  // namespace bitstate::program
