#include "experiments/inspect/device_report.h"

#include "core/error.h"
#include "experiments/host/text_table.h"

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <optional>

namespace bitstate::experiments {
namespace {

using nlohmann::json;

std::string count_text(std::optional<double> count) {
  return count ? fmt::format("{:.0f}", *count) : std::string(no_value);
}

std::string cycles_text(const program::Device& device, std::optional<double> instructions) {
  if (!device.cycles || !instructions) return std::string(no_value);
  return count_text(device.cycles->least * *instructions) + ".." + count_text(device.cycles->most * *instructions);
}

/// In microjoules, with three digits.
std::string energy_text(const program::Device& device, std::optional<double> instructions, double picojoules) {
  if (!device.cycles || !instructions) return std::string(no_value);
  const double unit = 1e-6 * picojoules * *instructions;
  return fmt::format("{:.3g}..{:.3g}", device.cycles->least * unit, device.cycles->most * unit);
}

json rounded_or_null(std::optional<double> count) { return count ? json(std::round(*count)) : json(nullptr); }

/// The kinds of functions that a device has no estimate for, with commas; empty if there are none.
std::string not_measured(const DeviceReport& report, std::size_t device) {
  std::vector<std::string_view> names;
  for (std::size_t w = 0; w < report.works.size(); ++w) {
    if (!report.estimates[device].instructions[w]) names.push_back(name_of(report.works[w].kind));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Three significant digits: more would promise too much.
double rounded_count(double count) {
  const double unit = std::pow(10.0, std::max(0.0, std::floor(std::log10(std::max(count, 1.0))) - 2.0));
  return std::round(count / unit) * unit;
}

}  // namespace

DeviceReport device_report(const program::Program& program, const std::vector<const program::Device*>& devices) {
  DeviceReport report{{}, program::cost_of(program).multiplications, program::step_work(program), devices, {}, {}};
  for (const program::Device* const device : devices) {
    report.estimates.push_back(program::estimate(*device, report.works));
  }
  return report;
}

std::string device_text(const DeviceReport& report) {
  Cells cells{{"instructions per step", "calls"}};
  for (const program::Device* const device : report.devices) cells[0].emplace_back(device->name);
  std::vector<std::string> totals{"in all", ""}, products{"per multiplication", ""}, cycles{"cycles", ""},
      energies{"energy, uJ", ""};
  for (std::size_t w = 0; w < report.works.size(); ++w) {
    auto& row = cells.emplace_back();
    row = {std::string(name_of(report.works[w].kind)), fmt::format("{}", report.works[w].calls)};
    for (const program::StepEstimate& e : report.estimates) row.push_back(count_text(e.instructions[w]));
  }
  for (std::size_t d = 0; d < report.devices.size(); ++d) {
    const std::optional<double> total = report.estimates[d].total;
    totals.push_back(count_text(total));
    products.push_back(total ? fmt::format("{:.1f}", *total / static_cast<double>(report.multiplications))
                             : std::string(no_value));
    cycles.push_back(cycles_text(*report.devices[d], total));
    const double picojoules = report.picojoules_per_cycle.value_or(0.0);
    energies.push_back(energy_text(*report.devices[d], total, picojoules));
  }
  cells.insert(cells.end(), {totals, products, cycles});
  if (report.picojoules_per_cycle) cells.push_back(energies);
  std::string text =
      fmt::format("estimates for the C of {}, compiled by GCC 12 with -O2; nothing was run\n", report.run) +
      aligned(cells, "l");
  for (std::size_t d = 0; d < report.devices.size(); ++d) {
    const program::Device& device = *report.devices[d];
    text += fmt::format("cycles of {}: {}\n", device.name,
                        device.cycles ? device.cycles->source : "no estimate without a public table of timings");
    if (const std::string names = not_measured(report, d); !names.empty()) {
      text += fmt::format("{}: no estimate of {}: not measured\n", device.name, names);
    }
  }
  return text +
         (report.picojoules_per_cycle
              ? fmt::format("energy: cycles times the {} pJ per cycle that were given\n", *report.picojoules_per_cycle)
              : "energy: no estimate without --pj_per_cycle; see the chip's data sheet\n");
}

std::string to_json(const DeviceReport& report) {
  json line{{"run", report.run}, {"estimate", true}, {"multiplications_per_step", report.multiplications}};
  for (const program::StepWork& w : report.works) {
    line["functions"].push_back({{"kind", name_of(w.kind)},
                                 {"calls", w.calls},
                                 {"elements", w.elements},
                                 {"inputs", w.inputs},
                                 {"products", w.products}});
  }
  for (std::size_t d = 0; d < report.devices.size(); ++d) {
    const program::Device& device = *report.devices[d];
    const program::StepEstimate& e = report.estimates[d];
    json& entry = line["devices"].emplace_back(
        json{{"device", device.name}, {"instructions_per_step", rounded_or_null(e.total)}});
    if (device.cycles && e.total) {
      entry["cycles_per_step"] = {std::round(device.cycles->least * *e.total),
                                  std::round(device.cycles->most * *e.total)};
      if (report.picojoules_per_cycle) {
        const double unit = *report.picojoules_per_cycle * *e.total;
        entry["picojoules_per_step"] = {std::round(device.cycles->least * unit),
                                        std::round(device.cycles->most * unit)};
      }
    }
    for (const auto& instructions : e.instructions) {
      entry["instructions_by_function"].push_back(rounded_or_null(instructions));
    }
  }
  return line.dump();
}

std::string instructions_csv(const DeviceReport& report) {
  std::string text = "function,calls";
  for (const program::Device* const device : report.devices) text += fmt::format(",{}", device->name);
  const auto end_row = [&](const auto& instructions_on) {
    for (const program::StepEstimate& e : report.estimates) {
      const std::optional<double> instructions = instructions_on(e);
      text += instructions ? fmt::format(",{:.1f}", *instructions) : ",";
    }
  };
  for (std::size_t w = 0; w < report.works.size(); ++w) {
    text += fmt::format("\n{},{}", name_of(report.works[w].kind), report.works[w].calls);
    end_row([&](const program::StepEstimate& e) { return e.instructions[w]; });
  }
  text += "\nin all,1";
  end_row([](const program::StepEstimate& e) { return e.total; });
  return text + "\n";
}

std::string step_note(const program::Program& program) {
  const program::Device& device = *program::devices_named("cortex-m4").front();
  const std::string what = fmt::format("{} (-O2): ", device.title);
  try {
    const DeviceReport report = device_report(program, {&device});
    const std::optional<double> total = report.estimates[0].total;
    if (total)
      return fmt::format("{}about {} instructions per step (estimate)", what, count_text(rounded_count(*total)));
    return fmt::format("{}no estimate of instructions per step: {} was not measured", what, not_measured(report, 0));
  } catch (const Error& error) {
    return fmt::format("{}instructions per step not estimated: {}", what, error.what());
  }
}

}  // namespace bitstate::experiments
