// Program files.
#include "core/error.h"
#include "core/io/sha256.h"
#include "core/program/file.h"
#include "tests/fuzz/hdf5_files.h"
#include "tests/fuzz/target.h"
#include "tests/support/small_program.h"
#include "tests/support/temp_folder.h"

#include <fmt/core.h>

namespace bitstate::fuzz {
namespace {

constexpr std::size_t line_bytes = 512;

program::Program small_program() {
  program::Program p = tests::small_program();
  p.input.units = {{1.0F}, {2.0F}};
  p.input.names = {"u"};
  return p;
}

/// Ids, of which the last decides.
program::Program token_program() {
  program::Program p;
  p.name = "fuzz";
  p.input = {1, true, false, {1.0F, 0, 3}};
  p.instructions.emplace_back(program::Embedding{0, {4, 2, 4, {1, 2, 3, 4, 5, 6, 7, -8}}});
  p.instructions.emplace_back(program::Last{1});
  p.output = {true, {0.5F}};
  return p;
}

std::string bytes_of(const program::Program& p) {
  const tests::TempFolder folder;
  program::save(p, folder / "p.h5");
  return read_file(folder / "p.h5", std::size_t{1} << 24);
}

/// The digest of what follows the line, and the checksums in it.
std::string forge(std::string file) {
  if (file.size() <= line_bytes) return file;
  const std::string content = hdf5_forge(file.substr(line_bytes));
  std::string line = fmt::format("bitstate program 1 sha256:{}\n", sha256_hex(content));
  line.resize(line_bytes, '\0');
  return line + content;
}

std::string read(std::string_view input) {
  const program::Program p = program::load(in_file(input));
  promise(program::analyse(p).size() == p.instructions.size() + 1, "a sound program");
  return bytes_of(p);
}

}  // namespace

Target target() {
  return {{{bytes_of(small_program()), Claim::changes_show},
           {bytes_of(tests::small_shear_program()), Claim::changes_show},
           {bytes_of(tests::small_selective_program()), Claim::changes_show},
           {bytes_of(token_program()), Claim::changes_show},
           {forge(std::string(line_bytes, '\0') + old_hdf5(3)), Claim::refused},
           {forge(std::string(line_bytes, '\0') + "no HDF5"), Claim::refused},
           {"bitstate program 2 ", Claim::refused},
           {"", Claim::refused}},
          read,
          forge};
}

}  // namespace bitstate::fuzz
