// A program made ready to run: constants as the kernels read them, and the smallest type for each value. A rescale is
// computed together with what it reads where nothing else reads that.
#pragma once

#include "core/arena.h"
#include "core/program/program.h"
#include "core/program/run/codes.h"
#include "core/program/run/kernels.h"
#include "core/program/run/runner.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

namespace bitstate::program {

/// How a value lies in memory.
struct Storage {
  std::size_t cols = 0;
  std::size_t buffer = 0;  ///< of State::buffers; values of which none is needed any more share them
  std::size_t stride = 0;
  Width width = Width::one;
  bool per_step = true;
  bool kept = true;  ///< false: the operation that computes it rescales it on the way
};

/// The rows at hand.
struct Chunk {
  State& state;
  std::size_t rows;
  std::size_t true_rows;  ///< of them no padding
};

/// Computes one value.
struct Operation {
  std::function<void(const Chunk&)> each_step;  ///< on the rows of a chunk; empty for what follows a pool
  std::function<void(const Chunk&)> at_end;     ///< on the one row after pools; empty for all else
};

class Plan {
 public:
  /// `values` are those of analyse().
  Plan(const Program& program, const std::vector<ValueInfo>& values, Isa isa);
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan() = default;

  [[nodiscard]] const std::vector<Operation>& operations() const { return operations_; }
  /// What the kernels read beside codes.
  [[nodiscard]] std::size_t constant_bytes() const { return constants_.used_bytes(); }
  [[nodiscard]] const std::vector<std::size_t>& row_bytes() const { return row_bytes_; }  ///< of each buffer

  [[nodiscard]] Codes codes(const State& state, Ref ref) const {
    return {state.buffers[storage_[ref].buffer].data(), storage_[ref].width, storage_[ref].stride};
  }
  [[nodiscard]] MutableCodes target(State& state, Ref ref) const {
    return {state.buffers[storage_[ref].buffer].data(), storage_[ref].width, storage_[ref].stride};
  }

 private:
  friend class Planner;

  std::vector<Storage> storage_;
  std::vector<Operation> operations_;
  std::vector<std::size_t> row_bytes_;
  Arena constants_;  // what the kernels' structs point to
  std::deque<Rescaling> rescalings_;
};

}  // namespace bitstate::program
