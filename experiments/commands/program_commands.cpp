#include "experiments/commands/program_commands.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/parallel.h"
#include "core/program/c/codes.h"
#include "core/program/file.h"
#include "core/program/run/runner.h"
#include "core/units.h"
#include "experiments/export/live_input.h"
#include "experiments/export/program_input.h"
#include "experiments/export/trainable.h"
#include "experiments/export/tuning_proof.h"
#include "experiments/settings/run_config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

/// Why what is written will not be run; empty if it will be. Throws Error where that is required.
std::string why_not_run(const ExportOptions& options) {
  if (options.proof == ProofMode::none) return "--proof=none";
  std::string missing = missing_tool(options.format);
  require(missing.empty() || options.proof == ProofMode::automatic, "proof",
          "required, but there is {} here, which runs what is written; nothing is written", missing);
  return missing;
}

/// Output codes [n, columns] as cells in the units of the target, each with the fewest digits that are its value:
/// a double, but of programs without units, or with those of single precision, a float.
std::string cells_of(const program::Program& program, std::span<const std::int32_t> codes) {
  const std::vector<float>& scale = program.output.scale;
  const Units& units = program.output.units;
  std::vector<float> values(codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) values[i] = static_cast<float>(codes[i]) * scale[i % scale.size()];
  const std::vector<double> cells = restored(units, values);
  if (!units.mean.empty() && !units.single) return fmt::format("{}", fmt::join(cells, ","));
  return fmt::format("{}", fmt::join(std::vector<float>(cells.begin(), cells.end()), ","));
}

/// A text as a cell of a CSV file.
std::string quoted_cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string cell;
  for (const char c : text) cell += c == '"' ? "\"\"" : std::string(1, c);
  return fmt::format("\"{}\"", cell);
}

/// The name of a class, or its number where it has none.
std::string class_cell(const program::Output& output, std::size_t number) {
  const auto& names = output.class_names;
  return names.empty() ? fmt::format("{}", number) : quoted_cell(names.at(number));
}

/// One line per step, of which `first` is the number of the first one, or one per sequence.
std::string rows_of(const program::Runner& runner, std::size_t number, std::size_t first,
                    const std::vector<std::int32_t>& y) {
  const std::size_t cols = runner.output_cols();
  std::string text;
  for (std::size_t t = 0; t < y.size() / cols; ++t) {
    const auto row = std::span(y).subspan(t * cols, cols);
    const std::string cells =
        runner.header().output.classes
            ? fmt::format("{},{}", class_cell(runner.header().output, program::class_of(row)), fmt::join(row, ","))
            : cells_of(runner.header(), row);
    text +=
        runner.per_step() ? fmt::format("{},{},{}\n", number, first + t, cells) : fmt::format("{},{}\n", number, cells);
  }
  return text;
}

std::string column_names(const program::Runner& runner) {
  const auto& [classes, scale, units, class_names, target_names] = runner.header().output;
  std::string names = fmt::format("sequence{}{}", runner.per_step() ? ",step" : "", classes ? ",class" : "");
  for (std::size_t c = 0; c < runner.output_cols(); ++c) {
    names += "," + (!class_names.empty()    ? quoted_cell("logit " + class_names[c])
                    : !target_names.empty() ? quoted_cell(target_names[c])
                                            : fmt::format("{}{}", classes ? "logit" : "y", c));
  }
  return names + "\n";
}

/// What a program gives for steps that come one by one.
class LiveRun {
 public:
  explicit LiveRun(const program::Runner& runner) : runner_(runner), state_(runner.begin()) {}

  /// The rows of results of a step; of a program that cannot stream there are none before end().
  std::string step(const std::vector<std::int32_t>& codes) {
    if (!runner_.streams()) {
      sequence_.insert(sequence_.end(), codes.begin(), codes.end());
      ++steps_;
      return {};
    }
    std::vector<std::int32_t> output(runner_.per_step() ? runner_.output_cols() : 0);
    runner_.step(state_, codes, output);
    return rows_of(runner_, number_, steps_++, output);
  }

  /// The rows of results that a sequence has at its end; another one begins.
  std::string end() {
    if (steps_ == 0) return {};
    std::string rows;
    if (!runner_.streams()) {
      rows = rows_of(runner_, number_, 0, runner_.run(std::exchange(sequence_, {})));
    } else if (!runner_.per_step()) {
      std::vector<std::int32_t> output(runner_.output_cols());
      runner_.result(state_, output);
      rows = rows_of(runner_, number_, 0, output);
    }
    ++number_;
    steps_ = 0;
    state_ = runner_.begin();
    return rows;
  }

  [[nodiscard]] std::size_t sequences() const { return number_; }

 private:
  const program::Runner& runner_;
  program::State state_;
  std::vector<std::int32_t> sequence_;
  std::size_t number_ = 0, steps_ = 0;
};

/// Runs a program on standard input, step by step.
int run_live(const program::Runner& runner, const datasets::TableSettings& settings, const fs::path& out) {
  LiveInput input(runner.header(), STDIN_FILENO, "standard input", settings);
  fmt::print(stderr, "{}\n", input.said());
  std::string text;
  const auto write = [&](const std::string& rows) {
    text += rows;
    if (!out.empty() || text.empty()) return;
    fmt::print("{}", std::exchange(text, {}));
    std::fflush(stdout);
  };
  write(column_names(runner));
  LiveRun run(runner);
  std::vector<std::int32_t> codes;
  while (input.next(codes)) {
    if (input.begins()) write(run.end());
    write(run.step(codes));
  }
  write(run.end());
  require(run.sequences() > 0, "run", "standard input holds no row of numbers");
  if (out.empty()) return 0;
  write_file_atomically(out, text);
  fmt::print("{} sequences in {}\n", run.sequences(), out.string());
  return 0;
}

/// Throws UsageError for the folder of a run in place of its program.
void check_program_file(const fs::path& file) {
  std::error_code error;
  if (!fs::is_directory(file, error)) return;
  const fs::path program = file / "program.h5";
  require<UsageError>(!fs::exists(program, error), "run", "{} is a folder; its program is {}", file.string(),
                      program.string());
  require<UsageError>(!fs::exists(file / "settings.ini", error), "run",
                      "{} is the folder of a run that is not exported yet: bitstate export writes its program, {}",
                      file.string(), program.string());
  fail<UsageError>("run", "{} is a folder; expected the file of a program", file.string());
}

}  // namespace

int export_command(const RunConfig& config, const fs::path& run, const ExportOptions& options) {
  const std::size_t sequences = options.parity == 0 ? std::numeric_limits<std::size_t>::max() : options.parity;
  const std::string missing = why_not_run(options);
  std::optional<program::TrainableHead> head;
  std::optional<program::TrainableLayer> layer;
  Exported exported = export_run(
      config, run, sequences,
      [&](const Exported& traced, const Inventory& sites, const std::vector<program::WeightScales>& weights) {
        const program::Program& p = traced.program;
        if (options.has_adc) program::check_adc(p.input, options.adc);
        if (options.trains_head) head = trainable_head_of(p, sites, options.tune_rate);
        if (options.trains_layer) {
          const std::size_t steps = options.tune_steps > 0 ? options.tune_steps : traced.max_length;
          layer = program::trainable_layer(p, *head, {weights, options.layer_rate, steps});
        }
      });
  exported.head = head;
  exported.layer = layer;
  if (!exported.parity.differences.empty()) {
    const Difference& d = exported.parity.differences.front();
    fail("export",
         "{} of {} test sequences differ, so nothing is written; the first is sequence {}, output {}: the quantized "
         "forward has the code {}, but the program has {}",
         exported.parity.differences.size(), exported.parity.sequences, d.sequence, d.output, d.expected, d.found);
  }
  const Written written = write_exported(exported, run, options, missing);
  fmt::print("{}what is written: {}\n{}: {} bytes\n", export_text(exported), written.proof, written.path.string(),
             written.bytes);
  if (exported.head) {
    fmt::print("training of the {}: {}, {} bytes more of RAM\n", trained_parts(exported),
               proof_text(tuned_sequences(exported), missing), trained_bytes(exported));
  }
  if (config.run.json) fmt::print("{}\n", to_json(exported, written.proof, written.proven));
  return 0;
}

int run_program_command(const fs::path& file, const fs::path& input, const fs::path& out, std::size_t threads,
                        const datasets::TableSettings& settings) {
  check_program_file(file);
  const program::Runner runner(program::load(file));
  if (input == "-") return run_live(runner, settings, out);
  std::string said;
  const auto sequences = read_sequences(runner.header(), input, &said, settings);
  fmt::print(stderr, "{}\n", said);  // stdout is for the results
  std::vector<std::string> rows(sequences.size());
  Workers(threads).for_each(sequences.size(),
                            [&](std::size_t i) { rows[i] = rows_of(runner, i, 0, runner.run(sequences[i])); });
  std::string text = column_names(runner);
  for (const std::string& row : rows) text += row;
  if (out.empty()) {
    fmt::print("{}", text);
  } else {
    write_file_atomically(out, text);
    fmt::print("{} sequences in {}\n", sequences.size(), out.string());
  }
  return 0;
}

}  // namespace bitstate::experiments
