// An integer program at the sizes of Q-S5's sMNIST (4 layers, H = 96, P = 64, L = 784, w8a8) against the float model,
// one thread. Each line: name, milliseconds per sequence, microseconds per streaming step, speed relative to float.
#include "autograd/export.h"
#include "core/random.h"
#include "experiments/bench/bench_program.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/training/calibration.h"

#include <fmt/core.h>

#include <vector>

namespace {

using namespace bitstate;
using namespace bitstate::experiments;

constexpr std::size_t length = 784;

datasets::Splits shape() {
  datasets::Splits s;
  s.d_input = 1;
  s.d_output = 10;
  s.max_length = length;
  return s;
}

/// One sequence of random numbers through a model.
struct Sequence {
  std::vector<std::size_t> rows{length};
  std::vector<float> x = std::vector<float>(length);
  Tape tape;

  Sequence() {
    const Random random{0, 0};
    for (std::size_t i = 0; i < length; ++i) x[i] = static_cast<float>(random.uniform(i));
  }
  Value forward(const Model& model, const Pass& pass) {
    tape.begin(pass);
    return model.forward(tape, {{rows, rows, 0}, x, {}});
  }
};

program::Program quantized_program() {
  const RunConfig config = load_run_config("smnist", {{"quant", "w8a8"}});
  Model model = make_model(config, shape());
  Inventory inventory = take_inventory(model);
  apply_quantization(config, inventory);
  Sequence sequence;
  std::vector<float> observed(inventory.range_count());
  std::vector<std::uint32_t> counts(inventory.count_count());
  Pass calibration;
  calibration.training = calibration.calibrating = true;
  calibration.observed = observed;
  calibration.counts = counts;
  sequence.forward(model, calibration);
  calibrate_ranges(inventory, {observed, counts});
  const Value logits = sequence.forward(model, {});
  return export_program(sequence.tape, logits, "smnist", true, 0);
}

}  // namespace

int main() {
  const program::Program program = quantized_program();
  const Model model = make_model(load_run_config("smnist", {}), shape());
  Sequence sequence;
  const ProgramSpeed speed = bench_program(program, length, [&] { sequence.forward(model, {}); });
  fmt::print("{:8} {:7.3f} ms/sequence\n", "float", speed.float_sequence_seconds * 1e3);
  for (const IsaSpeed& s : speed.isas) {
    fmt::print("{:8} {:7.3f} ms/sequence  {:6.2f} us/step  {:.2f} x float\n", program::name_of(s.isa),
               s.sequence_seconds * 1e3, s.step_seconds * 1e6, s.speedup);
  }
}
