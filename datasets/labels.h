// The labels of sequences, as their files have them, and the classes that they become.
#pragma once

#include "datasets/dataset.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// The label that a text is: a whole number without sign of plus, point or exponent (1, 1.0 and +1e0 are the label 1),
/// or any other text of 1 to 100 bytes that is no number. Nothing for a fraction, NaN, an infinity, numbers of 2^53 and
/// more, for a missing label, and texts that are no UTF-8 or have control
/// characters.
std::optional<std::string> label_in(std::string_view text);

/// Whether a cell has no label: empty, ? or NaN. Other words for a missing number (none, na, -) may name a class.
bool is_missing_label(std::string_view cell);

/// What label_in() reads, for messages.
inline constexpr std::string_view label_expected = "a class (a whole number or a name)";

/// The labels of all parts of some data, each once.
class Labels {
 public:
  /// Where a label of label_in() stands in texts(). Throws Error for more labels than there may be classes.
  std::size_t add(const std::string& label);
  /// Labels that the data may have, in the order of their classes. Throws Error for a file that declares others than
  /// one before it.
  void declare(const std::vector<std::string>& labels, std::string_view where);

  [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }
  [[nodiscard]] bool declared() const { return declared_ > 0; }

 private:
  std::vector<std::string> texts_;
  std::map<std::string, std::size_t, std::less<>> numbers_;
  std::size_t declared_ = 0;
};

/// What the labels are to a model.
struct Classes {
  std::vector<std::int32_t> of;    ///< the class of each of Labels::texts()
  std::vector<std::string> names;  ///< of the classes; empty: a label is the number of its class
  std::size_t count = 0;           ///< of the classes
};

/// Labels that are the numbers 0, 1, ..., k are their own classes, and so are numbers below `count`, if that is given.
/// Others become classes by size if all are numbers, else as they were declared, or in the order of their bytes. Those
/// of a model that is trained (`reading`) stay as they are. Throws Error for a label that this one does not know, or
/// that is not below `count`.
Classes classes_of(const Labels& labels, const std::optional<Reading>& reading = {}, std::size_t count = 0);

}  // namespace bitstate::datasets
