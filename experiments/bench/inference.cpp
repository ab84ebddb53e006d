#include "experiments/bench/inference.h"

#include "core/program/run/runner.h"
#include "experiments/bench/thread_seconds.h"
#include "experiments/training/export_model.h"

#include <algorithm>
#include <limits>
#include <memory>

namespace bitstate::experiments {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();

/// What is timed of a model, and the least times so far.
class Contender {
 public:
  virtual ~Contender() = default;
  void round(const datasets::Example& example) {
    prefill_ = std::min(prefill_, seconds_of([&] { prefill(example); }));
    if (decodes()) decode_ = std::min(decode_, seconds_of([&] { decode(example); }));
  }
  [[nodiscard]] InferenceSpeed speed(std::size_t steps) const {
    const auto count = static_cast<double>(steps);
    return {count / prefill_, decodes() ? count / decode_ : 0.0, constant_bytes()};
  }

 private:
  virtual void prefill(const datasets::Example& example) = 0;
  [[nodiscard]] virtual bool decodes() const = 0;
  virtual void decode(const datasets::Example& example) = 0;
  [[nodiscard]] virtual std::uint64_t constant_bytes() const = 0;

  double prefill_ = never, decode_ = never;
};

class FloatContender final : public Contender {
 public:
  explicit FloatContender(const FloatInference& model) : model_(model) {}

 private:
  void prefill(const datasets::Example& example) override { forward_example(model_.model, example, 0, tape_, true); }
  [[nodiscard]] bool decodes() const override { return model_.carrying != nullptr; }
  void decode(const datasets::Example& example) override {
    CarriedState state;
    const std::size_t one[] = {1};
    for (const std::int32_t& token : example.tokens) {
      tape_.begin({});
      model_.carrying(tape_, model_.model, {{one, one, 0}, {}, {&token, 1}}, state);
    }
  }
  [[nodiscard]] std::uint64_t constant_bytes() const override { return 4 * model_.parameters; }

  const FloatInference& model_;
  Tape tape_;
};

class IntegerContender final : public Contender {
 public:
  IntegerContender(const program::Program& program, const datasets::Example& example)
      : runner_(program), codes_(input_codes(program, example)), output_(runner_.output_cols()) {}

 private:
  void prefill(const datasets::Example&) override { static_cast<void>(runner_.run(codes_)); }
  [[nodiscard]] bool decodes() const override { return runner_.streams(); }
  void decode(const datasets::Example& example) override {
    program::State state = runner_.begin();
    const std::size_t cols = codes_.size() / example.length;
    for (std::size_t t = 0; t < example.length; ++t) {
      runner_.step(state, std::span(codes_).subspan(t * cols, cols),
                   std::span(output_).first(runner_.per_step() ? output_.size() : 0));
    }
  }
  [[nodiscard]] std::uint64_t constant_bytes() const override { return runner_.constant_bytes(); }

  program::Runner runner_;
  std::vector<std::int32_t> codes_, output_;
};

}  // namespace

std::vector<InferenceSpeed> measure_inference(std::span<const InferenceModel> models, const datasets::Example& example,
                                              double seconds) {
  std::vector<std::unique_ptr<Contender>> contenders;
  for (const InferenceModel& model : models) {
    if (const auto* const program = std::get_if<program::Program>(&model)) {
      contenders.push_back(std::make_unique<IntegerContender>(*program, example));
    } else {
      contenders.push_back(std::make_unique<FloatContender>(std::get<FloatInference>(model)));
    }
  }
  const double start = thread_seconds();
  do {
    for (const auto& contender : contenders) contender->round(example);
  } while (thread_seconds() - start < seconds);
  std::vector<InferenceSpeed> speeds;
  for (const auto& contender : contenders) speeds.push_back(contender->speed(example.length));
  return speeds;
}

}  // namespace bitstate::experiments
