// From a trained model to its integer program: one traced forward of one example.
#pragma once

#include "autograd/tape.h"
#include "core/program/program.h"
#include "core/tuning/layer.h"
#include "datasets/dataset.h"
#include "models/model.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bitstate {

/// The forward of one sequence, on `padded_length` steps if it is shorter. Its nodes live on `tape` until its next
/// begin(); with `results_only`, layers leave their results alone (Pass). It ends behind so many parts of the model
/// (Batch). Throws what the model throws.
Value forward_example(const Model& model, const datasets::Example& example, std::size_t padded_length, Tape& tape,
                      bool results_only = false, std::size_t parts_end = all_parts);

/// The first step of an example, which is enough for a program: it does not depend on the number of steps.
datasets::Example first_step(const datasets::Example& example);

/// The program that gives exactly the codes of the model's quantized forward. `example` only has to be a possible
/// input. Shorter sequences are padded to `padded_length` steps (0: not at all), as in training. Units are left empty.
/// Throws Error, naming the op and the site, when a value on the path of the input has no codes, and where no proof is
/// found that every sum fits its type. `weights` gets the scales of weights, as export_program() gives them.
program::Program export_model(const Model& model, const datasets::Example& example, std::string name,
                              std::size_t padded_length = 0, std::vector<program::WeightScales>* weights = nullptr);

/// The program of the parts [first, last) of a model (Tape::parts()): from the codes that enter the first of them, or
/// from the input for 0, to the result of the last one, or to that of the model for `all_parts`. Nothing where
/// something in it is float, or a proof fails. Throws what the model throws.
std::optional<program::Program> part_program(const Model& model, const datasets::Example& example, std::size_t first,
                                             std::size_t last, std::size_t padded_length = 0);

/// What a program reads for an example: the codes of its numbers [steps, cols], or its token ids.
std::vector<std::int32_t> input_codes(const program::Program& program, const datasets::Example& example);

}  // namespace bitstate
