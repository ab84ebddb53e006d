#include "experiments/allocation/measurements.h"

#include "core/error.h"
#include "core/io/atomic_file.h"

#include <nlohmann/json.hpp>

#include <array>
#include <utility>

namespace bitstate::experiments {
namespace {

using nlohmann::json;

constexpr int file_format = 1;
constexpr std::size_t most_bytes = std::size_t{1} << 28U;

json to_json(const MeasuredOn& on) {
  return {{"weights", on.weights}, {"rules", on.rules}, {"data", on.data}, {"batches", on.batches}};
}

/// The first thing that differs; empty: none.
std::string other(const json& saved, const MeasuredOn& on) {
  const json own = to_json(on);
  for (const auto& [name, what] : std::array<std::pair<const char*, const char*>, 4>{
           {{"weights", "weights"}, {"rules", "rules"}, {"data", "data"}, {"batches", "--batches"}}}) {
    if (saved.at(name) != own.at(name)) return what;
  }
  return {};
}

Measured measured_from(const json& row) {
  if (row.is_null()) return std::nullopt;
  return Figures{row.at("loss"), row.at("metric")};
}

}  // namespace

Measurements::Measurements(std::filesystem::path folder, MeasuredOn on)
    : folder_(std::move(folder)), on_(std::move(on)) {
  if (!std::filesystem::exists(file())) return;
  try {
    const json saved = json::parse(read_file(file(), most_bytes));
    require(saved.at("format").get<int>() <= file_format, "measured", "{} was written by a newer version of bitstate",
            file().string());
    const std::string differs = other(saved.at("on"), on_);
    require<UsageError>(differs.empty(), "out",
                        "{} was measured with other {} than those of this call; choose another folder, or remove it",
                        file().string(), differs);
    for (const auto& [rules, row] : saved.at("measured").items()) measured_[rules] = measured_from(row);
  } catch (const json::exception& error) {
    fail("measured", "{} is damaged ({}); remove it to measure again", file().string(), error.what());
  }
}

const Measured* Measurements::find(const std::string& rules) const {
  const auto found = measured_.find(rules);
  return found == measured_.end() ? nullptr : &found->second;
}

void Measurements::add(const std::string& rules, const Measured& measured) {
  measured_[rules] = measured;
  json rows = json::object();
  for (const auto& [name, row] : measured_) {
    rows[name] = row ? json{{"loss", row->loss}, {"metric", row->metric}} : json();
  }
  const json all = {{"format", file_format}, {"on", to_json(on_)}, {"measured", std::move(rows)}};
  write_file_atomically(file(), all.dump(1) + "\n");
}

}  // namespace bitstate::experiments
