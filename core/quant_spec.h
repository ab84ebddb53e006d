// Bit-widths are rows of data: what one quantizer does, and the list of rules that says so for every site of a model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate {

/// What one quantizer does (docs/numerics.md, section 2). No bits: it does nothing at all.
struct QuantSpec {
  enum class Range { absmax, ema };
  enum class Granularity { tensor, channel };
  enum class Edge { center, half };

  int bits = 0;  ///< 1 to 16, or 0 for none
  Range range = Range::absmax;
  Granularity granularity = Granularity::tensor;
  Edge edge = Edge::center;
  float rate = 0.05F;  ///< of the moving average, range = ema

  [[nodiscard]] bool active() const { return bits != 0; }
  /// The largest code Q; 1 for one bit.
  [[nodiscard]] std::int32_t bound() const { return bits <= 1 ? 1 : (1 << (bits - 1)) - 1; }
  /// The scale that belongs to a range `r` >= 0.
  [[nodiscard]] float scale(float r) const;

  bool operator==(const QuantSpec&) const = default;
};

/// One row: the sites that match `glob` get `spec`.
struct QuantRule {
  std::string glob;
  QuantSpec spec;
  std::string origin;  ///< "w8a8.quant:3", for error sentences
};

/// An ordered list of rules; for each site the last rule that matches wins.
class QuantConfig {
 public:
  /// Parses lines `glob  bits  [range=absmax|ema] [granularity=tensor|channel] [edge=center|half] [rate=x]`; `#` starts
  /// a comment; bits may be `none`. Options that are not given take the kind's defaults: range=absmax for weights, ema
  /// for `act:` and `state:`. Throws UsageError naming origin, line, what is wrong and what is allowed.
  static QuantConfig parse(std::string_view text, std::string_view origin);

  /// One spec a site, in the order of `sites`. Throws UsageError when a rule matches no site, or does not fit a site
  /// (ema for a weight).
  [[nodiscard]] std::vector<QuantSpec> resolve(std::span<const std::string> sites) const;

 private:
  std::vector<QuantRule> rules_;
};

/// Whether `text` matches `glob`, in which `*` stands for any run of characters.
bool glob_matches(std::string_view glob, std::string_view text);

}  // namespace bitstate
