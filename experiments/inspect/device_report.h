// What a streaming step of a program would take on devices, as a table.
#pragma once

#include "core/program/device/device.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bitstate::experiments {

/// Estimates for one program.
struct DeviceReport {
  std::string run;
  std::uint64_t multiplications = 0;  ///< of a step
  std::vector<program::StepWork> works;
  std::vector<const program::Device*> devices;
  std::vector<program::StepEstimate> estimates;  ///< one for each device
  std::optional<double> picojoules_per_cycle;    ///< of the user's chip, if given
};

/// Throws Error where a program has no step.
DeviceReport device_report(const program::Program& program, const std::vector<const program::Device*>& devices);

/// Tables for a terminal, and the same as one line of JSON.
std::string device_text(const DeviceReport& report);
std::string to_json(const DeviceReport& report);

/// A row for each kind of function, and one for all: its calls, and instructions for each device, empty where there is
/// no estimate.
std::string instructions_csv(const DeviceReport& report);

/// "Cortex-M4 (-O2): about 28000 instructions per step (estimate)", or why there is none.
std::string step_note(const program::Program& program);

}  // namespace bitstate::experiments
