#include "experiments/export/tuning_proof.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/tuning/in_turn.h"
#include "experiments/export/c_compiler.h"
#include "experiments/export/proof.h"
#include "experiments/host/tools.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace bitstate::experiments {

std::string trained_parts(const Exported& exported) { return exported.layer ? "head and top layer" : "head"; }

std::size_t trained_bytes(const Exported& exported) {
  return exported.layer ? program::top_bytes(*exported.head, *exported.layer) : exported.head->bytes();
}

std::size_t tuned_sequences(const Exported& exported) { return std::min<std::size_t>(exported.parity.sequences, 256); }

void prove_tuning(const Exported& exported, const std::filesystem::path& folder, const std::string& name,
                  const program::CSource& c) {
  std::vector<std::vector<std::int32_t>> sequences;
  std::string input;
  for (std::size_t i = 0; i < tuned_sequences(exported); ++i) {
    sequences.push_back(exported.sample(i).input);
    append_sequence(input, exported.program, sequences.back());
  }
  const std::vector<std::int32_t> expected = tuned_in_turn(exported.program, *exported.head, exported.layer, sequences);

  const WorkFolder work;
  write_file_atomically(work / "tuner.c", c.tuner);
  write_file_atomically(work / "input", input);
  compile_c(folder, {folder / (name + ".c"), work / "tuner.c"}, work / "tuner", {});
  const ToolOutcome outcome =
      run_tool({(work / "tuner").string(), (work / "input").string(), (work / "output").string()}, work.path());
  require(outcome.exit_code == 0, "export", "the training of the compiled C cannot be run ({}); nothing is written",
          outcome.text());
  const std::string bytes = read_file(work / "output", std::size_t{1} << 40);
  require(bytes.size() == expected.size() * sizeof(std::int32_t), "export",
          "the training of the compiled C gives {} bytes, not {}; nothing is written", bytes.size(),
          expected.size() * sizeof(std::int32_t));
  const std::size_t losses = expected.size() - exported.head->weights() - exported.head->rows -
                             (exported.layer ? exported.layer->numbers() : 0);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    std::int32_t found = 0;
    std::memcpy(&found, bytes.data() + i * sizeof found, sizeof found);
    require(found == expected[i], "export",
            "the training of the compiled C is wrong: {} {} is {}, that of this machine {}; nothing is written",
            i < losses ? "loss" : "number", i < losses ? i : i - losses, found, expected[i]);
  }
}

}  // namespace bitstate::experiments
