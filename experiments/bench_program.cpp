#include "experiments/bench_program.h"

#include "core/error.h"
#include "core/program/runner.h"
#include "core/random.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <limits>
#include <span>

namespace bitstate::experiments {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// CPU time of this thread: waiting for a core that others use would count against what takes longer.
double thread_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Codes from the whole grid of the input.
std::vector<std::int32_t> random_codes(const program::Input& input, std::size_t length) {
  const Random random{0, 0};
  const auto count = static_cast<std::uint64_t>(std::int64_t{input.grid.hi} - input.grid.lo + 1);
  std::vector<std::int32_t> codes(length * input.cols);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    codes[i] = static_cast<std::int32_t>(input.grid.lo + static_cast<std::int64_t>(random.below(count, i)));
  }
  return codes;
}

/// One instruction set, and what it is timed on.
struct Candidate {
  program::Runner runner;
  IsaSpeed speed;
  std::vector<double> ratios = {};  // of the rounds

  /// One sequence as a whole, then one row by row; both times are kept where they are the least so far. Returns the
  /// first.
  double round(std::span<const std::int32_t> codes) {
    double start = thread_seconds();
    const std::vector<std::int32_t> whole = runner.run(codes);
    const double sequence = thread_seconds() - start;
    speed.sequence_seconds = std::min(speed.sequence_seconds, sequence);
    if (!runner.streams()) return sequence;
    const std::size_t cols = runner.program().input.cols;
    const std::size_t steps = codes.size() / cols;
    std::vector<std::int32_t> output(runner.per_step() ? runner.output_cols() : 0);
    program::State state = runner.begin();
    start = thread_seconds();
    for (std::size_t t = 0; t < steps; ++t) runner.step(state, codes.subspan(t * cols, cols), output);
    speed.step_seconds = std::min(speed.step_seconds, (thread_seconds() - start) / static_cast<double>(steps));
    return sequence;
  }
};

double median(std::vector<double> x) {
  std::nth_element(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2), x.end());
  return x[x.size() / 2];
}

}  // namespace

ProgramSpeed bench_program(const program::Program& program, std::size_t length,
                           const std::function<void()>& float_sequence, double seconds) {
  require(length > 0, "bench", "a sequence has no steps");
  constexpr double never = std::numeric_limits<double>::infinity();
  const std::vector<std::int32_t> codes = random_codes(program.input, length);
  std::vector<Candidate> candidates;
  for (const program::Isa isa : {program::Isa::plain, program::Isa::avx2, program::Isa::avx512}) {
    if (program::is_available(isa)) candidates.push_back({program::Runner(program, isa), {isa, never, 0.0, never}});
  }
  ProgramSpeed result;
  result.length = length;
  result.float_sequence_seconds = float_sequence ? never : 0.0;
  const auto start = Clock::now();
  do {
    double float_seconds = 0.0;
    if (float_sequence) {
      const double begin = thread_seconds();
      float_sequence();
      float_seconds = thread_seconds() - begin;
      result.float_sequence_seconds = std::min(result.float_sequence_seconds, float_seconds);
    }
    for (Candidate& candidate : candidates) candidate.ratios.push_back(float_seconds / candidate.round(codes));
  } while (seconds_since(start) < seconds);
  for (Candidate& candidate : candidates) {
    candidate.speed.speedup = median(candidate.ratios);
    if (!candidate.runner.streams()) candidate.speed.step_seconds = 0.0;
    result.isas.push_back(candidate.speed);
  }
  return result;
}

}  // namespace bitstate::experiments
