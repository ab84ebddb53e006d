// The C of programs by hand, at the limits of what analyse() allows: widths that random models never reach.
#include "core/program/c/source.h"
#include "tests/support/c_build.h"
#include "tests/support/c_by_hand.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::tests::c_limits_test {
namespace {

using namespace c_by_hand;  // NOLINT(google-build-using-namespace)

TEST_CASE("c_source: scans with wide eigenvalues, states and residues") {
  if (no_compiler()) return;
  Limits limits;
  for (const Residue residue : {Residue::none, Residue::feedback, Residue::decayed}) {
    for (const std::int32_t shift : {0, 1, 16, 33, 40}) {
      limits.add(program_of(4, -100000, 100000, {scan_of(0, residue, shift)}));
    }
    Scan narrow = scan_of(0, residue, 8);  // sums fit 32 bits
    narrow.lambda = {255, -256, 100, -256};
    narrow.bound = 127;
    narrow.limit = 4 * 127 * 256;
    limits.add(program_of(4, -100000, 100000, {narrow}));
    narrow.shift = 30;
    narrow.limit = 100000;
    limits.add(program_of(4, -100000, 100000, {narrow}));
    Scan factor = scan_of(0, residue, -1);
    factor.bound = 8000;
    factor.limit = std::int64_t{1} << 30;
    if (residue == Residue::decayed) factor.lambda = {16383, -16384, 10000, -16384};  // times 2^16 of residue
    limits.add(program_of(4, -100000, 100000, {factor}));
    factor.bound = 3;
    factor.lambda = {3, -4, 2, -4};
    factor.to_state = {1 << 30, 58};  // the smallest scale that a state of 3 codes can have, 2^-28
    factor.to_inner = {1 << 30, 2};
    factor.limit = (std::int64_t{1} << 31) - 1000;
    limits.add(program_of(4, -100000, 100000, {factor}));
  }
  limits.check();
}

TEST_CASE("c_source: sheared scans with narrow and wide numbers, states and inputs") {
  if (no_compiler()) return;
  Limits limits;
  for (const bool feedback : {false, true}) {
    for (const std::int32_t bound : {3, 127, 8191, 32767}) {
      ScanShear scan;
      scan.feedback = feedback;
      scan.step_bits = 16;
      scan.decay_bits = 15;
      scan.bound = bound;
      scan.limit = std::int64_t{5} * bound << 15;
      scan.from_input = {{int32_max, 17}, {int32_max, 31}, {1 << 30, 28}, {0, 1}};
      ScanShear shifts = scan;
      for (const Shear& s : {Shear{1, 1, 15, 32767, 14}, Shear{-1, 24575, 15, -32767, 15}}) scan.add(s);
      for (const Shear& s : {Shear{-1, 1, 1, -5, 2}, Shear{-1, 1, 5, 31, 5}}) shifts.add(s);
      limits.add(program_of(4, -100000, 100000, {scan}));
      limits.add(program_of(4, -100000, 100000, {shifts}));
      scan.limit = std::int64_t{1} << 40;
      scan.sign = {-1, -1};
      scan.decay = {3, 3};
      scan.decay_shift = {2, 2};
      scan.step_shift = {15, 15};
      limits.add(program_of(4, -100000, 100000, {scan}));
    }
  }
  limits.check_both();
}

/// A scan by the eigenvalues (re + i im) 2^-15.
Scan scan_of_pairs(std::vector<std::int32_t> re, const std::vector<std::int32_t>& im, std::int32_t bound) {
  Scan scan = scan_of(0, Residue::feedback, 15);
  scan.from_input.assign(2 * re.size(), {int32_max, 20});
  scan.lambda = std::move(re);
  scan.lambda.insert(scan.lambda.end(), im.begin(), im.end());
  scan.bound = bound;
  scan.limit = std::int64_t{4} * bound << 15;
  return scan;
}

TEST_CASE("c_source: scans by narrow pairs of all quarter turns, with the widest numbers and the widest states") {
  if (no_compiler()) return;
  Limits limits;
  for (const std::int32_t bound : {3, 4095, 8191, 32767}) {
    for (const Residue residue : {Residue::none, Residue::feedback, Residue::decayed}) {
      // 2^15 - 127 2^3 + 127 i 2^2 and its turns, 2^15, 0, and two beyond what a model has
      const std::vector<std::int32_t> re{31752, -508, -31752, 508, 32768, 0, -32768 - 32512, 31752};
      const std::vector<std::int32_t> im{508, 31752, -508, -31752, 0, 0, 0, -32512};
      for (const std::size_t states : {std::size_t{6}, re.size()}) {
        Scan scan = scan_of_pairs({re.begin(), re.begin() + static_cast<std::ptrdiff_t>(states)},
                                  {im.begin(), im.begin() + static_cast<std::ptrdiff_t>(states)}, bound);
        scan.residue = residue;
        const auto cols = static_cast<std::uint32_t>(2 * states);
        limits.add(program_of(cols, -100000, 100000, {scan}));
      }
    }
  }
  // |lambda x| passes 2^31 at its real and imaginary part together
  Scan large = scan_of_pairs({65280}, {32512}, 24600);
  large.limit = 1000000;
  limits.add(program_of(2, -100000, 100000, {large}));
  limits.check_both();
}

TEST_CASE("c_source: only what a target uses is compiled, and the header counts its constants") {
  const auto source = [](const Instruction& i) {
    const Program p = program_of(2, -100, 100, {i});
    return c_source(p, "model", std::vector{random_sequence(p, 3, 1)});
  };
  const CSource narrow = source(scan_of_pairs({31752}, {508}, 127));
  CHECK(narrow.multiplier == "MODEL_MULTIPLIER");
  CHECK(narrow.source.find("  #") == std::string::npos);
  // one pair: an array of two int16_t, or five numbers as arguments
  CHECK(narrow.header.find("constants 4 bytes of flash (0 where MODEL_MULTIPLIER is 0)") != std::string::npos);
  CHECK(narrow.header.find("#if MODEL_MULTIPLIER\n#define MODEL_CONSTANT_BYTES 4\n#else\n#define MODEL_CONSTANT_BYTES "
                           "0\n#endif\n") != std::string::npos);
  const Scan wide = scan_of_pairs({31752}, {129 * 4}, 127);
  for (const CSource& c : {source(wide), source(Sign{0})}) {
    CHECK(c.multiplier.empty());
    CHECK(c.header.find("MULTIPLIER") == std::string::npos);
    CHECK(c.source.find("MULTIPLIER") == std::string::npos);
  }
}

/// One pair of states of one code, whose sums are `limit` and, with the residue, half of 2^shift more.
Program wide_sums(Residue residue, std::int32_t shift, std::int64_t limit, std::int32_t bound) {
  Scan scan = scan_of(0, residue, shift);
  scan.lambda = {1, 1};
  scan.bound = bound;
  scan.limit = limit;
  scan.from_input = {{int32_max, 17}, {int32_max, 17}};  // up to 100000 * 2^14
  return program_of(2, -200000, 200000, {scan});
}

TEST_CASE("c_source: sums of a scan that pass 2^31 only by the half that rounds, or by the residue, are 64 bits wide") {
  if (no_compiler()) return;
  Limits limits;
  constexpr std::int64_t end = std::int64_t{1} << 31;
  for (const std::int32_t shift : {28, 29, 30}) {
    const std::int64_t half = std::int64_t{1} << (shift - 1);
    for (const std::int64_t beyond : {std::int64_t{-10}, half / 2}) {
      limits.add(wide_sums(Residue::none, shift, end - half + beyond, 3));
      limits.add(wide_sums(Residue::feedback, shift, end - 2 * half + beyond, 127));
    }
  }
  limits.check();
}

TEST_CASE("c_source: sums, products, norms and rescales with all their bits") {
  if (no_compiler()) return;
  Limits limits;
  const std::int32_t largest = (1 << 30) - 1;
  const program::Linear wide{0, {2, 1, 32, {2, -2}}, {1, -1}};
  const Rescale whole{1, {{int32_max, 1}}, {-int32_max}, {int32_max}};
  const Rescale each{1, {{1 << 30, 1}, {int32_max, 62}}, {-5, -int32_max}, {int32_max, 7}};
  const AddRow row{1, {{-int32_max, 31}, {0, 1}}, {0, -int32_max + 1}};
  const Sum sum{1, 1, {{1 << 30, 32}, {int32_max, 62}}, {{1 << 30, 32}, {1 << 30, 31}}};
  for (const Instruction& i : std::vector<Instruction>{whole, each, row, sum, Sign{1}}) {
    limits.add(program_of(1, -largest, largest, {wide, i}));
  }
  limits.add(program_of(2, -46340, 46340, {Product{0, 0}, Scale{0, {46340, -46340}}, Concatenate{0, 2}}));
  limits.add(program_of(2, -128, 127, {Scale{0, {1, -1}}, Product{0, 1}}));
  // W = 8 x^2 + E of [x, -x] is 2832^2 and 2841^2: a root that is one too small changes p
  for (const std::int64_t epsilon : {20224, 71281}) {
    limits.add(program_of(2, -1000, 1000, {LayerNorm{0, {1, 1}, {0, 0}, 29, epsilon}}));
  }
  // H^3 B^2 = 2^60: 4 columns, codes up to 2^27
  const std::int32_t end = 1 << 27;
  for (const std::int64_t epsilon : {std::int64_t{1}, std::int64_t{1} << 60}) {
    limits.add(
        program_of(4, -end, end, {LayerNorm{0, {1, -1, 3, -4}, {int32_max - (4 << 28), 0, -9, 9}, 28, epsilon}}));
    limits.add(program_of(4, -2, 2, {LayerNorm{0, {127, -128, 0, 9}, {0, 0, 0, 0}, 23, epsilon}}));
  }
  limits.check();
}

TEST_CASE("c_source: pools of one and of many rows, tables of a row each, weights of each width") {
  if (no_compiler()) return;
  Limits limits;
  for (const std::int32_t end : {1, 2, 7, 8, 127, 128, 32767, 32768}) {
    program::Linear linear{0, {3, 5, 32, {}}, {7, 7, 7}};
    for (std::int32_t k = 0; k < 15; ++k) linear.weight.codes.push_back(k % 3 == 0 ? -end : (end == 1 ? 1 : end - 1));
    Program p = program_of(5, -100, 100, {linear, MeanPool{1, 2}, Last{0}, Last{1}, Concatenate{2, 4}});
    if (end == 1) limits.add(p);
    p.instructions.push_back(
        program::Linear{5, {2, 6, 2, {1, 0, -1, 1, 0, -1, 1, 0, -1, 1, 0, -1}}, {0, 0}});  // equal logits
    p.output.classes = end % 2 == 0;
    limits.add(p);
  }
  // packed rows are the bytes 1 and 3, as are the biases: equal numbers of two types
  const program::Linear bytes{0, {2, 8, 1, {1, -1, -1, -1, -1, -1, -1, -1, 1, 1, -1, -1, -1, -1, -1, -1}}, {1, 3}};
  limits.add(program_of(8, -9, 9, {bytes}));
  const Table table{0, -2, {3, 5, 16, {1, 2, 3, 4, 5, -6, -7, -8, -9, 300, 0, 0, 0, 0, 1}}};
  limits.add(program_of(3, -2, 2, {table}));
  Program tokens = program_of(1, 0, 299, {program::Embedding{0, {300, 3, 4, {}}}, Last{1}});
  tokens.input.tokens = true;
  auto& codes = std::get<program::Embedding>(tokens.instructions[0]).table.codes;
  for (std::int32_t k = 0; k < 900; ++k) codes.push_back(k * 7 % 16 - 8);
  limits.add(tokens);
  limits.check();
}

TEST_CASE("c_source: backward scans, what follows them, and a sequence shorter than the padding") {
  if (no_compiler()) return;
  Limits limits;
  Scan forward = scan_of(0, Residue::feedback, 17);
  Scan backward = scan_of(0, Residue::feedback, 16);
  backward.backward = true;
  Scan after = backward;  // of values that are there only after the backward pass
  after.backward = false;
  after.x = 3;
  const FixedPoint same{1 << 30, 30};
  const Concatenate both{1, 2};
  const Rescale left{4, {same}, {-9}, {9}};
  Program rows = program_of(4, -100000, 100000,
                            {forward, backward, Sum{1, 2, {same}, {same}}, after, left, Sum{5, 2, {same}, {same}}});
  Program pools = program_of(4, -100000, 100000,
                             {forward, backward, both, Last{2}, Last{1}, MeanPool{3, 3}, Last{3}, Concatenate{4, 5},
                              Concatenate{8, 6}, Concatenate{9, 7}});
  Program one_bit = program_of(4, -1, 1, {backward, MeanPool{1, 2}});
  one_bit.input.one_bit = true;
  for (const std::uint32_t padded : {0U, 70U}) {
    for (Program* const p : {&rows, &pools, &one_bit}) {
      p->padded_length = padded;
      limits.add(*p);
    }
  }
  limits.check();
}

/// What the C of the program gives in its first step for an input of -128, 127.
std::string first_step_of_wild_input(const Program& p) {
  const TempFolder folder;
  const std::vector<CTestSequence> tests{random_sequence(p, 3, 1)};
  write_c(folder, c_source(p, "model", tests));
  write_quickly(folder / "main.c", R"(#include "model.h"
#include <stdio.h>
int main(void) {
  static const int8_t wild[2] = {-128, 127};
  static model_state s;
  int32_t y[2];
  model_init(&s);
  model_step(&s, wild, y);
  printf("%d %d", (int)y[0], (int)y[1]);
  return 0;
}
)");
  REQUIRE(compile(folder, sanitizing_cc, "model.c main.c -o main").output.empty());
  return shell((folder / "main").string()).output;
}

TEST_CASE("c_source: input codes beyond their interval are taken as its ends") {
  if (no_compiler()) return;
  const Table table{0, -2, {1, 5, 8, {10, 11, 12, 13, 14}}};
  CHECK(first_step_of_wild_input(program_of(2, -2, 2, {table})) == "10 14");
  CHECK(first_step_of_wild_input(program_of(2, -127, 127, {Scale{0, {1, 1}}})) == "-127 127");
  CHECK(first_step_of_wild_input(program_of(2, -128, 126, {Scale{0, {1, 1}}})) == "-128 126");
  CHECK(first_step_of_wild_input(program_of(2, -128, 127, {Scale{0, {1, 1}}})) == "-128 127");
}

TEST_CASE("c_source: the size of the state is the documented one, and the header is also C++") {
  if (no_compiler()) return;
  Scan wide = scan_of(0, Residue::feedback, 40);
  const Program p = program_of(4, -100, 100, {wide, MeanPool{1, 3}});
  const TempFolder folder;
  const std::vector<CTestSequence> tests{random_sequence(p, 3, 1)};
  write_c(folder, c_source(p, "model", tests));
  write_quickly(folder / "main.cpp", R"(#include "model.h"
static_assert(sizeof(model_state) == MODEL_RAM_BYTES);
int main() {
  static model_state s;
  model_init(&s);
}
)");
  REQUIRE(compile(folder, "cc", "-c model.c").output.empty());
  if (there_is("c++"))
    CHECK(
        shell(fmt::format("cd {} && c++ -std=c++17 main.cpp model.o -o main && ./main", folder.path().string())).code ==
        0);
}

}  // namespace
}  // namespace bitstate::tests::c_limits_test
