#include "experiments/export/proof.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/parallel.h"
#include "core/program/file.h"
#include "core/program/run/runner.h"
#include "experiments/export/c_compiler.h"
#include "experiments/host/console.h"
#include "experiments/host/signals.h"
#include "experiments/host/tools.h"
#include "experiments/settings/embedded.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

using program::Program;
using Codes = std::vector<std::int32_t>;
using ToolCommand = std::vector<std::string>;

constexpr std::size_t max_bytes = std::size_t{1} << 40;  // of what a tool writes, whose size is known

/// What stands before the arguments of the script that runs an ONNX model; it is written to `folder`.
ToolCommand onnx_command(const fs::path& folder) {
  const fs::path script = folder / "prove_onnx.mjs";
  write_file_atomically(script, *embedded_file("scripts/prove_onnx.mjs"));
  return {find_executable("node").value_or("node").string(), script.string()};
}

/// One sequence of those that are proven.
struct Numbered {
  std::size_t number = 0;
  Sample sample;
};

/// How a tool gets sequences: the bytes of a file. It may change their order.
using Encoder = std::function<std::string(std::vector<Numbered>&)>;

void append(std::string& bytes, const void* from, std::size_t count) {
  bytes.append(static_cast<const char*>(from), count);
}

/// What a program that is run writes of a sequence: its codes and, with classes, behind each row its class.
class Answers {
 public:
  explicit Answers(const Program& p) : cols_(program::analyse(p).back().cols), classes_(p.output.classes) {}

  [[nodiscard]] Codes of(const Codes& output) const {
    if (!classes_) return output;
    Codes all;
    for (auto row = output.begin(); row != output.end(); row += cols_) {
      all.insert(all.end(), row, row + cols_);
      all.push_back(static_cast<std::int32_t>(program::class_of({row, row + cols_})));
    }
    return all;
  }

 private:
  std::ptrdiff_t cols_;
  bool classes_;
};

/// Compares what is found of one sequence with what the program says of it.
void compare(std::string_view what, const Numbered& one, const Codes& expected, const std::int32_t* found) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    require(found[i] == expected[i], "export",
            "{} is wrong: in test sequence {}, output {}, it gives {}, the program {}; nothing is written", what,
            one.number, i, found[i], expected[i]);
  }
}

/// What is written so far goes with the error.
void refuse_to_go_on() { require(!StopSignals::requested(), "export", "stopped by a signal; nothing is written"); }

/// Runs `command INPUT OUTPUT` on all sequences, so many beside each other as there are threads, a part each.
class ToolProof {
 public:
  ToolProof(const Exported& exported, std::string_view what, ToolCommand command, Encoder encode,
            const fs::path& folder)
      : exported_(exported),
        answers_(exported.program),
        what_(what),
        command_(std::move(command)),
        encode_(std::move(encode)),
        folder_(folder),
        workers_(exported.threads) {}

  void run() const {
    const std::size_t count = exported_.parity.sequences;
    const std::size_t codes = std::max<std::size_t>(1, exported_.max_length * exported_.program.input.cols);
    constexpr std::size_t most_codes = std::size_t{1} << 22, most_sequences = 256;  // of a part
    const std::size_t threads = workers_.threads();
    const std::size_t part =
        std::clamp<std::size_t>(std::min(most_codes / codes, (count + threads - 1) / threads), 1, most_sequences);
    ProgressBar bar(count, 0);
    for (std::size_t first = 0; first < count;) {
      refuse_to_go_on();
      bar.show(first, fmt::format("running {}", what_));
      first = round(first, part);
    }
  }

 private:
  struct Part {
    fs::path input, output;
    std::vector<Numbered> sequences;
  };

  /// A part for each thread, from sequence `first` on; returns the first that is left.
  [[nodiscard]] std::size_t round(std::size_t first, std::size_t size) const {
    const std::size_t count = std::min(exported_.parity.sequences - first, size * workers_.threads());
    std::vector<Numbered> all(count);
    workers_.for_each(count, [&](std::size_t i) { all[i] = {first + i, exported_.sample(first + i)}; });
    std::vector<Part> parts((count + size - 1) / size);
    std::vector<ToolCommand> commands;
    for (std::size_t p = 0; p < parts.size(); ++p) {
      Part& part = parts[p];
      part.input = folder_ / fmt::format("input{}", p);
      part.output = folder_ / fmt::format("output{}", p);
      for (std::size_t i = p * size; i < std::min(count, (p + 1) * size); ++i)
        part.sequences.push_back(std::move(all[i]));
      write_file_atomically(part.input, encode_(part.sequences));
      fs::remove(part.output);
      commands.push_back(command_);
      commands.back().insert(commands.back().end(), {part.input.string(), part.output.string()});
    }
    const auto outcomes = run_tools(commands, folder_);
    for (std::size_t p = 0; p < parts.size(); ++p) {
      require(outcomes[p].exit_code == 0, "export", "{} cannot be run ({}); nothing is written", what_,
              outcomes[p].text());
      check(parts[p]);
    }
    return first + count;
  }

  void check(const Part& part) const {
    const std::string bytes = read_file(part.output, max_bytes);
    Codes found(bytes.size() / sizeof(std::int32_t));
    std::memcpy(found.data(), bytes.data(), found.size() * sizeof(std::int32_t));
    std::size_t at = 0;
    for (const Numbered& one : part.sequences) {
      const Codes expected = answers_.of(one.sample.output);
      require(at + expected.size() <= found.size(), "export", "{} gives too few codes; nothing is written", what_);
      compare(what_, one, expected, found.data() + at);
      at += expected.size();
    }
    require(at * sizeof(std::int32_t) == bytes.size(), "export", "{} gives too many codes; nothing is written", what_);
  }

  const Exported& exported_;
  Answers answers_;
  std::string_view what_;
  ToolCommand command_;
  Encoder encode_;
  fs::path folder_;
  mutable Workers workers_;
};

/// For each: its steps, then its codes.
std::string codes_of(const Program& p, const std::vector<Numbered>& sequences) {
  std::string bytes;
  for (const Numbered& one : sequences) append_sequence(bytes, p, one.sample.input);
  return bytes;
}

/// For each batch of sequences of one length: how many, their steps, then the numbers (or token ids) of all.
std::string batches_of(const Program& p, std::vector<Numbered>& sequences) {
  constexpr std::size_t most = 16, most_steps = 16384;
  const auto size = [](const Numbered& n) { return n.sample.input.size(); };
  std::stable_sort(sequences.begin(), sequences.end(), [&](const auto& a, const auto& b) { return size(a) < size(b); });
  std::string bytes;
  for (std::size_t first = 0; first < sequences.size();) {
    const std::size_t steps = size(sequences[first]) / p.input.cols;
    const std::size_t room = std::clamp<std::size_t>(most_steps / steps, 1, most);
    std::size_t end = first;
    while (end < sequences.size() && end < first + room && size(sequences[end]) == size(sequences[first])) ++end;
    const std::uint32_t dims[] = {static_cast<std::uint32_t>(end - first), static_cast<std::uint32_t>(steps)};
    append(bytes, dims, sizeof dims);
    for (; first < end; ++first) {
      const Sample& sample = sequences[first].sample;
      if (p.input.tokens) {
        append(bytes, sample.input.data(), sample.input.size() * sizeof(std::int32_t));
      } else {
        append(bytes, sample.x.data(), sample.x.size() * sizeof(float));
      }
    }
  }
  return bytes;
}

/// prove_c() of what the compiler makes with these flags.
void prove_build(const Exported& exported, const fs::path& folder, const std::string& name, const std::string& driver,
                 const ToolCommand& flags) {
  const WorkFolder work;
  const fs::path source = folder / (name + ".c");
  write_file_atomically(work / "driver.c", driver);
  compile_c(folder, {source, folder / (name + "_test.c")}, work / "self_test", flags);
  const ToolOutcome outcome = run_tool({(work / "self_test").string()}, work.path());
  require(outcome.exit_code == 0, "export", "the self-test of the C fails ({}); nothing is written", outcome.text());
  compile_c(folder, {source, work / "driver.c"}, work / "driver", flags);
  const auto encode = [&](const std::vector<Numbered>& sequences) { return codes_of(exported.program, sequences); };
  ToolProof(exported, "the compiled C", {(work / "driver").string()}, encode, work.path()).run();
}

}  // namespace

ProofMode proof_mode(const std::string& text) {
  if (text == "auto") return ProofMode::automatic;
  if (text == "required") return ProofMode::required;
  require<UsageError>(text == "none", "proof", "expected auto, required or none, got \"{}\"", text);
  return ProofMode::none;
}

std::string missing_tool(std::string_view format) {
  if (format == "program") return "";
  const std::string name = format == "c" ? c_compiler().front() : "node";
  if (!find_executable(name)) return "no " + name;
  if (format == "c") return "";
  const WorkFolder folder;
  return run_tool(onnx_command(folder.path()), folder.path()).exit_code == 0 ? "" : "no onnxruntime-node";
}

void append_sequence(std::string& bytes, const Program& p, const Codes& codes) {
  const auto steps = static_cast<std::uint32_t>(codes.size() / p.input.cols);
  append(bytes, &steps, sizeof steps);
  append(bytes, codes.data(), codes.size() * sizeof(std::int32_t));
}

std::string proof_text(std::size_t sequences, const std::string& missing) {
  if (!missing.empty()) return "not run here: " + missing;
  return fmt::format("proven on {} sequence{}", sequences, sequences == 1 ? "" : "s");
}

void prove_program(const Exported& exported, const fs::path& file) {
  program::Program program = program::load(file);
  require(program == exported.program, "export", "{} does not hold the program that was compared", file.string());
  const program::Runner runner(std::move(program));
  const Answers answers(exported.program);
  const std::size_t count = exported.parity.sequences;
  Workers(exported.threads).for_each(count, [&](std::size_t i) {
    refuse_to_go_on();
    const Numbered one{i, exported.sample(i)};
    const Codes found = answers.of(runner.run(one.sample.input));
    compare("the file", one, answers.of(one.sample.output), found.data());
  });
}

void prove_c(const Exported& exported, const fs::path& folder, const std::string& name, const program::CSource& c) {
  if (c.multiplier.empty()) return prove_build(exported, folder, name, c.driver, {});
  for (const int is_there : {1, 0}) {
    prove_build(exported, folder, name, c.driver, {fmt::format("-D{}={}", c.multiplier, is_there)});
  }
}

void prove_onnx(const Exported& exported, const fs::path& file) {
  const WorkFolder work;
  const program::Input& input = exported.program.input;
  ToolCommand command = onnx_command(work.path());
  command.insert(command.end(), {file.string(), std::to_string(input.tokens ? 0 : input.cols)});
  const auto encode = [&](std::vector<Numbered>& sequences) { return batches_of(exported.program, sequences); };
  ToolProof(exported, "the ONNX model in onnxruntime", command, encode, work.path()).run();
}

}  // namespace bitstate::experiments
