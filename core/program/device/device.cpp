#include "core/program/device/device.h"

#include "core/error.h"
#include "core/program/device/counts.h"

#include <fmt/format.h>

#include <algorithm>

namespace bitstate::program {
namespace {

// Each instruction that models execute, at the fewest and the most cycles of these tables (docs/results/device.md). M7
// and M33 take the instructions of an M4: their counts differ by less than 2.5 %.
constexpr CycleRange m3_cycles{1.1, 1.9, "Arm's manual of the Cortex-M3, table of instructions, without wait states"};
constexpr CycleRange m4_cycles{1.0, 1.75, "Arm 100166, table 3-1, without wait states"};

constexpr std::array<Device, 6> all_devices{{
    {"cortex-m3", "Cortex-M3", cortex_m3_counts, m3_cycles},
    {"cortex-m4", "Cortex-M4", cortex_m4_counts, m4_cycles},
    {"cortex-m7", "Cortex-M7", cortex_m4_counts, {}},
    {"cortex-m33", "Cortex-M33", cortex_m4_counts, {}},
    {"cortex-m55", "Cortex-M55", cortex_m55_counts, {}},
    {"rv32im", "RV32IM", rv32im_counts, {}},
}};

}  // namespace

std::span<const Device> devices() { return all_devices; }

std::vector<const Device*> devices_named(std::string_view list) {
  std::vector<const Device*> found;
  while (true) {
    const std::string_view name = list.substr(0, list.find(','));
    const auto* const device = std::find_if(all_devices.begin(), all_devices.end(),
                                            [&](const Device& candidate) { return candidate.name == name; });
    if (device == all_devices.end()) {
      std::vector<std::string_view> known;
      for (const Device& d : all_devices) known.push_back(d.name);
      fail<UsageError>("device", "expected some of {}, with commas between them, got \"{}\"", fmt::join(known, ", "),
                       name);
    }
    require<UsageError>(std::find(found.begin(), found.end(), device) == found.end(), "device", "names {} twice", name);
    found.push_back(device);
    if (name.size() == list.size()) return found;
    list.remove_prefix(name.size() + 1);
  }
}

StepEstimate estimate(const Device& device, std::span<const StepWork> works) {
  StepEstimate result{{}, 0.0};
  for (const StepWork& work : works) {
    const std::optional<StepCount>& count = device.counts.at(static_cast<std::size_t>(work.kind));
    auto& instructions = result.instructions.emplace_back();
    if (count) instructions = count->of(work);
    result.total = count && result.total ? std::optional(*result.total + *instructions) : std::nullopt;
  }
  return result;
}

}  // namespace bitstate::program
