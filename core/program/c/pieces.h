// Definitions of a C file, each for the targets that use it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::program {

/// Which targets something is for, by the macro NAME_MULTIPLIER that c_header() explains.
struct CTargets {
  bool multiplying = true;  ///< those of NAME_MULTIPLIER 1
  bool adding = true;       ///< those of NAME_MULTIPLIER 0

  [[nodiscard]] bool all() const { return multiplying && adding; }
  bool operator==(const CTargets&) const = default;
};

class CPieces {
 public:
  /// Adds a definition, or one more use of it. `bytes` are those that it takes of the flash as a constant.
  void add(std::string text, CTargets targets, std::size_t bytes = 0);

  /// All definitions in the order in which they came, those that are not for all targets between #if and #endif.
  [[nodiscard]] std::string text(std::string_view macro) const;
  /// Of all constants for targets of the one or the other kind.
  [[nodiscard]] std::size_t bytes(bool multiplying) const;
  /// Whether all are for all targets.
  [[nodiscard]] bool all() const;

 private:
  struct Piece {
    std::string text;
    CTargets targets;
    std::size_t bytes;
  };
  std::vector<Piece> pieces_;
};

}  // namespace bitstate::program
