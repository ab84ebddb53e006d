#include "experiments/training/checkpoint.h"

#include "core/error.h"
#include "core/io/hdf5.h"
#include "core/io/sha256.h"
#include "core/io/units_file.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace bitstate {
namespace {

// 2 has no sizes of the data, and `from` relative to wherever the run was started
constexpr std::int64_t format_version = 3;
constexpr std::int64_t oldest_version = 2;

std::int64_t checked_version(const Hdf5Reader& reader) {
  const auto version = reader.read_scalar<std::int64_t>("version");
  const std::string file = reader.path().string();
  require<NewerVersion>(version <= format_version, file,
                        "was written by a newer bitstate (format {}); this program reads up to {}", version,
                        format_version);
  require(version >= oldest_version, file, "has format {}; this program reads {} to {}", version, oldest_version,
          format_version);
  return version;
}

void read_floats(const Hdf5Reader& reader, const std::string& path, std::vector<float>& into) {
  auto array = reader.read<float>(path, into.size());
  require(array.values.size() == into.size(), "checkpoint", "{}: {} has {} elements, but this model has {}",
          reader.path().string(), path, array.values.size(), into.size());
  require(std::all_of(array.values.begin(), array.values.end(), [](float v) { return std::isfinite(v); }), "checkpoint",
          "{}: {} holds a NaN or an infinity", reader.path().string(), path);
  into = std::move(array.values);
}

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
}

/// Format 2 does not say what the data were like, but the weights do.
void read_sizes_of_weights(const Hdf5Reader& reader, datasets::Reading& reading) {
  for (const char* const bias : {"parameters/decoder.bias", "parameters/decoder.1.bias"}) {
    if (reader.exists(bias)) reading.outputs = reader.shape(bias).back();
  }
  const Hdf5Shape encoder = reader.shape("parameters/encoder.weight");
  const Hdf5Shape features = reader.shape("parameters/encoder.bias");
  require(encoder.size() == 2 && features.size() == 2, "checkpoint", "{} holds an encoder that is no matrix",
          reader.path().string());
  reading.inputs = encoder[0] == features[1] ? encoder[1] : encoder[0];  // else a table: a row a token
}

datasets::Reading read_reading(const Hdf5Reader& reader) {
  datasets::Reading reading{checked_units(reader, "data/input_units"), checked_units(reader, "data/target_units"),
                            reader.read_text("data/vocabulary")};
  if (checked_version(reader) == 2) {
    read_sizes_of_weights(reader, reading);
  } else {
    reading.inputs = reader.read_scalar<std::uint64_t>("data/inputs");
    reading.outputs = reader.read_scalar<std::uint64_t>("data/outputs");
  }
  return reading;
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
  checked_version(reader);
  return {reader.read_text("settings"), reader.read_text("rules"), reader.read_text("source"),
          reader.read_text("data/digest"), read_reading(reader)};
}

Progress load_checkpoint(const std::filesystem::path& file, const Inventory& inventory, Optimizer* optimizer) {
  const Hdf5Reader reader(file);
  checked_version(reader);
  Progress progress;
  progress.epoch = reader.read_scalar<std::uint64_t>("progress/epoch");
  progress.step = reader.read_scalar<std::uint64_t>("progress/step");
  progress.loss_sum = reader.read_scalar<double>("progress/loss_sum");
  progress.best = reader.read_scalar<double>("progress/best");
  progress.best_epoch = reader.read_scalar<std::uint64_t>("progress/best_epoch");
  progress.seconds = reader.read_scalar<double>("progress/seconds");
  progress.tokens = reader.read_scalar<std::uint64_t>("progress/tokens");
  progress.metrics = reader.read_text("progress/metrics");
  for (const auto& entry : inventory.parameters)
    read_floats(reader, "parameters/" + entry.name, entry.parameter->value.data);
  for (const auto& entry : inventory.buffers) read_floats(reader, "buffers/" + entry.name, entry.buffer->value.data);
  for (Quantizer* quantizer : inventory.quantizers) {
    quantizer->range.resize(quantizer->range_count());
    if (quantizer->needs_range()) read_floats(reader, range_path(*quantizer), quantizer->range);
  }
  if (optimizer != nullptr) {
    read_floats(reader, "optimizer/m", optimizer->m);
    read_floats(reader, "optimizer/v", optimizer->v);
    optimizer->steps = reader.read_scalar<std::uint64_t>("optimizer/steps");
  }
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
