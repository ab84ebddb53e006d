// The files of an exported program: written beside their place, proven there, and only then put into it.
#pragma once

#include "core/program/c/source.h"
#include "experiments/export/export.h"
#include "experiments/export/proof.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace bitstate::experiments {

struct ExportOptions {
  std::string format = "program";  ///< program, c or onnx
  std::filesystem::path out;       ///< file, or folder for c; empty: in the folder of the run
  std::size_t parity = 0;          ///< test sequences that are compared; 0: all
  ProofMode proof = ProofMode::automatic;
  std::string name = "model";    ///< of the files, functions and macros in C
  std::string layout = "plain";  ///< of the files in C, as c_layout() has it
  bool has_adc = false;
  program::CAdc adc = {};
  bool trains_head = false;    ///< in C
  bool trains_layer = false;   ///< the top layer, with the head
  double tune_rate = 0.01;     ///< learning rate of the head's weights and biases
  double layer_rate = 0.3;     ///< of those of the layer
  std::size_t tune_steps = 0;  ///< of an example that the layer learns; 0: of the longest sequence
  bool has_tune_rate = false;
  bool has_layer_option = false;
};

/// Sets an option of export from its text: all but `out` and `parity`. Throws UsageError.
void set_export_option(ExportOptions& options, std::string_view name, const std::string& value);

/// Throws UsageError for options of C without --format=c, and for an ADC without lsb.
void check_export_options(const ExportOptions& options);

struct Written {
  std::filesystem::path path;  ///< of the file, or of the folder of the C
  std::uintmax_t bytes = 0;    ///< of what a user of it needs
  std::string proof;           ///< proof_text()
  std::size_t proven = 0;      ///< sequences on which what is written was run
};

/// Writes the program of the run in `run`. `missing`: why it is not run, or empty. What stood in its place is replaced
/// at the very end, and stays when anything fails. Throws Error as the proofs do, UsageError for an ADC that does not
/// fit the program.
Written write_exported(const Exported& exported, const std::filesystem::path& run, const ExportOptions& options,
                       const std::string& missing);

}  // namespace bitstate::experiments
