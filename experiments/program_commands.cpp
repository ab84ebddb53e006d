#include "experiments/program_commands.h"

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/parallel.h"
#include "core/program/c_source.h"
#include "core/program/file.h"
#include "core/program/onnx.h"
#include "core/program/runner.h"
#include "core/units.h"
#include "experiments/program_input.h"

#include <fmt/format.h>

#include <limits>
#include <span>
#include <vector>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t c_samples = 2;  // sequences in the self-test of the C

/// NAME.h, NAME.c and NAME_test.c in `folder`; NAME is model.
void write_c(const Exported& exported, const fs::path& folder) {
  std::vector<program::CTestSequence> tests;
  for (const Sample& sample : exported.samples) tests.push_back({sample.input, sample.output});
  const program::CSource source = program::c_source(exported.program, "model", tests, exported.max_length);
  std::error_code error;
  fs::create_directories(folder, error);
  require(fs::is_directory(folder), "export", "{} is not a folder and cannot be made one", folder.string());
  write_file_atomically(folder / "model.h", source.header);
  write_file_atomically(folder / "model.c", source.source);
  write_file_atomically(folder / "model_test.c", source.self_test);
}

fs::path write_format(const Exported& exported, const fs::path& run, const ExportOptions& options) {
  const auto to = [&](const char* name) { return options.out.empty() ? run / name : options.out; };
  if (options.format == "program") {
    fs::path file = to("program.h5");
    program::save(exported.program, file);
    require(program::load(file) == exported.program, "export", "{} does not hold the program that was compared",
            file.string());
    return file;
  }
  if (options.format == "onnx") {
    write_file_atomically(to("model.onnx"), program::onnx_model(exported.program));
    return to("model.onnx");
  }
  write_c(exported, to("c"));
  return to("c");
}

std::uint64_t bytes_in(const fs::path& path) {
  return fs::is_directory(path) ? fs::file_size(path / "model.c") + fs::file_size(path / "model.h")
                                : fs::file_size(path);
}

/// Outputs in the units of the target.
std::vector<float> values_of(const program::Program& program, const std::vector<std::int32_t>& y) {
  const auto& scale = program.output.scale;
  std::vector<float> values(y.size());
  for (std::size_t i = 0; i < y.size(); ++i) values[i] = static_cast<float>(y[i]) * scale[i % scale.size()];
  restore(program.output.units, values);
  return values;
}

/// One line a step, or one a sequence.
std::string rows_of(const program::Runner& runner, std::size_t number, const std::vector<std::int32_t>& y) {
  if (runner.program().output.classes) {
    return fmt::format("{},{},{}\n", number, program::class_of(y), fmt::join(y, ","));
  }
  const std::vector<float> values = values_of(runner.program(), y);
  const std::size_t cols = runner.output_cols();
  std::string text;
  for (std::size_t t = 0; t < y.size() / cols; ++t) {
    const auto row = std::span(values).subspan(t * cols, cols);
    text += runner.per_step() ? fmt::format("{},{},{}\n", number, t, fmt::join(row, ","))
                              : fmt::format("{},{}\n", number, fmt::join(row, ","));
  }
  return text;
}

std::string column_names(const program::Runner& runner) {
  const bool classes = runner.program().output.classes;
  std::string names = classes ? "sequence,class" : (runner.per_step() ? "sequence,step" : "sequence");
  for (std::size_t c = 0; c < runner.output_cols(); ++c) names += fmt::format(",{}{}", classes ? "logit" : "y", c);
  return names + "\n";
}

}  // namespace

int export_command(const RunConfig& config, const fs::path& run, const ExportOptions& options) {
  const std::size_t sequences = options.parity == 0 ? std::numeric_limits<std::size_t>::max() : options.parity;
  const Exported exported = export_run(config, run, sequences, options.format == "c" ? c_samples : 0);
  if (!exported.parity.differences.empty()) {
    const Difference& d = exported.parity.differences.front();
    fail("export",
         "{} of {} test sequences differ, so nothing is written; the first is sequence {}, output {}: the quantized "
         "forward has the code {}, the program {}",
         exported.parity.differences.size(), exported.parity.sequences, d.sequence, d.output, d.expected, d.found);
  }
  const fs::path written = write_format(exported, run, options);
  fmt::print("{}{}: {} bytes\n", export_text(exported), written.string(), bytes_in(written));
  if (config.json) fmt::print("{}\n", to_json(exported));
  return 0;
}

int run_program_command(const fs::path& file, const fs::path& input, const fs::path& out, std::size_t threads) {
  const program::Runner runner(program::load(file));
  const auto sequences = read_sequences(runner.program(), input);
  std::vector<std::string> rows(sequences.size());
  Workers(threads).for_each(sequences.size(),
                            [&](std::size_t i) { rows[i] = rows_of(runner, i, runner.run(sequences[i])); });
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
