// The head of a program that a device trains further, in C (docs/numerics.md, section 12).
#pragma once

#include "core/program/c/functions.h"
#include "core/program/c/header.h"

#include <cstdint>
#include <span>
#include <string>

namespace bitstate::program {

/// What NAME.h holds of a trainable head: lines of its first comment, the struct NAME_head, and the declarations of
/// NAME_reset, NAME_restore and NAME_tune.
[[nodiscard]] std::string c_head_comment(const CModel& model);
[[nodiscard]] std::string c_head_struct(const CModel& model);
[[nodiscard]] std::string c_head_functions(const CModel& model);

/// Their definitions for NAME.c, which use those of `functions`.
[[nodiscard]] std::string c_head_definitions(const CModel& model, CFunctions& functions);

/// The hash of what the tuning in a self-test on these sequences gives: of all losses, then of the weights and the
/// biases.
[[nodiscard]] std::uint64_t c_tuning_hash(const CModel& model, std::span<const CTestSequence> tests);

/// How often a self-test goes through its sequences.
inline constexpr std::uint32_t c_tuning_rounds = 3;

}  // namespace bitstate::program
