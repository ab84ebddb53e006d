// Codes that are kept for later, in as few bytes each as hold them all.
#pragma once

#include "core/program/run/codes.h"
#include "core/program/run/operands.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bitstate {

class PackedCodes {
 public:
  PackedCodes() = default;
  explicit PackedCodes(std::span<const std::int32_t> codes) : count_(codes.size()) {
    if (codes.empty()) return;
    const auto [lowest, highest] = std::minmax_element(codes.begin(), codes.end());
    width_ = program::width_of(*lowest, *highest);
    bytes_.resize(count_ * program::bytes_of(width_));
    program::with_type(program::MutableCodes{bytes_.data(), width_, count_},
                       [&](auto* to) { program::copy_codes(codes.data(), count_, to); });
  }

  [[nodiscard]] std::vector<std::int32_t> unpacked() const {
    std::vector<std::int32_t> codes(count_);
    program::with_type(program::Codes{bytes_.data(), width_, count_},
                       [&](const auto* from) { program::copy_codes(from, count_, codes.data()); });
    return codes;
  }

 private:
  std::size_t count_ = 0;
  program::Width width_ = program::Width::one;
  program::Bytes bytes_;
};

}  // namespace bitstate
