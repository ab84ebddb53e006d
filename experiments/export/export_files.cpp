#include "experiments/export/export_files.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/program/c/text.h"
#include "core/program/file.h"
#include "core/program/onnx/onnx.h"
#include "experiments/export/c_layout.h"
#include "experiments/export/cortex_m4.h"
#include "experiments/export/tuning_proof.h"
#include "experiments/host/signals.h"
#include "experiments/host/tools.h"
#include "experiments/inspect/device_report.h"
#include "experiments/run_folder/train.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t c_samples = 2;  // sequences in the self-test of the C
constexpr std::size_t most_c_bytes = std::size_t{1} << 30;

std::vector<double> numbers_of(std::string_view name, std::string_view text) {
  std::vector<double> numbers;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  while (true) {
    double number = 0.0;
    const auto [after, error] = std::from_chars(at, end, number);
    require<UsageError>(error == std::errc{} && std::isfinite(number) && (after == end || *after == ','), name,
                        "expected a number, or one per column with commas between them, got \"{}\"", text);
    numbers.push_back(number);
    if (after == end) return numbers;
    at = after + 1;
  }
}

double rate_of(std::string_view name, std::string_view text) {
  double rate = 0.0;
  const char* const end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, rate);
  require<UsageError>(error == std::errc{} && after == end && rate > 0.0 && rate <= 1e3, name,
                      "expected a number above 0, up to 1000, got \"{}\"", text);
  return rate;
}

std::size_t steps_of(std::string_view name, std::string_view text) {
  constexpr std::size_t most = 1 << 24;
  std::size_t steps = 0;
  const char* const end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, steps);
  require<UsageError>(error == std::errc{} && after == end && steps >= 1 && steps <= most, name,
                      "expected a whole number from 1 to {}, got \"{}\"", most, text);
  return steps;
}

void set_adc_bits(program::CAdc& adc, std::string_view text) {
  const std::string_view digits = text.starts_with('s') ? text.substr(1) : text;
  unsigned bits = 0;
  const auto [after, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  require<UsageError>(error == std::errc{} && after == digits.data() + digits.size() && bits >= 1 && bits <= 16,
                      "adc_bits",
                      "expected a whole number from 1 to 16, with an s before it for signed counts, got \"{}\"", text);
  adc.bits = bits;
  adc.is_signed = digits.size() < text.size();
}

/// What a user of the model should know of the run: nothing that changes from export to export.
std::vector<std::string> notes_of(const Exported& exported, const fs::path& run) {
  const Parity& p = exported.parity;
  const fs::path file = run / "result.json";
  TrainResult result;
  if (fs::exists(file)) result = result_from_json(read_file(file, std::size_t{1} << 20), file.string());
  const std::string trained =
      result.program.empty() ? "The run does not say which bitstate trained it, nor when."
                             : fmt::format("Trained by bitstate {}; the run ended on {}.", result.program, result.date);
  const std::string all = fmt::format(", on {} sequence{}", p.sequences, p.sequences == 1 ? "" : "s");
  std::string tested = fmt::format("{}: {:.4f} ({:.4f} in float){}.", metric_text(p), p.integer, p.in_float,
                                   p.sequences == p.of_sequences ? all : "");
  tested.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(tested.front())));
  return {std::move(tested), trained};
}

/// A folder, made where there is none; what was made is removed again if nothing has come into it.
class Destination {
 public:
  explicit Destination(const fs::path& path) {
    for (fs::path p = path; !p.empty() && !fs::exists(p); p = p.parent_path()) created_.push_back(p);
    std::error_code error;
    fs::create_directories(path, error);
    require(fs::is_directory(path), "export", "{} is not a folder and cannot be made one", path.string());
  }
  ~Destination() {
    std::error_code ignored;
    for (const fs::path& p : created_) fs::remove(p, ignored);  // which does nothing to a folder that holds something
  }
  Destination(const Destination&) = delete;
  Destination& operator=(const Destination&) = delete;

 private:
  std::vector<fs::path> created_;  // the innermost first
};

/// Brings NAME.h, NAME.c and NAME_test.c to their places, and writes what stands around them.
void publish_c(const fs::path& staging, const fs::path& folder, const ExportOptions& options) {
  const CLayout layout = c_layout(options.layout, options.name);
  const fs::path test = staging / (options.name + "_test.c");
  if (layout.bare) {
    write_file_atomically(
        test, fmt::format("#define {}_BARE\n{}", program::c_capitals(options.name), read_file(test, most_c_bytes)));
  }
  const auto place = [&](const fs::path& path) {
    fs::create_directories((folder / path).parent_path());
    return folder / path;
  };
  publish_file(staging / (options.name + ".h"), place(layout.header));
  publish_file(staging / (options.name + ".c"), place(layout.source));
  publish_file(test, place(layout.self_test));
  for (const auto& [path, text] : layout.files) write_file_atomically(place(path), text);
}

/// The files of the layout in the folder.
std::uintmax_t write_c(const Exported& exported, const fs::path& run, const fs::path& folder,
                       const ExportOptions& options, const std::string& missing) {
  std::vector<program::CTestSequence> tests;
  for (std::size_t i = 0; i < std::min(c_samples, exported.parity.sequences); ++i) {
    Sample sample = exported.sample(i);
    tests.push_back({std::move(sample.input), std::move(sample.output)});
  }
  program::CExtras extras{notes_of(exported, run), {}, exported.head, exported.layer};
  if (options.has_adc) extras.adc = options.adc;
  const auto source_of = [&] {
    return program::c_source(exported.program, options.name, tests, exported.max_length, extras);
  };
  const Destination destination(folder);
  const WorkFolder staging(folder);
  const auto write = [&](const program::CSource& text) {
    write_file_atomically(staging / (options.name + ".h"), text.header);
    write_file_atomically(staging / (options.name + ".c"), text.source);
    write_file_atomically(staging / (options.name + "_test.c"), text.self_test);
  };
  write(source_of());
  if (!exported.head) extras.notes.push_back(step_note(exported.program));  // trained weights are read otherwise
  extras.notes.push_back(cortex_m4_note(staging / (options.name + ".c")));
  extras.notes.push_back(fmt::format("This C: {}.", proof_text(exported.parity.sequences, missing)));
  if (exported.head) {
    extras.notes.push_back(fmt::format("Training of the {}, with a rate of {}{}: {}.", trained_parts(exported),
                                       options.tune_rate,
                                       exported.layer ? fmt::format(" and {}", options.layer_rate) : "",
                                       proof_text(tuned_sequences(exported), missing)));
  }
  const program::CSource text = source_of();
  write(text);
  if (missing.empty()) prove_c(exported, staging.path(), options.name, text);
  if (missing.empty() && exported.head) prove_tuning(exported, staging.path(), options.name, text);
  publish_c(staging.path(), folder, options);
  return text.header.size() + text.source.size();
}

std::uintmax_t write_onnx(const Exported& exported, const fs::path& run, const fs::path& file,
                          const std::string& missing) {
  AtomicFile part(file);
  std::vector<std::pair<std::string, std::string>> metadata{
      {"bitstate.proof", proof_text(exported.parity.sequences, missing)}};
  const std::vector<std::string> notes = notes_of(exported, run);
  metadata.emplace_back("bitstate.test", notes[0]);
  metadata.emplace_back("bitstate.run", notes[1]);
  const program::Program& p = exported.program;
  for (const auto& [key, names] : {std::pair{"bitstate.inputs", &p.input.names},
                                   {"bitstate.outputs", &p.output.names},
                                   {"bitstate.classes", &p.output.class_names}}) {
    constexpr auto replace = nlohmann::json::error_handler_t::replace;  // names may be no UTF-8
    if (!names->empty()) metadata.emplace_back(key, nlohmann::json(*names).dump(-1, ' ', false, replace));
  }
  write_file_atomically(part.temporary(), program::onnx_model(exported.program, metadata));
  if (missing.empty()) prove_onnx(exported, part.temporary());
  part.commit();
  return fs::file_size(file);
}

std::uintmax_t write_program(const Exported& exported, const fs::path& file, const std::string& missing) {
  AtomicFile part(file);
  program::save(exported.program, part.temporary());
  if (missing.empty()) prove_program(exported, part.temporary());
  part.commit();
  return fs::file_size(file);
}

}  // namespace

void set_export_option(ExportOptions& options, std::string_view name, const std::string& value) {
  options.has_adc = options.has_adc || name.starts_with("adc_");
  if (name == "format") {
    require<UsageError>(value == "program" || value == "c" || value == "onnx", name,
                        "expected program, c or onnx, got \"{}\"", value);
    options.format = value;
  } else if (name == "proof") {
    options.proof = proof_mode(value);
  } else if (name == "name") {
    program::check_c_name(value);
    options.name = value;
  } else if (name == "layout") {
    (void)c_layout(value, options.name);  // throws for what is none
    options.layout = value;
  } else if (name == "trainable") {
    require<UsageError>(value == "none" || value == "head" || value == "top1", name,
                        "expected none, head or top1, got \"{}\"", value);
    options.trains_head = value != "none";
    options.trains_layer = value == "top1";
  } else if (name == "tune_rate") {
    options.tune_rate = rate_of(name, value);
    options.has_tune_rate = true;
  } else if (name == "layer_rate") {
    options.layer_rate = rate_of(name, value);
    options.has_layer_option = true;
  } else if (name == "tune_steps") {
    options.tune_steps = steps_of(name, value);
    options.has_layer_option = true;
  } else if (name == "adc_bits") {
    set_adc_bits(options.adc, value);
  } else if (name == "adc_lsb") {
    options.adc.lsb = numbers_of(name, value);
    require<UsageError>(std::find(options.adc.lsb.begin(), options.adc.lsb.end(), 0.0) == options.adc.lsb.end(), name,
                        "expected what one count stands for, which is not 0, got \"{}\"", value);
  } else {
    options.adc.offset = numbers_of(name, value);
  }
}

void check_export_options(const ExportOptions& options) {
  require<UsageError>(
      options.format == "c" ||
          (options.name == ExportOptions{}.name && !options.has_adc && options.layout == ExportOptions{}.layout),
      "format", "expected c with --name, --layout and --adc_lsb, which are for C, got \"{}\"", options.format);
  require<UsageError>(options.format == "c" || !options.trains_head, "format",
                      "expected c with --trainable, which is for C, got \"{}\"", options.format);
  require<UsageError>(options.trains_head || !options.has_tune_rate, "trainable",
                      "expected head or top1 with --tune_rate, which is for its training");
  require<UsageError>(options.trains_layer || !options.has_layer_option, "trainable",
                      "expected top1 with --layer_rate and --tune_steps, which are for its training");
  require<UsageError>(!options.has_adc || !options.adc.lsb.empty(), "adc_lsb",
                      "expected what one count of the ADC stands for, with --adc_bits or --adc_offset");
}

Written write_exported(const Exported& exported, const fs::path& run, const ExportOptions& options,
                       const std::string& missing) {
  const auto to = [&](const char* name) { return options.out.empty() ? run / name : options.out; };
  const StopSignals signals;  // so that what is not finished is removed
  const std::size_t proven = missing.empty() ? exported.parity.sequences : 0;
  Written written{{}, 0, proof_text(proven, missing), proven};
  if (options.format == "program") {
    written.path = to("program.h5");
    written.bytes = write_program(exported, written.path, missing);
  } else if (options.format == "onnx") {
    written.path = to("model.onnx");
    written.bytes = write_onnx(exported, run, written.path, missing);
  } else {
    written.path = to("c");
    written.bytes = write_c(exported, run, written.path, options, missing);
  }
  return written;
}

}  // namespace bitstate::experiments
