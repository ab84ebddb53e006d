// ONNX models of programs, run in onnxruntime and compared with the interpreter.
#pragma once

#include "core/program/program.h"
#include "tests/support/models/onnx_operators.h"
#include "tests/support/temp_folder.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <string>

namespace bitstate::tests {

/// Why onnxruntime cannot be asked; empty if it can.
std::string onnxruntime_missing();

/// Runs a script of tests/command_line/onnx on a file of cases; returns what it printed.
nlohmann::json node_report(const std::string& script, const std::filesystem::path& cases);

class OnnxCases {
 public:
  /// Writes the model of the program, and random input for batches of [sequences, steps] with the codes that
  /// Runner::run gives. Of the numbers some are halfway between two codes, some are far outside.
  void add(const program::Program& program, std::initializer_list<std::array<std::size_t, 2>> batches);

  /// Runs all of it at every optimization level, where every code, real number and class must be equal. Then
  /// check_operators() of all that the models are made of.
  void check() const;

  [[nodiscard]] std::size_t size() const { return cases_.size(); }

 private:
  TempFolder folder_;
  OnnxOperators operators_;
  nlohmann::json cases_ = nlohmann::json::array();
};

}  // namespace bitstate::tests
