// What export has written is run, on the sequences on which the program was compared.
#pragma once

#include "core/program/c/source.h"
#include "core/program/program.h"
#include "experiments/export/export.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// Whether what is written is run.
enum class ProofMode {
  automatic,  ///< where this machine has what runs it
  required,   ///< else it is an error
  none
};

/// Throws UsageError.
ProofMode proof_mode(const std::string& text);

/// Why a format ("program", "c", "onnx") cannot be run here: "no cc"; empty when it can.
std::string missing_tool(std::string_view format);

/// "proven on 10 sequences", or "not run here: no cc".
std::string proof_text(std::size_t sequences, const std::string& missing);

/// Appends a sequence as the drivers of C read it: its steps, then its codes.
void append_sequence(std::string& bytes, const program::Program& program, const std::vector<std::int32_t>& codes);

/// Runs the program in `file`, as bitstate run does. This and the next two throw Error for the first code that is not
/// the program's, and for what cannot be read, compiled or run, with the first line that the tool said.
void prove_program(const Exported& exported, const std::filesystem::path& file);

/// Compiles NAME.c in `folder` with NAME_test.c and with the driver of `c`, its source ($CC, else cc), and runs both;
/// for each value of `c.multiplier`, where there is this macro.
void prove_c(const Exported& exported, const std::filesystem::path& folder, const std::string& name,
             const program::CSource& c);

/// Runs the model in onnxruntime, of which node must know.
void prove_onnx(const Exported& exported, const std::filesystem::path& file);

}  // namespace bitstate::experiments
