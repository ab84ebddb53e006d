#include "experiments/posttraining/evolve/search.h"

#include <chrono>
#include <cmath>
#include <utility>

namespace bitstate {
namespace {

using Clock = std::chrono::steady_clock;

class Search {
 public:
  Search(const std::vector<Block>& blocks, Objective& objective, Objective& held_out, const SearchSettings& settings,
         SearchState& state)
      : blocks_(blocks), objective_(objective), held_out_(held_out), settings_(settings), state_(state) {}

  void run(const SearchCalls& calls) {
    set_all(state_.ranges);
    if (state_.visits.empty()) {
      loss_ = objective_.from(0);
      state_.best_held_out = held_out_.from(0);
    } else {
      loss_ = state_.visits.back().loss;
    }
    const std::size_t visits = settings_.passes * blocks_.size();
    while (state_.visits.size() < visits && !is_over()) {
      visit(state_.visits.size());
      if (calls.visited) calls.visited(state_);
    }
    if (!state_.visits.empty() && std::isnan(state_.visits.back().held_out)) keep_best(state_.visits.back());
    set_all(state_.best);
  }

 private:
  [[nodiscard]] double seconds() const {
    return before_ + std::chrono::duration<double>(Clock::now() - began_).count();
  }
  [[nodiscard]] bool is_over() const { return settings_.seconds > 0.0 && seconds() >= settings_.seconds; }

  void set_all(const std::vector<std::vector<double>>& ranges) const {
    for (std::size_t b = 0; b < blocks_.size(); ++b) set_ranges(blocks_[b], ranges[b]);
  }

  [[nodiscard]] std::vector<double> steps_of(const Block& block) const {
    std::vector<double> steps;
    for (const Knob& knob : block) {
      const bool few = !knob.site->is_constant() && knob.site->spec.bits <= 4;
      steps.push_back(few ? settings_.step_of_few : settings_.step);
    }
    return steps;
  }

  void visit(std::size_t number) {
    const std::size_t count = blocks_.size();
    const std::size_t pass = number / count;
    const std::size_t b = settings_.last_first ? count - 1 - number % count : number % count;
    const Block& block = blocks_[b];
    const Random random{settings_.seed, random_stream("evolve", number)};
    std::uint64_t next = 0;
    double evaluations = state_.visits.empty() ? 0.0 : state_.visits.back().evaluations;
    objective_.settle(b);
    const auto loss = [&](const std::vector<double>& ranges) {
      set_ranges(block, ranges);
      ++evaluations;
      return objective_.from(b);
    };
    Candidate best{state_.ranges[b], loss_};
    try {
      best = visit_block(best, steps_of(block), settings_.tournament, {[&] { return random.uniform(next++); }, loss});
    } catch (...) {
      set_ranges(block, state_.ranges[b]);
      throw;
    }
    set_ranges(block, best.ranges);
    state_.ranges[b] = std::move(best.ranges);
    loss_ = best.loss;
    VisitRecord record{pass, b, evaluations, loss_};
    if ((number + 1) % count == 0) keep_best(record);
    record.seconds = seconds();
    state_.visits.push_back(record);
  }

  void keep_best(VisitRecord& record) {
    record.held_out = held_out_.from(0);
    if (record.held_out >= state_.best_held_out) return;
    state_.best_held_out = record.held_out;
    state_.best = state_.ranges;
  }

  const std::vector<Block>& blocks_;
  Objective& objective_;
  Objective& held_out_;
  const SearchSettings& settings_;
  SearchState& state_;
  double loss_ = 0.0;
  Clock::time_point began_ = Clock::now();
  double before_ = state_.visits.empty() ? 0.0 : state_.visits.back().seconds;
};

}  // namespace

SearchState start_of(const std::vector<Block>& blocks) {
  SearchState state;
  for (const Block& block : blocks) state.ranges.push_back(ranges_of(block));
  state.best = state.ranges;
  return state;
}

void search_ranges(const std::vector<Block>& blocks, Objective& objective, Objective& held_out,
                   const SearchSettings& settings, SearchState& state, const SearchCalls& calls) {
  Search(blocks, objective, held_out, settings, state).run(calls);
}

}  // namespace bitstate
