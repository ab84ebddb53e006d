// Estimates of the instructions that a streaming step of a program's C takes, by processor, without running it.
#pragma once

#include "core/program/device/step_work.h"

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::program {

/// Instructions per unit of the work of a kind.
struct StepCount {
  double call = 0.0, element = 0.0, input = 0.0, product = 0.0;

  [[nodiscard]] double of(const StepWork& work) const {
    return call * static_cast<double>(work.calls) + element * static_cast<double>(work.elements) +
           input * static_cast<double>(work.inputs) + product * static_cast<double>(work.products);
  }
};

/// Of every kind, in the order of StepKind; nothing where none was measured.
using StepCounts = std::array<std::optional<StepCount>, step_kinds>;

/// Cycles per instruction, of memory without wait states.
struct CycleRange {
  double least, most;
  std::string_view source;
};

/// A processor that instructions were counted for: GCC 12 with -O2, under QEMU.
struct Device {
  std::string_view name;   ///< "cortex-m4"
  std::string_view title;  ///< "Cortex-M4"
  const StepCounts& counts;
  std::optional<CycleRange> cycles;  ///< nothing without a public table of the timings of its instructions
};

[[nodiscard]] std::span<const Device> devices();

/// The devices of a list with commas. Throws UsageError for a name that is none, or twice there.
[[nodiscard]] std::vector<const Device*> devices_named(std::string_view list);

/// Instructions of all functions of each kind; nothing of a kind that was not measured, and then nothing in all.
struct StepEstimate {
  std::vector<std::optional<double>> instructions;  ///< as many as kinds of work
  std::optional<double> total;
};
[[nodiscard]] StepEstimate estimate(const Device& device, std::span<const StepWork> works);

}  // namespace bitstate::program
