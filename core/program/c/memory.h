// The RAM of a program in C: the state struct and where in it each value of a step lives.
#pragma once

#include "core/program/c/schedule.h"
#include "core/program/program.h"
#include "core/tuning/layer.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::program {

/// A value, or a member of the state, as an expression of C: a pointer to `cols` integers of `bits` bits.
struct CValue {
  std::string at;
  unsigned bits = 32;
  std::size_t cols = 0;
};

struct CMember {
  std::string name;
  unsigned bits = 32;
  std::size_t count = 0;
  bool starts_at_zero = false;  ///< else it is written before it is read
};

class CMemory {
 public:
  /// `layer`: that is trained, or null.
  CMemory(const Program& program, const std::vector<ValueInfo>& infos, const CSchedule& schedule,
          const TrainableLayer* layer = nullptr);

  /// Where the value is: in scratch, in the state of its scan, in the caller's input or output; at step t, where it is
  /// stored for all steps.
  [[nodiscard]] const CValue& value(Ref ref) const { return values_[ref]; }
  /// The state of the scan that is instruction `number`.
  [[nodiscard]] const CValue& state(std::size_t number) const { return states_[number]; }
  /// What instruction `number` keeps from step to step: the residue of a scan, the sums of a mean pool.
  [[nodiscard]] const CValue& kept(std::size_t number) const { return kept_[number]; }
  /// Where the codes of step t that enter the layer in training, its value `entry`, are kept.
  [[nodiscard]] CValue entering(Ref entry) const;
  /// The input's codes are copied and brought into their interval: not every number of its type is a code, or the
  /// sequence is padded.
  [[nodiscard]] bool clamps_input() const { return clamps_input_; }
  /// Members in the order of the struct, the widest first, so that nothing is padded but its end.
  [[nodiscard]] const std::vector<CMember>& members() const { return members_; }
  /// sizeof the struct, with the alignment of 64-bit integers that Arm and x86-64 have.
  [[nodiscard]] std::size_t bytes() const;

 private:
  /// The state of a scan; residue_bits: 0 for no residue.
  void keep_scan(std::size_t number, unsigned residue_bits, bool stored);
  CValue keep(std::string_view kind, std::size_t number, unsigned bits, std::size_t cols);
  /// What instruction `number` keeps from step to step; `stored`: its value is kept for all steps, too.
  void keep_state(const Scan& scan, std::size_t number, bool stored);
  void keep_state(const ScanShear& scan, std::size_t number, bool stored);
  void keep_state(const Conv& conv, std::size_t number, bool stored);
  void keep_state(const SelectiveScan& scan, std::size_t number, bool stored);
  void keep_state(const Last& last, std::size_t number, bool stored);
  void keep_state(const MeanPool& pool, std::size_t number, bool stored);
  template <KeepsNothing I>
  void keep_state(const I&, std::size_t, bool) {}
  void place_state(const Program& program, const std::vector<ValueInfo>& infos, const CSchedule& schedule);
  void place_scratch(const Program& program, const std::vector<ValueInfo>& infos, const CSchedule& schedule,
                     const TrainableLayer* layer);

  std::vector<CValue> values_, states_, kept_;
  std::vector<CMember> members_;
  bool clamps_input_ = false;
};

/// The bits of the residue that a scan carries on, by a bound that holds for every input.
[[nodiscard]] unsigned residue_bits(const Scan& scan);

}  // namespace bitstate::program
