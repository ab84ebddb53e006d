// Trains a model of one's own on data of one's own in few bits, exports it and runs the integer program.
#include "autograd/ops/elementwise.h"
#include "core/program/run/runner.h"
#include "core/random.h"
#include "experiments/training/export_model.h"
#include "experiments/training/named_rules.h"
#include "experiments/training/trainer.h"
#include "models/s5/groups.h"
#include "models/s5/layer.h"
using namespace bitstate;
struct FirstSign final : datasets::Dataset {  // 16 steps of noise; the class is the sign of the first
  std::size_t first, count;
  FirstSign(std::size_t begin, std::size_t n) : first(begin), count(n) {}
  std::size_t size() const override { return count; }
  void read(std::size_t index, datasets::Example& out) const override {
    out.length = 16;
    for (std::size_t t = 0; t < 16; ++t) out.x.push_back(static_cast<float>(Random{first + index, 0}.normal(t)));
    out.label = out.x[0] > 0 ? 1 : 0;
  }
};
// a function and its derivative; on codes it is a table
float softsign_of(float v) { return v / (1 + std::abs(v)); }
float softsign_slope(float v) { return 1 / ((1 + std::abs(v)) * (1 + std::abs(v))); }
Value softsign(Tape& tape, Value x) {
  static const Op op{"softsign", ops::elementwise_backward, {}, &ops::elementwise_of<softsign_of, softsign_slope>};
  return ops::elementwise(tape, op, x);
}
struct Network {  // decoder(last(softsign(ssm(x))))
  S5SSM ssm{{.sizes = {.H = 1, .P_full = 32, .blocks = 1, .dt_min = 0.05, .dt_max = 0.5}}, 1, "layer.ssm"};
  Linear decoder{1, 2, 1, "decoder"};
  Quantizer hidden{.numbers = 1}, squashed{.numbers = 1};
  OutputSpec output() const { return {Output::class_per_sequence}; }
  template <class V>
  void visit(V& v) {
    v("layer.ssm", ssm), v("decoder", decoder), v.site("act", "hidden", hidden), v.site("act", "squashed", squashed);
  }
  Value forward(Tape& tape, const Batch& batch) const {
    const Value x = tape.input(batch.x.size(), 1, batch.x.data());
    const Value y = ops::quantize(tape, ssm.forward(tape, x, batch.sequences), hidden, &batch.sequences);
    const Value z = ops::quantize(tape, softsign(tape, y), squashed, &batch.sequences);
    return decoder.forward(tape, ops::last(tape, z, batch.sequences));
  }
};
int main() {
  TrainerOptions options{{.epochs = 10, .bsz = 16}, named_rules("w8a8") + "weight:decoder 6\n"};
  options.lr = options.second_lr = 0.01, options.optimizer.groups = s5_groups(OptConfig::standard);
  options.callbacks.epoch = [](const EpochResult& e) { fmt::print("{} {:.3f}\n", e.epoch, e.validation.metric); };
  Trainer trainer(Network(), options);
  const FirstSign training(0, 1024), validation(1024, 256);
  if (!trainer.train(training, validation)) return 1;
  datasets::Example example;
  validation.read(0, example);
  const program::Runner runner(export_model(trainer.model(), example, "first-sign"));
  Tape tape;
  const Value logits = forward_example(trainer.model(), example, 0, tape);
  const bool equal = runner.run(input_codes(runner.header(), example)) == tape.codes32(logits);
  fmt::print("the integer program {} the codes of the forward\n", equal ? "gives" : "misses");
  return equal ? 0 : 1;
}
