// The head of a program that a device trains further, in C (docs/numerics.md, section 12).
#pragma once

#include "core/program/c/functions.h"
#include "core/program/c/header.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::program {

/// Where the weights are that are trained.
[[nodiscard]] CTrained c_trained(const CModel& model);

/// What NAME.h holds of a trainable head, or head and layer: lines of its first comment, the struct NAME_head, and the
/// declarations of NAME_reset, NAME_restore and NAME_tune.
[[nodiscard]] std::string c_head_comment(const CModel& model);
[[nodiscard]] std::string c_head_struct(const CModel& model);
[[nodiscard]] std::string c_head_functions(const CModel& model);

/// The arrays of the struct that are to be saved, as members, and their sizes.
[[nodiscard]] std::vector<std::pair<std::string, std::size_t>> c_trained_arrays(const CModel& model);

/// Their definitions for NAME.c, which use those of `functions`.
[[nodiscard]] std::string c_head_definitions(const CModel& model, CFunctions& functions);

/// The hash of what the tuning in a self-test on these sequences gives: of all losses, then of all that is trained.
[[nodiscard]] std::uint64_t c_tuning_hash(const CModel& model, std::span<const CTestSequence> tests);

/// How often a self-test goes through its sequences.
inline constexpr std::uint32_t c_tuning_rounds = 3;

}  // namespace bitstate::program
