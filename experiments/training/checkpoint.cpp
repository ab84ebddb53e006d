#include "experiments/training/checkpoint.h"

#include "core/error.h"
#include "core/io/hdf5.h"
#include "core/io/sha256.h"
#include "core/io/units_file.h"
#include "experiments/training/weights.h"
#include "models/s5/format_2.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <utility>

namespace bitstate {
namespace {

// 2 has no sizes of the data, and `from` relative to wherever the run was started
constexpr std::int64_t format_version = 5;
constexpr std::int64_t oldest_version = 2;

std::int64_t checked_version(const Hdf5Reader& reader) {
  const auto version = reader.read_scalar<std::int64_t>("version");
  const std::string file = reader.path().string();
  require<NewerVersion>(version <= format_version, file,
                        "was written by a newer bitstate (format {}); this one reads up to {}", version,
                        format_version);
  require(version >= oldest_version, file, "has format {}; this bitstate reads {} to {}", version, oldest_version,
          format_version);
  return version;
}

/// Arrays that are read, and where they belong: a file that is refused changes nothing.
class Staged {
 public:
  explicit Staged(const Hdf5Reader& reader) : reader_(reader) {}

  /// `shape` is that of the model's array. Throws Error for another, and for numbers that are not finite.
  void read(const std::string& path, std::vector<float>& into, const Hdf5Shape& shape) {
    const std::string file = reader_.path().string();
    const Hdf5Shape found = reader_.shape(path);
    require(found == shape, "checkpoint", "{}: {} has the shape [{}], but this model has [{}]", file, path,
            fmt::join(found, ", "), fmt::join(shape, ", "));
    auto values = reader_.read<float>(path).values;
    require(std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }), "checkpoint",
            "{}: {} holds a NaN or an infinity", file, path);
    arrays_.emplace_back(&into, std::move(values));
  }
  void read(const std::string& path, Tensor& into) { read(path, into.data, {into.rows, into.cols}); }

  /// Refuses members of the group that were not read.
  void require_all(const std::string& group, std::size_t read) const {
    const std::size_t found = reader_.exists(group) ? reader_.list(group).size() : 0;
    require(found == read, "checkpoint", "{}: {} holds {} arrays, but this model has {}", reader_.path().string(),
            group, found, read);
  }

  void keep() {
    for (auto& [into, values] : arrays_) *into = std::move(values);
  }

 private:
  const Hdf5Reader& reader_;
  std::vector<std::pair<std::vector<float>*, std::vector<float>>> arrays_;
};

constexpr std::size_t max_columns = std::size_t{1} << 20;

Units checked_units(const Hdf5Reader& reader, const std::string& group) {
  Units units = read_units(reader, group + "/", max_columns);
  const auto usable = [](double d) { return std::isfinite(d) && d > 0.0; };
  require(units.mean.size() == units.deviation.size() &&
              std::all_of(units.deviation.begin(), units.deviation.end(), usable) &&
              std::all_of(units.mean.begin(), units.mean.end(), [](double m) { return std::isfinite(m); }),
          "checkpoint", "{}: {} does not hold means and deviations", reader.path().string(), group);
  return units;
}

void write_reading(Hdf5Writer& writer, const datasets::Reading& reading) {
  write_units(writer, "data/input_units/", reading.input_units);
  write_units(writer, "data/target_units/", reading.target_units);
  writer.write_text("data/vocabulary", reading.vocabulary);
  writer.write_scalar("data/inputs", std::uint64_t{reading.inputs});
  writer.write_scalar("data/outputs", std::uint64_t{reading.outputs});
  if (reading.max_length > 0) writer.write_scalar("data/max_length", std::uint64_t{reading.max_length});
  if (!reading.classes.empty()) writer.write_texts("data/classes", reading.classes);
}

datasets::Reading read_reading(const Hdf5Reader& reader) {
  datasets::Reading reading{checked_units(reader, "data/input_units"), checked_units(reader, "data/target_units"),
                            reader.read_text("data/vocabulary")};
  if (checked_version(reader) == 2) {
    const DataSizes sizes = sizes_in_format_2(reader);
    reading.inputs = sizes.inputs;
    reading.outputs = sizes.outputs;
  } else {
    reading.inputs = reader.read_scalar<std::uint64_t>("data/inputs");
    reading.outputs = reader.read_scalar<std::uint64_t>("data/outputs");
  }
  if (reader.exists("data/max_length")) reading.max_length = reader.read_scalar<std::uint64_t>("data/max_length");
  if (!reader.exists("data/classes")) return reading;
  reading.classes = reader.read_texts("data/classes", reading.outputs);
  require(reading.classes.size() == reading.outputs, "checkpoint",
          "{}: data/classes names {} classes, but there are {}", reader.path().string(), reading.classes.size(),
          reading.outputs);
  return reading;
}

/// Bits that a modulus in log-polar form had, unless they were given, where A had so many: in files of format 4, and
/// before.
int former_magnitude(std::int64_t version, int bits) {
  const int most = version < 4 ? bits : bits < 7 ? 3 : 4;
  return std::max(1, std::min(bits - 1, most));
}

/// Rules of a file before format 5, with the split of an eigenvalue's bits written out.
std::string with_former_split(const std::string& rules, std::int64_t version) {
  std::istringstream lines(rules);
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    const std::string rule = line.substr(0, line.find('#'));
    std::istringstream words(rule);
    std::string glob;
    int bits = 0;
    const bool has_bits = static_cast<bool>(words >> glob >> bits);
    const auto says = [&](std::string_view option) { return rule.find(option) != rule.npos; };
    const bool open = says("form=log-polar") && !says("magnitude=") && !says("phase=");
    text += has_bits && open ? fmt::format("{} magnitude={}\n", rule, former_magnitude(version, bits)) : line + "\n";
  }
  if (!rules.empty() && rules.back() != '\n') text.pop_back();
  return text;
}

/// Stored ranges are apart, for they belong to the weights: who takes these over takes them, too.
std::string range_path(const Quantizer& quantizer) {
  return (quantizer.is_stored() ? "stored/" : "ranges/") + quantizer.site;
}

}  // namespace

void save_checkpoint(const std::filesystem::path& file, const RunIdentity& run, const Progress& progress,
                     const Inventory& inventory, const Optimizer* optimizer) {
  Hdf5Writer writer(file);
  writer.write_scalar("version", format_version);
  writer.write_text("settings", run.settings);
  writer.write_text("rules", run.rules);
  writer.write_text("source", run.source);
  write_reading(writer, run.reading);
  writer.write_text("data/digest", run.data);
  writer.write_scalar("progress/epoch", progress.epoch);
  writer.write_scalar("progress/step", progress.step);
  writer.write_scalar("progress/loss_sum", progress.loss_sum);
  writer.write_scalar("progress/best", progress.best);
  writer.write_scalar("progress/best_loss", progress.best_loss);
  writer.write_scalar("progress/best_epoch", progress.best_epoch);
  writer.write_scalar("progress/seconds", progress.seconds);
  writer.write_scalar("progress/tokens", progress.tokens);
  writer.write_text("progress/metrics", progress.metrics);
  for (const auto& [name, parameter] : inventory.parameters) {
    writer.write("parameters/" + name, parameter->value.data, {parameter->value.rows, parameter->value.cols});
  }
  for (const auto& [name, buffer] : inventory.buffers) {
    writer.write("buffers/" + name, buffer->value.data, {buffer->value.rows, buffer->value.cols});
  }
  for (const Quantizer* quantizer : inventory.quantizers) {
    if (!quantizer->range.empty()) writer.write(range_path(*quantizer), quantizer->range);
    if (quantizer->regrouped) {
      writer.write("groups/" + quantizer->site,
                   std::vector<std::int32_t>(quantizer->groups.begin(), quantizer->groups.end()));
    }
  }
  if (optimizer != nullptr) {
    writer.write("optimizer/m", optimizer->m);
    writer.write("optimizer/v", optimizer->v);
    writer.write_scalar("optimizer/steps", optimizer->steps);
  }
  writer.commit();
}

RunIdentity identity_in(const std::filesystem::path& file) {
  const Hdf5Reader reader(file);
  const std::int64_t version = checked_version(reader);
  const std::string rules = reader.read_text("rules");
  return {reader.read_text("settings"), version < 5 ? with_former_split(rules, version) : rules,
          reader.read_text("source"), reader.read_text("data/digest"), read_reading(reader)};
}

Progress load_checkpoint(const std::filesystem::path& file, const Inventory& inventory, Optimizer* optimizer) {
  const Hdf5Reader reader(file);
  checked_version(reader);
  Progress progress;
  progress.epoch = reader.read_scalar<std::uint64_t>("progress/epoch");
  progress.step = reader.read_scalar<std::uint64_t>("progress/step");
  progress.loss_sum = reader.read_scalar<double>("progress/loss_sum");
  progress.best = reader.read_scalar<double>("progress/best");
  if (reader.exists("progress/best_loss")) progress.best_loss = reader.read_scalar<double>("progress/best_loss");
  progress.best_epoch = reader.read_scalar<std::uint64_t>("progress/best_epoch");
  progress.seconds = reader.read_scalar<double>("progress/seconds");
  progress.tokens = reader.read_scalar<std::uint64_t>("progress/tokens");
  progress.metrics = reader.read_text("progress/metrics");
  Staged staged(reader);
  for (const auto& entry : inventory.parameters) staged.read("parameters/" + entry.name, entry.parameter->value);
  for (const auto& entry : inventory.buffers) staged.read("buffers/" + entry.name, entry.buffer->value);
  staged.require_all("parameters", inventory.parameters.size());
  staged.require_all("buffers", inventory.buffers.size());
  for (Quantizer* site : inventory.quantizers) {
    if (site->needs_range()) staged.read(range_path(*site), site->range, {site->range_count()});
  }
  if (optimizer != nullptr) {
    staged.read("optimizer/m", optimizer->m, {optimizer->m.size()});
    staged.read("optimizer/v", optimizer->v, {optimizer->v.size()});
  }
  const auto steps = optimizer == nullptr ? 0 : reader.read_scalar<std::uint64_t>("optimizer/steps");
  take_groups(reader, inventory);
  staged.keep();
  if (optimizer != nullptr) optimizer->steps = steps;
  return progress;
}

std::string weights_digest(const Inventory& inventory) {
  Sha256 hash;
  const auto add = [&](const std::vector<float>& values) { hash.update(values.data(), values.size() * sizeof(float)); };
  for (const auto& entry : inventory.parameters) add(entry.parameter->value.data);
  for (const auto& entry : inventory.buffers) add(entry.buffer->value.data);
  for (const Quantizer* quantizer : inventory.quantizers) add(quantizer->range);
  return hash.hex();
}

}  // namespace bitstate
