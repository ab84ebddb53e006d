// Instructions as calls of C functions, one function for each kind of instruction and types of its operands.
#pragma once

#include "core/program/c/constants.h"
#include "core/program/c/memory.h"
#include "core/program/c/narrow_pairs.h"
#include "core/program/c/pieces.h"
#include "core/program/program.h"
#include "core/tuning/head.h"
#include "core/tuning/layer.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate::program {

struct ScanOperands;
struct ScanShared;

/// A rescale, as C computes it.
struct CRescale {
  COperand operand;          ///< the factors
  bool narrow = false;       ///< the result is an int32_t, else an int64_t
  std::int64_t largest = 0;  ///< magnitude of the result
  std::string function, up;

  /// The result for a value, in an expression.
  [[nodiscard]] std::string of(std::string_view value) const;
};

/// Where a weight in training is, as expressions of C: its numbers, and its biases or nothing.
struct CTrainedWeight {
  std::string weight, bias;
};
using CTrained = std::map<std::size_t, CTrainedWeight>;  ///< by the value of its instruction

/// Whether a map of values up to `magnitude` is computed two rows at once.
[[nodiscard]] bool c_by_rows(const Linear& i, std::int64_t magnitude);
/// Whether a rescale of values up to `largest` reads only the high half of its products.
[[nodiscard]] bool c_rescales_narrowly(std::span<const FixedPoint> factors, std::int64_t largest);

class CFunctions {
 public:
  /// Constants are added to `constants`; all three must live as long as this. Weights in training are read from RAM.
  CFunctions(std::string_view prefix, const std::vector<ValueInfo>& infos, const CMemory& memory, CConstants& constants,
             CTrained trained = {});

  /// The statements, one per line, that compute instruction `number` (from 1 on: its value) at a step; a pool gathers
  /// its row.
  std::string call(const Instruction& instruction, std::size_t number);
  /// The statement that finishes a pool; empty for Last, whose row is its value.
  std::string finish(const Instruction& instruction, std::size_t number);
  /// Copies the input's codes from `at`, brought into lo to hi.
  std::string clamp_input(const Input& input, std::string_view at);
  /// Writes a row of padding in place of the input.
  std::string pad_input(const Input& input);
  /// Copies a value.
  std::string copy(const CValue& from, const CValue& to);

  /// The statements that set a weight in training to that of the program.
  std::string reset(const Instruction& instruction, std::size_t number);
  /// The expression that trains `head`, a pointer, for the class `label` at these logits, whose value is the loss.
  std::string tune(const TrainableHead& head, std::string_view at, std::string_view logits);

  // Of a layer in training (core/program/c/layer.cpp): the statements of NAME_tune, which has `s`, `top`, `label`, `t`,
  // `i` and `exponent`.
  /// The adjoint of the pooled value; sets `exponent`.
  std::string begin_back(const Program& program, const TrainableHead& head, const TrainableLayer& layer);
  /// What sets gradients and states to 0.
  std::string clear(const TrainableLayer& layer);
  /// A step of the example, forward and back.
  std::string step_back(const Program& program, const TrainableLayer& layer);
  /// The moves of the numbers.
  std::string descend(const Program& program, const TrainableLayer& layer);

  /// Definitions of all functions that the calls need, in an order that C can read.
  [[nodiscard]] const CPieces& pieces() const { return pieces_; }
  /// What must stand before them: what the target has, by its macros.
  [[nodiscard]] std::string target_text() const;

 private:
  using Fillers = std::vector<std::pair<char, std::string_view>>;

  /// Defines the function once; `body` may name $N (its name), $P (the prefix) and the keys of `fillers`.
  std::string define(std::string_view name, std::string_view body, const Fillers& fillers);
  /// Functions that are named in `bodies` of others.
  void need_rescale();
  void need_rescale_high();
  void need_clamp();
  void need_decay();
  /// The products of narrow numbers.
  void need_times();
  /// What the training of a head and of a layer share: gradients of the logits; roundings.
  void need_gradients(const TrainableHead& head);
  void need_shifted();
  void need_column();
  /// Makes what follows for these targets.
  void set_targets(CTargets targets);
  /// The function that clamps an int32_t, or an int64_t.
  std::string clamp_of(bool narrow);
  /// A rescale of values up to `largest`, by parameters `name` of which those of `index` are read.
  CRescale rescaled(std::span<const FixedPoint> factors, std::int64_t largest, std::string_view name,
                    std::string_view index);
  /// A norm whose numbers fit 32 bits (`narrow`) or need 64.
  std::string define_norm(std::string_view kind, std::string_view body, bool narrow, unsigned depth,
                          const Fillers& own);
  /// y[c] = expression, for all columns
  std::string elementwise(std::string_view kind, std::size_t number, const std::vector<const CValue*>& inputs,
                          const std::vector<COperand>& constants, std::string_view expression);

  std::string compute(const Linear& i, std::size_t number);
  std::string compute_rows(const Linear& i, const CValue& x, const CValue& y);
  std::string compute_trained(const Linear& i, const CTrainedWeight& trained, std::size_t number);
  std::string compute(const Rescale& i, std::size_t number);
  std::string compute(const Sign& i, std::size_t number);
  std::string compute(const Product& i, std::size_t number);
  std::string compute(const Scale& i, std::size_t number);
  std::string compute(const Sum& i, std::size_t number);
  std::string compute(const AddRow& i, std::size_t number);
  std::string compute(const LayerNorm& i, std::size_t number);
  std::string compute(const RmsNorm& i, std::size_t number);
  std::string compute(const Conv& i, std::size_t number);
  std::string compute(const Rotate& i, std::size_t number);
  std::string compute(const Table& i, std::size_t number);
  std::string compute(const Embedding& i, std::size_t number);
  std::string compute_levels(const Embedding& i, const CValue& x, const CValue& y);
  std::string compute(const Scan& i, std::size_t number);
  std::string compute(const ScanShear& i, std::size_t number);
  std::string compute(const SelectiveScan& i, std::size_t number);
  std::string compute(const MeanPool& i, std::size_t number);
  std::string compute(const Last& i, std::size_t number);
  std::string compute(const Concatenate& i, std::size_t number);

  /// What rounds a state of instruction `number`; the name of the function, and the end of those of its callers.
  std::pair<std::string, std::string> scan_round(std::size_t number, const ScanShared& of);
  /// The call of the function of a scan; `own` are fillers of `text` beside those that all scans have.
  std::string scan_call(std::size_t number, const ScanShared& of, const ScanOperands& operands, std::string_view text,
                        const Fillers& own);
  /// The rescales of the two components of an input.
  std::pair<CRescale, CRescale> scan_input(Ref x, std::span<const FixedPoint> factors);
  std::string scan_of_pairs(const Scan& i, std::size_t number);
  std::string scan_of_narrow_pairs(const Scan& i, const NarrowPairs& pairs, std::size_t number);
  /// The call of a scan's function and, where its state is not its value, the copy.
  std::string scan_step(std::size_t number, const std::string& call);

  /// What computes the states of one channel.
  std::string selective_channel(const SelectiveScan& i, std::size_t number, const std::string& rate_type);

  std::string back(const Program& program, const TrainableLayer& layer, const Backward& way);
  std::string gather(const Program& program, const TrainableLayer& layer, const TrainedWeight& w);

  std::string conclude(const MeanPool& i, std::size_t number);
  static std::string conclude(const Last&, std::size_t) { return {}; }
  template <IsInstruction I>
  requires(!is_pool(I::traits)) static std::string conclude(const I&, std::size_t) { return {}; }

  std::string prefix_;
  const std::vector<ValueInfo>& infos_;
  const CMemory& memory_;
  CConstants& constants_;
  CTrained trained_;
  std::size_t most_pairs_ = 0;
  CTargets targets_;
  CPieces pieces_;
};

}  // namespace bitstate::program
