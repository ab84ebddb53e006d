// The integer program as an ONNX model, for runtimes that know nothing of it.
#pragma once

#include "core/program/program.h"

#include <string>
#include <utility>
#include <vector>

namespace bitstate::program {

/// The bytes of an .onnx file that computes the codes of Runner::run, for N sequences of L steps, N and L free:
///   x      input   float32 [N, L, cols], the real numbers of the data set; or int64 token ids [N, L]
///   codes  output  int32 [N, L, cols], or [N, cols] of a program with a pool
///   y      output  float32, codes * scale
///   class  output  int64 [N, L] or [N], the first largest of the codes, if the program has classes
///
/// Values are whole numbers in float64, where they are exact; whatever could be rounded is done in int64 (a rescale
/// whose product reaches 2^53, the layer norm). Weights are int4, int8 or int16 constants behind a DequantizeLinear of
/// scale 1, 8-bit operands too. Products are MatMuls in float32 if the operand has 8 bits and no partial sum reaches
/// 2^24, else in float64. (In float32, onnxruntime rounds wider operands of weights of 4 and 8 bits to 8 bits.)
/// (Operands are never uint8: where they are, runtimes use x86 instructions whose 16-bit sums saturate. Clip, Min, Max,
/// Sign and ReduceSum never get int64, of which onnxruntime's are wrong.) A recurrence is a Scan, whose body is
/// described in onnx/scan.h, that of selective models in onnx/selective.h. Sequences shorter than padded_length are
/// padded in the graph where a backward scan needs it. Weights of int4 or int16 make it opset 21 (IR 10), else it is
/// opset 17 (IR 8).
///
/// Units are not part of the graph: x is standardised, y is not restored; the model's documentation has the numbers.
/// What encode_input() and Runner refuse is for the caller to refuse: NaNs, infinities, sequences of no steps.
///
/// Throws Error where analyse() does, and for token ids that something other than an embedding reads.
///
/// `metadata` are keys and values that a runtime shows.
[[nodiscard]] std::string onnx_model(const Program& program,
                                     std::vector<std::pair<std::string, std::string>> metadata = {});

}  // namespace bitstate::program
