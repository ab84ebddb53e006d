#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/io/hdf5.h"
#include "core/io/sha256.h"
#include "core/program/file.h"
#include "core/program/run/runner.h"
#include "tests/support/small_program.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

namespace bitstate::tests {
namespace {

using program::Program;

std::string saved(const TempFolder& folder, const Program& p, const std::string& name = "p.h5") {
  program::save(p, folder / name);
  return read_file(folder / name, std::size_t{1} << 24);
}

std::string sentence_of(const std::filesystem::path& file) {
  try {
    (void)program::load(file);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("program file: a program comes back equal, and equal programs are equal bytes") {
  const TempFolder folder;
  const Program p = small_program();
  const std::string bytes = saved(folder, p);
  CHECK(program::load(folder / "p.h5") == p);
  CHECK(saved(folder, p, "q.h5") == bytes);
  CHECK(bytes.starts_with("bitstate program 1 sha256:"));
  CHECK(folder.entries() == 2);
  CHECK(Hdf5Reader(folder / "p.h5").attribute<std::string>("/", "name") == "small");  // also for other tools
}

TEST_CASE("program file: names of classes come back, one for each class") {
  const TempFolder folder;
  Program p = small_program();
  const std::string without = saved(folder, p);
  const std::size_t classes = program::analyse(p).back().cols;
  for (std::size_t c = 0; c < classes; ++c) p.output.class_names.push_back(fmt::format("c \"{}\", \xC3\xBC", c));
  CHECK(saved(folder, p) != without);
  CHECK(program::load(folder / "p.h5") == p);
  CHECK(program::architecture_digest(p) == program::architecture_digest(small_program()));
  p.output.class_names.pop_back();
  saved(folder, p);
  CHECK(sentence_of(folder / "p.h5").find(fmt::format("{} names of classes for {} classes", classes - 1, classes)) !=
        std::string::npos);
}

TEST_CASE("program file: names of columns come back, one for each, and none belong to tokens or classes") {
  const TempFolder folder;
  Program p = small_program();
  p.output.classes = false;
  const Program nameless = p;
  const std::size_t cols = p.input.cols;
  for (std::size_t c = 0; c < cols; ++c) p.input.names.push_back(fmt::format("u {}", c));
  const std::size_t outputs = program::analyse(p).back().cols;
  for (std::size_t c = 0; c < outputs; ++c) p.output.names.push_back(fmt::format("y \"{}\"", c));
  saved(folder, p);
  CHECK(program::load(folder / "p.h5") == p);
  CHECK(program::architecture_digest(p) == program::architecture_digest(nameless));
  const auto refused = [&](const Program& other) {
    saved(folder, other);
    return sentence_of(folder / "p.h5");
  };
  Program less = p;
  less.input.names.push_back("more");
  CHECK(refused(less).find(fmt::format("{} names of inputs for {} columns", cols + 1, cols)) != std::string::npos);
  less = p;
  less.output.names.pop_back();
  less.output.names.insert(less.output.names.begin(), {"a", "b"});
  CHECK(refused(less).find(fmt::format("{} names of outputs for {} columns", outputs + 1, outputs)) !=
        std::string::npos);
  less = p;
  less.output.classes = true;
  CHECK(refused(less).find("names of outputs for 0 columns of values") != std::string::npos);
}

TEST_CASE("program file: a sheared scan comes back equal") {
  const TempFolder folder;
  saved(folder, small_shear_program());
  CHECK(program::load(folder / "p.h5") == small_shear_program());
}

TEST_CASE("program file: the instructions of selective models come back equal") {
  const TempFolder folder;
  saved(folder, small_selective_program());
  CHECK(program::load(folder / "p.h5") == small_selective_program());
}

TEST_CASE("program file: that of a newer version is refused by a sentence") {
  const TempFolder folder;
  std::string bytes = saved(folder, small_program());
  bytes.replace(bytes.find(" 1 "), 3, " 2 ");
  write_quickly(folder / "p.h5", bytes);
  CHECK(sentence_of(folder / "p.h5") ==
        fmt::format("[{}] was written by a newer bitstate (program format 2); this one reads up to 1",
                    (folder / "p.h5").string()));
}

TEST_CASE("program file: codes of 1 to 32 bits come back") {
  const TempFolder folder;
  for (std::uint32_t bits = 1; bits <= 16; ++bits) {
    Program p = small_program();
    auto& linear = std::get<program::Linear>(p.instructions[0]);
    const std::int32_t lo = bits == 1 ? -1 : -(1 << (bits - 1));
    const std::int32_t hi = bits == 1 ? 1 : -lo - 1;
    linear.weight = {2, 1, bits, {lo, hi}};
    program::save(p, folder / "p.h5");
    CHECK(program::load(folder / "p.h5") == p);
  }
}

TEST_CASE("program file: every damaged byte and every truncation is an error that names the file") {
  const TempFolder folder;
  const std::string bytes = saved(folder, small_program());
  const auto file = folder / "damaged.h5";
  for (std::size_t at = 0; at < bytes.size(); at += at < 600 ? 1 : 97) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    write_file_atomically(file, damaged);
    CAPTURE(at);
    CHECK(sentence_of(file).find("damaged.h5") != std::string::npos);
    write_file_atomically(file, bytes.substr(0, at));
    CHECK(sentence_of(file).find("damaged.h5") != std::string::npos);
  }
  CHECK(sentence_of(folder / "missing.h5").find("missing.h5") != std::string::npos);
}

/// The file's HDF5 part after `change`, under a digest that is right for it.
template <class Change>
void write_forged(const std::filesystem::path& file, Change change) {
  auto part = file;
  part += ".part";
  Hdf5Writer writer(part);
  change(writer);
  writer.commit();
  const std::string content = read_file(part, std::size_t{1} << 24);
  std::string line = fmt::format("bitstate program 1 sha256:{}\n", sha256_hex(content));
  line.resize(512, '\0');
  write_file_atomically(file, line + content);
}

TEST_CASE("program file: a forged file with a right digest is refused by what it holds") {
  const TempFolder folder;
  const auto file = folder / "forged.h5";
  const auto header = [](Hdf5Writer& writer) {
    for (const char* name : {"name", "settings", "architecture"}) writer.set_attribute("/", name, std::string("x"));
    for (const char* name : {"padded_length", "input_tokens", "input_one_bit", "output_classes"}) {
      writer.set_attribute("/", name, 0);
    }
    writer.set_attribute("/", "input_cols", 1);
    writer.set_attribute("/", "input_scale", 1.0);
    writer.set_attribute("/", "input_lo", -1);
    writer.set_attribute("/", "input_hi", 1);
    writer.write("output_scale", std::vector<float>{1.0F});
  };
  write_forged(file, [&](Hdf5Writer& writer) { header(writer); });
  CHECK(sentence_of(file) != "");
  write_forged(file, [&](Hdf5Writer& writer) {
    header(writer);
    writer.group("code");
    writer.write("foreign", std::vector<float>{1.0F});
  });
  CHECK(sentence_of(file).find("foreign") != std::string::npos);
  write_forged(file, [&](Hdf5Writer& writer) {
    header(writer);
    writer.group("code/00000");
    writer.set_attribute("code/00000", "op", std::string("launch"));
  });
  CHECK(sentence_of(file).find("'launch'") != std::string::npos);
  write_forged(file, [&](Hdf5Writer& writer) {
    header(writer);
    writer.group("code/00000");
    writer.set_attribute("code/00000", "op", std::string("sign"));
    writer.set_attribute("code/00000", "x", 7);
  });
  CHECK(sentence_of(file).find("value 7 of 1") != std::string::npos);
  write_forged(file, [&](Hdf5Writer& writer) {
    header(writer);
    writer.group("code/00000");
    writer.set_attribute("code/00000", "op", std::string("sign"));
    writer.set_attribute("code/00000", "x", 0);
  });
  CHECK(sentence_of(file).find("architecture") != std::string::npos);
}

TEST_CASE("program file: a packed matrix has the bytes of its codes, no more, no fewer, and nothing between them") {
  const TempFolder folder;
  const auto file = folder / "forged.h5";
  Program p;
  p.name = "x";
  p.input.grid = {1.0F, -1, 1};
  p.instructions = {program::Linear{0, {3, 1, 3, {1, -2, 3}}, {0, 0, 0}}};
  p.output.scale = {1.0F};
  const auto forge = [&](const std::vector<std::uint8_t>& bytes) {
    write_forged(file, [&](Hdf5Writer& writer) {
      for (const char* name : {"name", "settings"}) writer.set_attribute("/", name, name[0] == 'n' ? p.name : "");
      writer.set_attribute("/", "architecture", program::architecture_digest(p));
      for (const char* name : {"padded_length", "input_tokens", "input_one_bit", "output_classes"}) {
        writer.set_attribute("/", name, 0);
      }
      writer.set_attribute("/", "input_cols", 1);
      writer.set_attribute("/", "input_scale", 1.0);
      writer.set_attribute("/", "input_lo", -1);
      writer.set_attribute("/", "input_hi", 1);
      writer.write("output_scale", p.output.scale);
      writer.group("code/00000");
      writer.set_attribute("code/00000", "op", std::string("linear"));
      writer.set_attribute("code/00000", "x", 0);
      writer.write("code/00000/bias", std::vector<std::int32_t>{0, 0, 0});
      writer.write("code/00000/weight", bytes);
      writer.set_attribute("code/00000/weight", "rows", 3);
      writer.set_attribute("code/00000/weight", "cols", 1);
      writer.set_attribute("code/00000/weight", "bits", 3);
    });
    return sentence_of(file);
  };
  // 9 bits, the lowest first: 001, 110, 011
  REQUIRE(forge({0b11110001, 0}) == "");
  CHECK(program::load(file) == p);
  for (const std::vector<std::uint8_t>& bytes :
       {std::vector<std::uint8_t>{0b11110001}, {0b11110001, 0, 0}, {0b11110001, 0, 0, 0, 0, 0, 0, 0, 0}}) {
    CAPTURE(bytes.size());
    CHECK(forge(bytes).find(fmt::format("weight has {} bytes for 3 x 1 codes of 3 bits", bytes.size())) !=
          std::string::npos);
  }
  CHECK(forge({0b11110001, 0b10}).find("weight has bits behind its last code") != std::string::npos);
}

/// A weight of 8-bit codes that are made of 3 bits, in groups of two columns.
program::Program program_of_levels() {
  program::Program p = small_program();
  auto& linear = std::get<program::Linear>(p.instructions[0]);
  linear.weight.levels = {3, 2, 8, 127, {300, 700}};
  linear.weight.bits = 8;
  linear.weight.codes = {4, -8};  // 3 and -3
  return p;
}

TEST_CASE("program file: codes that are made of fewer bits are stored with these bits, and cost no more") {
  const TempFolder folder;
  const std::filesystem::path file = folder / "levels.h5";
  const program::Program p = program_of_levels();
  program::save(p, file);
  CHECK(program::load(file) == p);
  CHECK(program::cost_of(p).weight_bits == program::cost_of(small_program()).weight_bits + 2 * 16);
  const Hdf5Reader reader(file);
  CHECK(reader.attribute<std::int64_t>("code/00000/weight", "level_bits") == 3);
  CHECK(reader.read<std::uint8_t>("code/00000/weight").values == std::vector<std::uint8_t>{0b101011});
  CHECK(reader.read<std::uint8_t>("code/00000/weight_steps").values == std::vector<std::uint8_t>{0x2c, 1, 0xbc, 2});
}

TEST_CASE("program file: levels that are no levels are refused") {
  const auto refused = [](auto change) {
    program::Program p = program_of_levels();
    change(std::get<program::Linear>(p.instructions[0]).weight);
    return error_of<Error>([&] { (void)program::analyse(p); });
  };
  CHECK(refused([](program::Matrix&) {}) == "");
  CHECK(refused([](program::Matrix& m) { m.codes[0] = 3; }).find("the code 3 is not made of its levels") !=
        std::string::npos);
  CHECK(refused([](program::Matrix& m) { m.levels.bits = 9; }).find("levels have 9 bits") != std::string::npos);
  CHECK(refused([](program::Matrix& m) { m.levels.group = 0; }).find("groups of 0 columns") != std::string::npos);
  CHECK(refused([](program::Matrix& m) { m.levels.shift = 31; }).find("a shift of 31") != std::string::npos);
  CHECK(refused([](program::Matrix& m) { m.levels.steps.pop_back(); }).find("there are 1 steps") != std::string::npos);
  CHECK(refused([](program::Matrix& m) { m.levels.steps[1] = -700; }).find("a step is negative") != std::string::npos);

  program::Program of_tokens = small_program();
  of_tokens.input = {1, true, false, {1.0F, 0, 1}};
  program::Matrix table{2, 4, 8, {4, 8, 8, 16, 2, 2, 4, 4}, {3, 2, 6, 127, {256, 512, 128, 256}}};
  of_tokens.instructions = {program::Embedding{0, table}};
  CHECK(error_of<Error>([&] {
          (void)program::analyse(of_tokens);
        }).find("4 columns in groups of 2; it takes one group") != std::string::npos);
}

TEST_CASE("program: what could overflow or does not fit together is refused by the instruction's name") {
  const auto refused = [](auto change) {
    Program p = small_program();
    change(p);
    try {
      program::analyse(p);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(refused([](Program&) {}) == "");
  const auto linear = [](Program& p) -> program::Linear& { return std::get<program::Linear>(p.instructions[0]); };
  const auto scan = [](Program& p) -> program::Scan& { return std::get<program::Scan>(p.instructions[2]); };
  CHECK(refused([&](Program& p) { linear(p).bias[0] = 0x7fffffff; }).find("0, linear") != std::string::npos);
  CHECK(refused([&](Program& p) { linear(p).weight.codes[0] = 4; }).find("more than 3 bits") != std::string::npos);
  CHECK(refused([&](Program& p) { linear(p).weight.cols = 2; }).find("0, linear") != std::string::npos);
  CHECK(refused([&](Program& p) { scan(p).limit = std::int64_t{1} << 60; }).find("2, scan") != std::string::npos);
  CHECK(refused([&](Program& p) { scan(p).lambda.pop_back(); }).find("2, scan") != std::string::npos);
  CHECK(refused([&](Program& p) { scan(p).from_input[0].shift = 63; }).find("2, scan") != std::string::npos);
  CHECK(refused([&](Program& p) {
          scan(p).shift = -1;
          scan(p).limit = std::int64_t{1} << 33;
        }).find("sums can reach") != std::string::npos);
  CHECK(refused([&](Program& p) { scan(p).to_inner = {}; }) == "");  // a power of two does not use it
  CHECK(refused([&](Program& p) {
          scan(p).shift = -1;
          scan(p).to_inner.multiplier += std::int64_t{1} << 4;
        }).find("multiply to") != std::string::npos);
  CHECK(refused([&](Program& p) {
          linear(p).weight = {2, 1, 1, {1, 0}};
        }).find("more than 1 bits") != std::string::npos);
  CHECK(refused([&](Program& p) { p.padded_length = 1U << 25; }).find("padding") != std::string::npos);
  CHECK(refused([&](Program& p) {
          p.input.grid = {1.0F, 5, 7};
          p.padded_length = 8;
        }).find("padding") != std::string::npos);
  CHECK(refused([&](Program& p) { p.input = {1, true, true, {1.0F, 0, 1}}; }).find("token ids") != std::string::npos);
  CHECK(refused([&](Program& p) {
          for (program::Ref i = 3; i < 25; ++i)
            p.instructions.insert(p.instructions.begin() + i, program::Concatenate{i, i});
        }).find("concatenate] it has 2097152 columns") != std::string::npos);
  CHECK(refused([&](Program& p) { p.output.scale = {1.0F, 1.0F, 1.0F}; }) != "");
  CHECK(refused([&](Program& p) { p.output.scale = {0.0F}; }) != "");
  CHECK(refused([&](Program& p) { p.instructions.emplace_back(program::Last{4}); }).find("4, last") !=
        std::string::npos);
  CHECK(refused([&](Program& p) {
          p.instructions.emplace_back(program::Table{2, -7, {1, 3, 2, {0, 1, 0}}});
        }).find("4, table") != std::string::npos);
  const auto with_tables = [&](const std::vector<std::int32_t>& of_column) {
    return refused([&](Program& p) {
      const program::Matrix entries{2, 65535, 2, std::vector<std::int32_t>(std::size_t{2} * 65535, 1)};
      p.instructions.emplace_back(program::Table{2, -32767, entries, of_column});
    });
  };
  const std::size_t columns = program::analyse(small_program())[2].cols;
  CHECK(with_tables(std::vector<std::int32_t>(columns, 1)).find("4, table") == std::string::npos);
  CHECK(with_tables(std::vector<std::int32_t>(columns + 1, 1)).find("choices of a table") != std::string::npos);
  CHECK(with_tables(std::vector<std::int32_t>(columns, 2)).find("reads none of the 2 tables") != std::string::npos);
  CHECK(with_tables(std::vector<std::int32_t>(columns, -1)).find("reads none of the 2 tables") != std::string::npos);
  CHECK(refused([&](Program& p) { p.instructions.clear(); }) != "");
}

TEST_CASE("program: a sheared scan whose numbers are out of range, or whose eigenvalues are not a pair, is refused") {
  const auto refused = [](auto change) {
    Program p = small_shear_program();
    change(std::get<program::ScanShear>(p.instructions[2]));
    return error_of<Error>([&] { (void)program::analyse(p); });
  };
  CHECK(refused([](auto&) {}).empty());
  const auto finds = [&](std::string_view sentence, auto change) {
    CAPTURE(sentence);
    const std::string said = refused(change);
    CHECK(said.find("instruction 2, scan_shear") != std::string::npos);
    CHECK(said.find(sentence) != std::string::npos);
  };
  finds("one of the signs is not from -1 to 1", [](auto& s) { s.sign[0] = 2; });
  finds("no eigenvalues inside the circle", [](auto& s) { s.sign[0] = 0; });
  finds("one of the decays is not from 1 to 3", [](auto& s) { s.decay[0] = 4; });
  finds("one of the decays is not from 1 to 3", [](auto& s) { s.decay[0] = 0; });
  finds("one of the shifts of decays is not from 0 to 15", [](auto& s) { s.decay_shift[0] = 16; });
  finds("one of the steps is not from -31 to 31", [](auto& s) { s.step[0] = -32; });
  finds("one of the shifts of steps is not from 0 to 15", [](auto& s) { s.step_shift[0] = -1; });
  finds("no eigenvalues inside the circle", [](auto& s) { s.decay_shift[0] = 1; });  // d = 3/2
  finds("no eigenvalues inside the circle", [](auto& s) { s.step_shift[0] = 3; });   // e = 21/8
  finds("there are 2 steps for 1 states", [](auto& s) { s.step.push_back(0); });
  finds("there are 0 signs for 1 states", [](auto& s) { s.sign.clear(); });
  finds("there are 1 factors for 2 columns", [](auto& s) { s.from_input.pop_back(); });
  finds("a factor is", [](auto& s) { s.from_input[0].shift = 63; });
  finds("which is out of range", [](auto& s) { s.step_bits = 17; });
  finds("which is out of range", [](auto& s) { s.decay_bits = 16; });
  finds("which is out of range", [](auto& s) { s.bound = 1 << 15; });
  finds("which is out of range", [](auto& s) { s.limit = std::int64_t{1} << 60; });
  CHECK(refused([](auto& s) { s.decay = {3}, s.decay_shift = {2}; }).empty());  // d = 3/4, the largest
}

TEST_CASE("program: a state or an array of another size than the program's is an error, and nothing is written") {
  const program::Runner runner(small_program());
  const std::vector<std::int32_t> input{1, 2};
  std::vector<std::int32_t> logits(2);
  const std::string_view expected = "[program] the state is not one that begin() of this program gave";
  const auto refused = [&](auto damage) {
    program::State state = runner.begin();
    runner.step(state, input, {});
    damage(state);
    CHECK(error_of<Error>([&] { runner.step(state, input, {}); }) == expected);
    CHECK(error_of<Error>([&] { runner.result(state, logits); }) == expected);
  };
  refused([](program::State& s) { s = {}; });
  refused([](program::State& s) { s.buffers.pop_back(); });
  refused([](program::State& s) { s.recurrent.pop_back(); });
  refused([](program::State& s) { s.sums.pop_back(); });
  refused([](program::State& s) { s.recurrent[3].pop_back(); });  // of the scan
  refused([](program::State& s) { s.sums[3].pop_back(); });
  refused([](program::State& s) { s.sums[4].pop_back(); });  // of the pool

  program::State fresh = runner.begin();
  fresh.steps = 1;  // as if it had seen a step: its buffers have no room yet
  runner.result(fresh, logits);
  CHECK(logits == std::vector<std::int32_t>{0, 0});
  CHECK_THROWS_AS(runner.result(fresh, std::span(logits).first(1)), Error);
  CHECK_THROWS_AS(runner.step(fresh, input, logits), Error);

  const std::vector<float> x{0.5F, 1.0F};
  std::vector<std::int32_t> codes(1, 7);
  CHECK_THROWS_WITH_AS(program::encode_input(runner.header(), x, codes),
                       "[program] 2 inputs do not fit an array of 1 codes", Error);
  CHECK(codes[0] == 7);
}

TEST_CASE("program: a layer norm whose squares need up to 60 bits is accepted, and none beyond") {
  constexpr std::uint32_t cols = 1U << 8U;  // cols^3 b^2 <= 2^60: b <= 2^18
  const auto analysed = [](std::int32_t b) {
    Program p;
    p.input = {cols, false, false, {1.0F, -b, b}};
    p.output = {false, {1.0F}};
    p.instructions = {
        program::LayerNorm{0, std::vector<std::int32_t>(cols, 1), std::vector<std::int32_t>(cols, 0), 8, 1}};
    return error_of<Error>([&] { (void)program::analyse(p); });
  };
  CHECK(analysed(1 << 18).empty());
  CHECK(analysed((1 << 18) + 1).find("the squares of 256 codes up to 262145 need more than 60 bits") !=
        std::string::npos);
}

TEST_CASE("program: a scan whose sums reach 3 * 2^30 is accepted, and none beyond") {
  const auto analysed = [](std::int64_t limit) {
    Program p;
    p.input = {2, false, false, {1.0F, -1, 1}};
    p.output = {false, {1.0F}};
    program::Scan scan;
    scan.shift = -1;
    scan.lambda_bits = 17;
    scan.lambda = {1 << 15, -(1 << 15)};
    scan.bound = (1 << 15) - 1;
    scan.limit = limit;
    scan.to_state = scan.to_inner = {1 << 30, 30};
    scan.from_input = {{1 << 30, 30}, {1 << 30, 30}};
    p.instructions = {scan};
    return error_of<Error>([&] { (void)program::analyse(p); });
  };
  // |lambda_re x_re - lambda_im x_im| <= 2 * 2^15 (2^15 - 1)
  constexpr std::int64_t rest = (std::int64_t{3} << 30) - (std::int64_t{1} << 16) * ((1 << 15) - 1);
  CHECK(analysed(rest).empty());
  CHECK(analysed(rest + 1).find("its sums can reach 3221225473") != std::string::npos);
}

TEST_CASE("program: padding has the code of the number 0, or is the token 0") {
  Program p;
  for (const bool one_bit : {false, true}) {
    p.input = {1, false, one_bit, {0.5F, one_bit ? -1 : -7, one_bit ? 1 : 7}};
    const float zero[] = {0.0F};
    std::int32_t code[] = {-2};
    program::encode_input(p, zero, code);
    CHECK(program::padding_code(p.input) == code[0]);
  }
  CHECK(program::padding_code({1, true, false, {1.0F, 0, 9}}) == 0);
}

TEST_CASE("program: input codes out of range, NaN and an empty sequence are errors") {
  const program::Runner runner(small_program());
  const std::vector<std::int32_t> outside{1, 128};
  CHECK_THROWS_WITH_AS((void)runner.run(outside), doctest::Contains("got 128 at step 1"), Error);
  CHECK_THROWS_AS((void)runner.run({}), Error);
  const float nan[] = {0.0F, __builtin_nanf("")};
  std::int32_t codes[2];
  CHECK_THROWS_AS(program::encode_input(runner.header(), nan, codes), Error);
  program::State state = runner.begin();
  std::vector<std::int32_t> logits(2);
  CHECK_THROWS_WITH_AS(runner.result(state, logits), doctest::Contains("no step"), Error);
}

}  // namespace
}  // namespace bitstate::tests
