// The header of a program in C, and its self-test.
#pragma once

#include "core/program/c_memory.h"
#include "core/program/c_source.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::program {

/// NAME.h; `constant_bytes` are those of the arrays in NAME.c.
[[nodiscard]] std::string c_header(const Program& program, std::string_view name, const std::vector<ValueInfo>& infos,
                                   const CMemory& memory, std::size_t constant_bytes);

/// NAME_test.c
[[nodiscard]] std::string c_self_test(const Program& program, std::string_view name,
                                      const std::vector<ValueInfo>& infos, const CMemory& memory,
                                      std::span<const CTestSequence> tests);

/// "NAME_logits" or "NAME_output": what gives the row of a program with a pool.
[[nodiscard]] std::string c_result_name(const Program& program, std::string_view name);

}  // namespace bitstate::program
