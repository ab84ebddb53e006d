#include "experiments/export/program_input.h"

#include "core/error.h"
#include "core/suggest.h"
#include "core/units.h"
#include "datasets/formats/csv.h"
#include "datasets/formats/idx.h"
#include "datasets/own/own_arrays.h"
#include "datasets/own/own_parts.h"
#include "datasets/own/own_sequences.h"
#include "datasets/sets/smnist.h"
#include "experiments/export/program_columns.h"
#include "experiments/settings/ini.h"
#include "experiments/settings/options.h"
#include "experiments/settings/run_config.h"

#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <system_error>

namespace bitstate::experiments {
namespace {

using program::Program;
using Codes = std::vector<std::int32_t>;

constexpr std::string_view input_files =
    "a table (.csv, .tsv, .dat or .txt), .h5, .npz, .mat, .ts, .arff, .wav or idx file";

/// How the run that trained the program read time and missing cells.
datasets::TableSettings trained_settings(const Program& p) {
  datasets::TableSettings trained;
  const auto rows = datasets::table_options().rows();
  for (const auto& [name, value] : parse_ini(p.settings, "the settings of the program")) {
    const auto* const row = find_option(rows, name);
    if (row != nullptr && is_one_of(name, std::array{"time", "resample", "missing"})) row->set(trained, value);
  }
  return trained;
}

/// What of them is not said now: " --time=t --missing=hold".
std::string unsaid_options(const datasets::TableSettings& trained, const datasets::TableSettings& given) {
  std::string unsaid;
  for (const auto& row : datasets::table_options().rows()) {
    const bool said = row.text(given) != row.text({});
    if (!said && row.text(trained) != row.text({})) unsaid += fmt::format(" --{}={}", row.name, row.text(trained));
  }
  return unsaid;
}

std::vector<Codes> from_table(const Program& p, const std::filesystem::path& file,
                              const datasets::TableSettings& settings, std::string& said) {
  const auto choose = [&](const std::vector<std::string>& header, std::size_t count) {
    return columns_of(p, header, settings.time.empty() ? count : count - 1, file.string());
  };
  const datasets::TableSettings trained = trained_settings(p);
  const std::string unsaid = unsaid_options(trained, settings);
  datasets::Csv table;
  try {
    table = datasets::read_csv_of(file, choose, settings);
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    if (unsaid.empty() || !std::filesystem::is_regular_file(file)) throw;
    throw Error(fmt::format("{}; the program was trained with{}: run takes the same options", error.what(), unsaid));
  }
  said = columns_text(table.header, table.names);
  if (!table.notes.empty()) said += fmt::format(" ({})", fmt::join(table.notes, ", "));
  if (!unsaid.empty() && settings.time.empty() && is_one_of(trained.time, table.header)) {
    said += fmt::format("; the program was trained with{}, which is not given here", unsaid);
  }
  std::vector<Codes> sequences;
  std::size_t begin = 0;
  const auto append = [&](std::size_t end) {
    const std::size_t cols = p.input.cols;
    sequences.push_back(encoded(p, std::span(table.values).subspan(begin * cols, (end - begin) * cols), file.string()));
    begin = end;
  };
  for (const std::size_t start : table.starts) append(start);
  append(table.rows);
  return sequences;
}

/// What the run that trained the program said of its files, if they were the user's own.
std::optional<datasets::OwnSettings> own_settings(const Program& p) {
  RunConfig config;
  bool own = false;
  for (const auto& [name, value] : parse_ini(p.settings, "the settings of the program")) {
    own = own || (name == "dataset" && value == "own");
    if (name == "input" || name == "target" || name == "rows" || name == "x") set_option(config, name, value);
  }
  return own ? std::optional(config.data.own) : std::nullopt;
}

/// Of files of sequences and of arrays, without what is learnt of them.
std::vector<Codes> from_sequences(const Program& p, const datasets::LabelledSequences& read,
                                  const std::filesystem::path& file) {
  require(read.columns == p.input.cols, "run", "{}: a step has {} numbers, but the program reads {}", file.string(),
          read.columns, p.input.cols);
  std::vector<Codes> sequences;
  std::size_t first = 0;
  for (const std::size_t length : read.lengths) {
    const auto x = std::span(read.x).subspan(first * read.columns, length * read.columns);
    sequences.push_back(encoded(p, x, read.place(file.string(), sequences.size())));
    first += length;
  }
  return sequences;
}

std::vector<Codes> from_idx(const Program& p, const std::filesystem::path& file) {
  const datasets::Idx images = datasets::read_idx(file, 3);
  const std::size_t pixels = images.shape[1] * images.shape[2];
  require(p.input.cols == 1, "run", "{}: a pixel is one number, but the program reads {}", file.string(), p.input.cols);
  const bool permuted = p.name == "psmnist";
  const auto order = datasets::bit_reversal_permutation();
  require(!permuted || pixels == order.size(), "run", "{}: the images have {} pixels, but those of psmnist have {}",
          file.string(), pixels, order.size());
  std::vector<Codes> sequences;
  std::vector<double> x(pixels);
  for (std::size_t n = 0; n < images.shape[0]; ++n) {
    for (std::size_t j = 0; j < pixels; ++j) {
      const float pixel = images.values[n * pixels + (permuted ? order[j] : j)];
      x[j] = double{p.input.tokens ? pixel : pixel / 255.0F};  // the float that the data set has
    }
    sequences.push_back(encoded(p, x, file.string()));
  }
  return sequences;
}

}  // namespace

Codes encoded(const Program& p, std::span<const double> x, std::string_view where) {
  Codes codes(x.size());
  if (!p.input.tokens) {
    std::vector<float> standardised(x.size());
    standardise(p.input.units, x, standardised);
    for (std::size_t i = 0; i < x.size(); ++i) {
      require(std::isfinite(x[i]), where, "expected finite numbers, but number {} of it is {}", i, x[i]);
      require(std::isfinite(standardised[i]), where, "number {} of it is {}, which is too large for this program", i,
              x[i]);
    }
    program::encode_input(p, standardised.data(), x.size(), codes.data());
    return codes;
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    require(x[i] >= 0.0 && x[i] <= p.input.grid.hi && x[i] == std::floor(x[i]), where,
            "expected tokens (whole numbers from 0 to {2}), got {0} at step {1}", x[i], i, p.input.grid.hi);
    codes[i] = static_cast<std::int32_t>(x[i]);
  }
  return codes;
}

std::vector<std::vector<std::int32_t>> read_sequences(const Program& program, const std::filesystem::path& file,
                                                      std::string* said, const datasets::TableSettings& settings) {
  std::error_code error;
  require<UsageError>(!std::filesystem::is_directory(file, error), "input", "{} is a folder; run takes one file, {}",
                      file.string(), input_files);
  std::string columns;
  const std::optional<datasets::OwnSettings> own = own_settings(program);
  const datasets::OwnSettings of_steps{.rows = "steps"};
  const bool sequenced =
      datasets::holds_sequences(file, own.value_or(of_steps)) || datasets::has_ending(file, {".wav"});
  const bool table = !sequenced && (datasets::is_table(file) || datasets::is_text(file));
  require<UsageError>(table || settings == datasets::TableSettings{}, "run",
                      "{} is no table, but there are options of tables", file.string());
  std::vector<Codes> sequences;
  if (sequenced) {
    sequences = from_sequences(program, datasets::read_sequences(file), file);
  } else if (table) {
    sequences = from_table(program, file, settings, columns);
  } else if (datasets::is_arrays(file)) {
    sequences = from_sequences(program, datasets::read_array_inputs(file, own.value_or(datasets::OwnSettings{})), file);
  } else if (file.filename().string().find("idx") != std::string::npos) {
    sequences = from_idx(program, file);
  } else {
    fail<UsageError>("run", "expected {}, got \"{}\"", input_files, file.string());
  }
  for (const Codes& codes : sequences) {
    require(!codes.empty(), "run", "{} holds a sequence without steps", file.string());
  }
  require(!sequences.empty(), "run", "{} holds no sequence", file.string());
  if (said != nullptr) {
    std::size_t steps = 0;
    for (const Codes& codes : sequences) steps += codes.size() / program.input.cols;
    *said = fmt::format("{}: {} sequence{} of {} steps{}{}", file.string(), sequences.size(),
                        sequences.size() == 1 ? "" : "s", steps, sequences.size() == 1 ? "" : " in all", columns);
  }
  return sequences;
}

}  // namespace bitstate::experiments
