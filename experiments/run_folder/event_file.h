// TensorBoard's event files: records of TFRecord's framing, each an Event of protobuf with scalar summaries.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate::experiments {

/// CRC-32C (Castagnoli) of the bytes.
std::uint32_t crc32c(std::string_view bytes);

/// The record that a file begins with. `wall_time` is in seconds since 1970.
std::string version_record(double wall_time);

/// A record with the value of each tag after `step`.
std::string scalar_record(double wall_time, std::uint64_t step,
                          const std::vector<std::pair<std::string_view, float>>& values);

}  // namespace bitstate::experiments
