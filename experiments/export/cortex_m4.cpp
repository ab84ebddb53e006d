#include "experiments/export/cortex_m4.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "experiments/host/tools.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <map>
#include <set>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

/// A function of the call graph.
struct Function {
  std::size_t bytes = 0;
  bool is_static = true;  ///< its bytes do not depend on its arguments
  bool is_foreign = true;
  std::vector<std::string> calls;
};

/// What stands in quotes behind `key`.
std::string_view quoted(std::string_view line, std::string_view key) {
  const std::size_t at = line.find(fmt::format("{}: \"", key));
  if (at == std::string_view::npos) return {};
  line.remove_prefix(at + key.size() + 3);
  return line.substr(0, line.find('"'));
}

void read_size(std::string_view label, Function& function) {
  const std::size_t unit = label.find(" bytes (");
  if (unit == std::string_view::npos) return;
  const std::size_t begin = label.rfind("\\n", unit) + 2;  // a backslash and an n
  std::from_chars(label.data() + begin, label.data() + unit, function.bytes);
  function.is_static = label.substr(unit).starts_with(" bytes (static)");
  function.is_foreign = false;
}

std::map<std::string, Function, std::less<>> functions_of(std::string_view text) {
  std::map<std::string, Function, std::less<>> functions;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with("node:")) {
      read_size(quoted(line, "label"), functions[std::string(quoted(line, "title"))]);
    } else if (line.starts_with("edge:")) {
      functions[std::string(quoted(line, "sourcename"))].calls.emplace_back(quoted(line, "targetname"));
    }
  }
  return functions;
}

/// Walks calls, deepest first.
class Walk {
 public:
  explicit Walk(const std::map<std::string, Function, std::less<>>& functions) : functions_(functions) {}

  std::size_t depth(const std::string& name) {
    const Function& function = functions_.at(name);
    if (function.is_foreign) foreign_.insert(name);
    if (active_.contains(name)) {
      bounded_ = false;
      return 0;
    }
    if (const auto known = depths_.find(name); known != depths_.end()) return known->second;
    bounded_ = bounded_ && function.is_static;
    active_.insert(name);
    std::size_t deepest = 0;
    for (const std::string& callee : function.calls) {
      if (functions_.contains(callee)) deepest = std::max(deepest, depth(callee));
    }
    active_.erase(name);
    return depths_[name] = function.bytes + deepest;
  }
  [[nodiscard]] StackUse result(std::size_t bytes) const {
    return {bytes, bounded_, {foreign_.begin(), foreign_.end()}};
  }

 private:
  const std::map<std::string, Function, std::less<>>& functions_;
  std::map<std::string, std::size_t> depths_;
  std::set<std::string> active_, foreign_;
  bool bounded_ = true;
};

/// The sum of the first two columns of size(1): what is in flash.
std::size_t flash_bytes(std::string_view text) {
  std::size_t sum = 0;
  text.remove_prefix(std::min(text.find('\n') + 1, text.size()));
  for (int column = 0; column < 2; ++column) {
    text.remove_prefix(std::min(text.find_first_of("0123456789"), text.size()));
    std::size_t number = 0;
    const char* const end = std::from_chars(text.data(), text.data() + text.size(), number).ptr;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    sum += number;
  }
  return sum;
}

std::string stack_text(const StackUse& use) {
  if (!use.is_bounded) return "stack without a bound";
  std::string text = fmt::format("{} bytes of stack on the deepest path", use.bytes);
  if (!use.foreign.empty()) text += fmt::format(", without that of {}", fmt::join(use.foreign, " and "));
  return text;
}

}  // namespace

StackUse deepest_path(std::string_view callgraph) {
  require(callgraph.starts_with("graph:"), "stack", "this is no call graph of GCC");
  const auto functions = functions_of(callgraph);
  Walk walk(functions);
  std::size_t deepest = 0;
  for (const auto& [name, function] : functions) deepest = std::max(deepest, walk.depth(name));
  return walk.result(deepest);
}

std::string cortex_m4_note(const fs::path& source) {
  const auto gcc = find_executable("arm-none-eabi-gcc");
  const auto size = find_executable("arm-none-eabi-size");
  const std::string what = "Cortex-M4 (-Os): ";
  if (!gcc || !size) return fmt::format("{}not measured: no arm-none-eabi-{}", what, gcc ? "size" : "gcc");
  const WorkFolder work;
  const fs::path object = work / "model.o";
  constexpr std::size_t max_bytes = std::size_t{1} << 26;
  const ToolOutcome compiled = run_tool({gcc->string(), "-std=c99", "-mcpu=cortex-m4", "-mthumb", "-ffreestanding",
                                         "-Os", "-fcallgraph-info=su", "-c", source.string(), "-o", object.string()},
                                        work.path());
  if (compiled.exit_code != 0) return fmt::format("{}not measured: arm-none-eabi-gcc ({})", what, compiled.text());
  const ToolOutcome sized = run_tool({size->string(), object.string()}, work.path());
  if (sized.exit_code != 0) return fmt::format("{}not measured: arm-none-eabi-size ({})", what, sized.text());
  const std::size_t flash = flash_bytes(read_file(work / "log0", max_bytes));
  return fmt::format("{}{} bytes of flash, {}", what, flash,
                     stack_text(deepest_path(read_file(work / "model.ci", max_bytes))));
}

}  // namespace bitstate::experiments
