// The header of a program in C, and its self-test.
#pragma once

#include "core/program/c/memory.h"
#include "core/program/c/source.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::program {

/// A program and all that is known of it.
struct CModel {
  const Program& program;
  std::string_view name;
  const std::vector<ValueInfo>& infos;
  const CSchedule& schedule;
  const CMemory& memory;
  const std::optional<TrainableHead>& head;
  const std::optional<TrainableLayer>& layer;  ///< only with a head

  [[nodiscard]] bool per_step() const { return infos.back().per_step; }
  [[nodiscard]] bool streams() const { return schedule.streams; }
  /// "NAME_logits" or "NAME_output": what gives the row of a program with a pool.
  [[nodiscard]] std::string result_name() const;
  /// The name of its parameter.
  [[nodiscard]] std::string result_parameter() const { return program.output.classes ? "logits" : "output"; }
  /// "head" or "top": what is trained is a NAME_head or NAME_top.
  [[nodiscard]] std::string_view trained() const { return layer ? "top" : "head"; }
  /// Whether a step reads it.
  [[nodiscard]] bool step_reads_trained() const { return per_step() || layer.has_value(); }
  /// What a function that computes logits has among its parameters, and a call among its arguments, behind the state;
  /// empty without a trainable head.
  [[nodiscard]] std::string head_parameter() const;
  [[nodiscard]] std::string head_argument(std::string_view at) const;
  /// The declaration of NAME_step or NAME_run without the semicolon.
  [[nodiscard]] std::string signature() const;
};

/// The bytes of the arrays in NAME.c, where NAME_MULTIPLIER is 1 and where it is 0.
struct CFlash {
  std::size_t multiplying = 0, adding = 0;
  bool chooses = false;  ///< NAME.c reads NAME_MULTIPLIER
};

/// NAME.h
[[nodiscard]] std::string c_header(const CModel& model, const CFlash& flash, const CExtras& extras);

/// NAME_test.c
[[nodiscard]] std::string c_self_test(const CModel& model, std::span<const CTestSequence> tests);

/// CSource::driver
[[nodiscard]] std::string c_driver(const CModel& model);

/// CSource::tuner
[[nodiscard]] std::string c_tuner(const CModel& model);

}  // namespace bitstate::program
