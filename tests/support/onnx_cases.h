// ONNX models of programs, run in onnxruntime and compared with the interpreter.
#pragma once

#include "core/program/program.h"
#include "tests/support/temp_folder.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cstddef>
#include <initializer_list>
#include <string>

namespace bitstate::tests {

/// Why onnxruntime cannot be asked; empty if it can.
std::string onnxruntime_missing();

class OnnxCases {
 public:
  /// Writes the model of the program, and random input for batches of [sequences, steps] with the codes that
  /// Runner::run gives. Of the numbers some are halfway between two codes, some are far outside.
  void add(const program::Program& program, std::initializer_list<std::array<std::size_t, 2>> batches);

  /// Runs all of it at the optimization levels "disabled" and "basic", where every code, real number and class must be
  /// equal, and at "all", where a code may be off by one and one class in a thousand may be another.
  void check() const;

  [[nodiscard]] std::size_t size() const { return cases_.size(); }

 private:
  TempFolder folder_;
  nlohmann::json cases_ = nlohmann::json::array();
};

}  // namespace bitstate::tests
