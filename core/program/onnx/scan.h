// The recurrence (docs/numerics.md, section 6) as an ONNX Scan.
#pragma once

#include "core/program/onnx/builder.h"
#include "core/program/program.h"

#include <cstdint>
#include <string>

namespace bitstate::program::onnx {

/// Codes of the state [N, L, 2P] from the codes u [N, L, 2P], |u| <= magnitude; both float64. What the body of the Scan
/// computes in follows from the largest sum it can have: float32 below 2^24, else float64 below 2^53 when s_lambda is a
/// power of two; else float64 while s_lambda's multiplication fits too, and int64 where it does not.
std::string write_scan(Builder& builder, const Scan& scan, const std::string& u, std::int64_t magnitude);
std::string write_scan(Builder& builder, const ScanShear& scan, const std::string& u, std::int64_t magnitude);

}  // namespace bitstate::program::onnx
