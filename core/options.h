// Options as rows: the name of a setting, its unit, its help, how its text is read and how it is written. A struct of
// settings has a table of them beside it. Nothing here knows which settings there are, and nothing reads a file.
#pragma once

#include "core/error.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate {

/// An option as --help, the completion of shells and settings.ini see it.
struct OptionInfo {
  std::string name;
  std::string help;
  std::string unit{};                   ///< what its value counts or names, as SECONDS or FILE; a switch has none
  bool is_switch = false;               ///< a boolean: `--json` alone means true
  std::string group{};                  ///< heading of --help under which it stands
  std::string value{};                  ///< default
  std::vector<std::string> words{};     ///< values that it takes, if these are words
  std::vector<std::string> subjects{};  ///< the choices that it belongs to; none: it belongs to all
  bool affects_result = true;
  bool verbatim = false;  ///< a path: white space at the ends of the value is part of it
  // what commands ask of an option instead of its name
  bool gives_bits = false;       ///< to a model: a run that has none of these is a float run
  bool changes_trained = false;  ///< changes a trained model without training; those that give bits do so anyway
  bool inherited = true;         ///< by a run that starts from another one, unless it gives bits
  bool checked_alone = false;    ///< whether a run can begin does not depend on a value that the row accepts
  bool decides_test = false;     ///< says on what a run is tested: others are not comparable
  bool of_evaluation = false;    ///< a trained model may be evaluated with another value than it was trained with
};

/// A row of the table of S. `set` throws UsageError naming the option, the value and what was expected; `text` is what
/// set() reads back.
template <class S>
struct OptionOf : OptionInfo {
  std::function<void(S&, std::string_view)> set;
  std::function<std::string(const S&)> text;
};

/// The option of this name, or null. `options` is a vector of OptionInfo or of rows.
template <class Options>
auto find_option(Options& options, std::string_view name) -> decltype(options.data()) {
  const auto named = [&](const OptionInfo& option) { return option.name == name; };
  const auto found = std::find_if(options.begin(), options.end(), named);
  return found == options.end() ? nullptr : &*found;
}

/// A real number in [low, high], or in (low, high] or [low, high) where an end is excluded.
struct Interval {
  double low = 0.0;
  double high = std::numeric_limits<double>::infinity();
  bool low_excluded = false;
  bool high_excluded = false;

  [[nodiscard]] bool contains(double x) const;
  [[nodiscard]] std::string text() const;  ///< "a number above 0 and up to 1"
};

namespace options {

/// The value of the option `name` from its text. Each throws UsageError with the name, what was expected and the text.
std::size_t read_whole(std::string_view name, std::string_view value, std::size_t low, std::size_t high);
double read_real(std::string_view name, std::string_view value, const Interval& range);
bool read_flag(std::string_view name, std::string_view value);
std::string read_word(std::string_view name, std::string_view value, const std::vector<std::string>& words);
std::optional<int> read_bit_width(std::string_view name, std::string_view value);

/// What the readers read back.
std::string whole_text(std::size_t number);
std::string real_text(double number);
std::string bit_width_text(const std::optional<int>& bits);

/// Throws UsageError: "[name] expected ..., got "value"".
[[noreturn]] void refuse(std::string_view name, std::string_view value, std::string_view expected);

}  // namespace options

/// The options of a struct of settings, made row by row: each function appends one row and returns it.
template <class S>
class OptionTable {
 public:
  /// `group` is the heading of --help under which the rows stand that are added next.
  explicit OptionTable(std::string group) : group_(std::move(group)) {}
  void begin_group(std::string group) { group_ = std::move(group); }

  [[nodiscard]] const std::vector<OptionOf<S>>& rows() const& { return rows_; }
  [[nodiscard]] std::vector<OptionOf<S>>& rows() & { return rows_; }
  [[nodiscard]] std::vector<OptionOf<S>> rows() && { return std::move(rows_); }  // a loop may run over a temporary

  /// A row that stands elsewhere. Throws Error for a name that the table has.
  OptionOf<S>& append(OptionOf<S> row) {
    require(find_option(rows_, row.name) == nullptr, row.name, "stands twice in a table of options");
    return rows_.emplace_back(std::move(row));
  }

  /// Member by member: when memory runs out within nested braces, GCC 12 frees what it has not made.
  template <class Set, class Text>
  OptionOf<S>& add(std::string name, std::string unit, std::string help, Set set, Text text) {
    OptionOf<S> option;
    option.name = std::move(name);
    option.unit = std::move(unit);
    option.help = std::move(help);
    option.group = group_;
    option.set = std::move(set);
    option.text = std::move(text);
    return append(std::move(option));
  }

  OptionOf<S>& whole(const std::string& name, std::string unit, std::size_t S::*field, std::size_t low,
                     std::size_t high, std::string help) {
    return add(
        name, std::move(unit), std::move(help),
        [=](S& s, std::string_view value) { s.*field = options::read_whole(name, value, low, high); },
        [=](const S& s) { return options::whole_text(s.*field); });
  }

  OptionOf<S>& real(const std::string& name, std::string unit, double S::*field, Interval range, std::string help) {
    return add(
        name, std::move(unit), std::move(help),
        [=](S& s, std::string_view value) { s.*field = options::read_real(name, value, range); },
        [=](const S& s) { return options::real_text(s.*field); });
  }

  OptionOf<S>& flag(const std::string& name, bool S::*field, std::string help) {
    OptionOf<S>& option = add(
        name, "", std::move(help), [=](S& s, std::string_view value) { s.*field = options::read_flag(name, value); },
        [=](const S& s) { return std::string(s.*field ? "true" : "false"); });
    option.is_switch = true;
    return option;
  }

  OptionOf<S>& word(const std::string& name, std::string S::*field, const std::vector<std::string>& words,
                    std::string help) {
    OptionOf<S>& option = add(
        name, "WORD", std::move(help),
        [=](S& s, std::string_view value) { s.*field = options::read_word(name, value, words); },
        [=](const S& s) { return s.*field; });
    option.words = words;
    return option;
  }

  OptionOf<S>& text(std::string name, std::string unit, std::string S::*field, std::string help) {
    return add(
        std::move(name), std::move(unit), std::move(help), [=](S& s, std::string_view value) { s.*field = value; },
        [=](const S& s) { return s.*field; });
  }

  /// `Path` is a std::filesystem::path or a std::string.
  template <class Path>
  OptionOf<S>& path(std::string name, std::string unit, Path S::*field, std::string help) {
    OptionOf<S>& option = add(
        std::move(name), std::move(unit), std::move(help),
        [=](S& s, std::string_view value) { s.*field = Path(value); },
        [=](const S& s) { return std::filesystem::path(s.*field).string(); });
    option.verbatim = true;
    return option;
  }

  /// A row that gives bits.
  OptionOf<S>& bit_width(const std::string& name, std::optional<int> S::*field, std::string help) {
    OptionOf<S>& option = add(
        name, "BITS", std::move(help),
        [=](S& s, std::string_view value) { s.*field = options::read_bit_width(name, value); },
        [=](const S& s) { return options::bit_width_text(s.*field); });
    option.gives_bits = true;
    return option;
  }

  /// The rows of a struct that is a member of S.
  template <class Part>
  void nested(const OptionTable<Part>& table, Part S::*part) {
    for (const OptionOf<Part>& row : table.rows()) {
      OptionOf<S> option;
      static_cast<OptionInfo&>(option) = row;
      option.set = [set = row.set, part](S& s, std::string_view value) { set(s.*part, value); };
      option.text = [text = row.text, part](const S& s) { return text(s.*part); };
      append(std::move(option));
    }
  }

 private:
  std::string group_;
  std::vector<OptionOf<S>> rows_;
};

}  // namespace bitstate
