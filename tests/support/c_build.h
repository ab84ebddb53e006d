// Compiles and runs the C of a program with compilers of this host.
#pragma once

#include "core/program/c/source.h"
#include "tests/support/temp_folder.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bitstate::tests {

struct Outcome {
  int code = -1;
  std::string output;  ///< stdout and stderr
};

Outcome shell(const std::string& command);

bool there_is(const std::string& tool);

/// Whether this host has no C compiler cc, which a test that needs one says before it returns.
bool no_compiler();

/// Codes from the whole of the input's interval, its ends more often than others, and the codes Runner has for them.
program::CTestSequence random_sequence(const program::Program& program, std::size_t steps, std::uint64_t seed);

/// Writes model.h, model.c and model_test.c.
void write_c(const TempFolder& folder, const program::CSource& c);

/// The compiler that stops a program at a wrong access and at what C leaves undefined. It does not optimise, which
/// would take most of its time, and may remove what is undefined.
inline constexpr const char* sanitizing_cc = "cc -O0 -fsanitize=address,undefined -fno-sanitize-recover=all";

/// `compiler` with the flags under which no warning may appear, run in the folder: "cc -O2" and "-c model.c".
Outcome compile(const TempFolder& folder, const std::string& compiler, const std::string& arguments);

/// Checks for each of the compilers ("cc -O2") that it has nothing to say about the program's C, and that the self-test
/// prints the hash of the expected codes and exits with 0.
void check_c(const program::Program& program, const std::vector<program::CTestSequence>& tests,
             const std::vector<std::string>& compilers);

/// Many programs in C, each under a name of its own, that a compiler is started for once.
class CPrograms {
 public:
  CPrograms();
  void add(const program::Program& program, const std::vector<program::CTestSequence>& tests,
           const program::CExtras& extras = {});

  /// As check_c, of all self-tests.
  void check(const std::vector<std::string>& compilers) const;

  /// "-DMODEL0_MULTIPLIER=0 ...", of those programs whose C has such a choice.
  [[nodiscard]] const std::string& without_multiplier() const { return without_multiplier_; }

  /// "-DMODEL0_DSP=1 ...", for a target that multiplies pairs; a header says in plain C what its instructions do.
  [[nodiscard]] const std::string& with_pairs() const { return with_pairs_; }
  /// "-DMODEL0_HELIUM=1 ...", for one that multiplies vectors.
  [[nodiscard]] const std::string& with_vectors() const { return with_vectors_; }

 private:
  TempFolder folder_;
  std::size_t count_ = 0;
  std::string includes_, calls_;  ///< of the file that holds them all
  std::string expected_;          ///< what it prints
  std::string without_multiplier_, with_pairs_, with_vectors_;
};

}  // namespace bitstate::tests
