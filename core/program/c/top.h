// The head and the top layer of a program that a device trains further, in C (docs/numerics.md, section 13).
#pragma once

#include "core/program/c/functions.h"
#include "core/program/c/header.h"

#include <string>

namespace bitstate::program {

/// As those of a head (core/program/c/tuning.h): lines of the first comment of NAME.h, the struct NAME_top, which holds
/// a NAME_head, and the declarations of NAME_reset, NAME_restore and NAME_tune.
[[nodiscard]] std::string c_top_comment(const CModel& model);
[[nodiscard]] std::string c_top_struct(const CModel& model);
[[nodiscard]] std::string c_top_functions(const CModel& model);

/// Their definitions for NAME.c.
[[nodiscard]] std::string c_top_definitions(const CModel& model, CFunctions& functions);

}  // namespace bitstate::program
