#include "experiments/training/streaming.h"

#include "core/error.h"

#include <span>
#include <utility>

namespace bitstate {

StreamEvaluation::StreamEvaluation(const Model& model, CarryingForward forward, Judge judge, Workers& workers)
    : model_(model), forward_(forward), judge_(std::move(judge)), workers_(workers) {}

const BatchResult& StreamEvaluation::run(const datasets::Dataset& data, std::size_t first, std::size_t count) {
  examples_.resize(count);
  result_.tokens = 0;
  for (auto* const numbers : {&result_.losses, &result_.metrics, &result_.weights}) numbers->assign(count, 0.0);
  std::vector<std::size_t> starts;  // of chains that continue each other
  for (std::size_t i = 0; i < count; ++i) {
    examples_[i].clear();
    data.read(first + i, examples_[i]);
    check_example(examples_[i], first + i);
    result_.tokens += examples_[i].length;
    if (i == 0 || !examples_[i].continues) starts.push_back(i);
  }
  result_.details.assign(count * judge_.details_of(examples_.front()), 0.0);
  std::vector<CarriedState> states(starts.size());
  if (examples_.front().continues) states.front() = std::move(state_);
  starts.push_back(count);
  workers_.for_each(states.size(), [&](std::size_t chain) {
    for (std::size_t i = starts[chain]; i < starts[chain + 1]; ++i) evaluate(i, states[chain]);
  });
  state_ = std::move(states.back());
  return result_;
}

void StreamEvaluation::evaluate(std::size_t index, CarriedState& state) {
  const datasets::Example& example = examples_[index];
  Asked asked;
  judge_.append(asked, example, example.length);
  Tape tape;
  tape.begin({});
  const std::size_t rows[] = {example.length};
  const Batch batch{{rows, rows, 0}, example.x, example.tokens};
  const Value output = forward_(tape, model_, batch, state);
  const Value loss = judge_.loss(tape, output, batch.sequences, asked);
  const auto own = [&](std::vector<double>& all) {
    const std::size_t each = all.size() / examples_.size();
    return std::span(all).subspan(index * each, each);
  };
  judge_.judge(tape, output, loss, batch.sequences, asked,
               {own(result_.losses), own(result_.metrics), own(result_.weights), own(result_.details)});
}

}  // namespace bitstate
