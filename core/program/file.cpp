#include "core/program/file.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/io/hdf5.h"
#include "core/io/rehearsal.h"
#include "core/io/sha256.h"
#include "core/io/units_file.h"
#include "core/program/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <string_view>

namespace bitstate::program {
namespace {

constexpr std::string_view magic = "bitstate program";
constexpr int format_version = 1;
constexpr std::size_t line_bytes = 512;  // HDF5 looks for its signature here
constexpr std::size_t max_bytes = std::size_t{1} << 30;
constexpr std::size_t max_instructions = 100000;

/// Codes one after the other, `bits` bits each, the lowest first; one bit: 1 for +1, 0 for -1.
std::vector<std::uint8_t> packed(const Matrix& m) {
  std::vector<std::uint8_t> bytes((m.codes.size() * m.bits + 7) / 8, 0);
  for (std::size_t i = 0; i < m.codes.size(); ++i) {
    const auto code = static_cast<std::uint32_t>(m.bits == 1 ? (m.codes[i] + 1) / 2 : m.codes[i]);
    for (std::size_t b = 0; b < m.bits; ++b) {
      const std::size_t at = i * m.bits + b;
      bytes[at / 8] = static_cast<std::uint8_t>(bytes[at / 8] | ((code >> b & 1U) << at % 8));
    }
  }
  return bytes;
}

void unpack(const std::vector<std::uint8_t>& bytes, Matrix& m) {
  for (std::size_t i = 0; i < m.codes.size(); ++i) {
    std::uint32_t code = 0;
    for (std::size_t b = 0; b < m.bits; ++b) {
      const std::size_t at = i * m.bits + b;
      code |= (static_cast<std::uint32_t>(bytes[at / 8]) >> at % 8 & 1U) << b;
    }
    const bool negative = m.bits < 32 && m.bits > 1 && (code >> (m.bits - 1) & 1U) != 0;
    if (negative) code |= ~std::uint32_t{0} << m.bits;
    m.codes[i] = m.bits == 1 ? static_cast<std::int32_t>(2 * code) - 1 : static_cast<std::int32_t>(code);
  }
}

std::string steps_name(std::string_view name) { return std::string(name) + "_steps"; }

class FileWriter {
 public:
  explicit FileWriter(const std::filesystem::path& file) : hdf5_(file) {}

  void enter(std::string group) {
    group_ = std::move(group);
    hdf5_.group(group_);
  }
  void operator()(std::string_view name, const Matrix& m) {
    const Levels& levels = m.levels;
    const bool made = levels.bits > 0;
    hdf5_.write(path(name), packed(made ? m.few_bits() : m));
    hdf5_.set_attribute(path(name), "rows", m.rows);
    hdf5_.set_attribute(path(name), "cols", m.cols);
    hdf5_.set_attribute(path(name), "bits", m.bits);
    if (!made) return;
    hdf5_.set_attribute(path(name), "level_bits", levels.bits);
    hdf5_.set_attribute(path(name), "group", levels.group);
    hdf5_.set_attribute(path(name), "shift", levels.shift);
    hdf5_.set_attribute(path(name), "bound", levels.bound);
    const auto groups = static_cast<std::uint32_t>(levels.groups(m.cols));
    (*this)(steps_name(name), Matrix{m.rows, groups, levels.step_bits(), levels.steps});
  }
  void operator()(std::string_view name, const std::vector<std::int32_t>& values) { hdf5_.write(path(name), values); }
  void operator()(std::string_view name, const std::vector<float>& values) { hdf5_.write(path(name), values); }
  void operator()(std::string_view name, const std::vector<FixedPoint>& factors) {
    std::vector<std::int32_t> multipliers;
    std::vector<std::uint8_t> shifts;
    for (const FixedPoint& f : factors) {
      multipliers.push_back(static_cast<std::int32_t>(f.multiplier));
      shifts.push_back(static_cast<std::uint8_t>(f.shift));
    }
    hdf5_.write(path(name) + "_multiplier", multipliers);
    hdf5_.write(path(name) + "_shift", shifts);
  }
  void operator()(std::string_view name, const FixedPoint& f) {
    hdf5_.set_attribute(group_, std::string(name) + "_multiplier", f.multiplier);
    hdf5_.set_attribute(group_, std::string(name) + "_shift", f.shift);
  }
  template <class T>
  void operator()(std::string_view name, const T& value) {
    if constexpr (std::is_enum_v<T>) {
      hdf5_.set_attribute(group_, name, static_cast<std::int64_t>(value));
    } else {
      hdf5_.set_attribute(group_, name, value);
    }
  }
  /// Not there when empty, so that a program without it is the file it always was; likewise units.
  void if_any(std::string_view name, const std::vector<std::int32_t>& values) {
    if (!values.empty()) (*this)(name, values);
  }
  void if_any(std::string_view name, const std::vector<std::string>& texts) {
    if (!texts.empty()) hdf5_.write_texts(path(name), texts);
  }
  void units(const std::string& side, const Units& units) {
    if (!units.mean.empty()) write_units(hdf5_, path(side), units);
  }
  void commit() { hdf5_.commit(); }

 private:
  [[nodiscard]] std::string path(std::string_view name) const { return group_ + "/" + std::string(name); }

  Hdf5Writer hdf5_;
  std::string group_ = "/";
};

/// Notes what it reads, so that anything else in the file is noticed.
class Reader {
 public:
  Reader(const std::filesystem::path& file, std::string_view content)
      : hdf5_(file, content), max_elements_(8 * content.size()) {}

  void enter(std::string group) {
    group_ = std::move(group);
    members_.clear();
    attributes_.clear();
  }
  /// Throws Error for a member or an attribute of the group that nobody has read.
  void leave() const {
    for (const std::string& name : hdf5_.list(group_)) {
      require(members_.contains(name), "program", "{}: {} holds '{}', which does not belong in a program of version {}",
              hdf5_.path().string(), group_, name, format_version);
    }
    check_attributes();
  }
  void check_attributes() const {
    for (const std::string& name : hdf5_.attributes(group_)) {
      require(attributes_.contains(name), "program", "{}: {} has an attribute '{}', which does not belong in a program",
              hdf5_.path().string(), group_, name);
    }
  }
  [[nodiscard]] std::size_t count(std::string_view group) {
    members_.insert(std::string(group));
    return hdf5_.list(group).size();
  }

  void operator()(std::string_view name, Matrix& m) {
    if (hdf5_.exists(path(steps_name(name)))) {
      read_levels(name, m);
    } else {
      read_codes(name, m, "bits", 3);
    }
  }
  void operator()(std::string_view name, std::vector<std::int32_t>& values) { read(member(name), values); }
  void if_any(std::string_view name, std::vector<std::int32_t>& values) {
    if (hdf5_.exists(path(name))) (*this)(name, values);
  }
  void if_any(std::string_view name, std::vector<std::string>& texts) {
    if (!hdf5_.exists(path(name))) return;
    check_attribute_count(member(name), 0);
    texts = hdf5_.read_texts(path(name), max_elements_);
  }
  void operator()(std::string_view name, std::vector<float>& values) { read(member(name), values); }
  void operator()(std::string_view name, std::vector<FixedPoint>& factors) {
    std::vector<std::int32_t> multipliers;
    std::vector<std::uint8_t> shifts;
    read(member(std::string(name) + "_multiplier"), multipliers);
    read(member(std::string(name) + "_shift"), shifts);
    require(multipliers.size() == shifts.size(), "program", "{}: {} has {} multipliers and {} shifts",
            hdf5_.path().string(), path(name), multipliers.size(), shifts.size());
    for (std::size_t i = 0; i < shifts.size(); ++i) factors.push_back({multipliers[i], shifts[i]});
  }
  void operator()(std::string_view name, FixedPoint& f) {
    (*this)(std::string(name) + "_multiplier", f.multiplier);
    (*this)(std::string(name) + "_shift", f.shift);
  }
  void operator()(std::string_view name, std::string& text) {
    attributes_.insert(std::string(name));
    text = hdf5_.attribute<std::string>(group_, name);
  }
  void units(const std::string& side, Units& units) {
    if (!hdf5_.exists(path(side + "mean")) && !hdf5_.exists(path(side + "deviation"))) return;
    for (const char* const name : {"mean", "deviation"}) check_attribute_count(member(side + name), 0);
    units = read_units(hdf5_, path(side), max_elements_);
  }
  template <class T>
  void operator()(std::string_view name, T& value) {
    attributes_.insert(std::string(name));
    const auto number = hdf5_.attribute<std::int64_t>(group_, name);
    value = static_cast<T>(number);
    require(static_cast<std::int64_t>(value) == number, "program", "{}: {} of {} is {}", hdf5_.path().string(), name,
            group_, number);
  }
  void operator()(std::string_view name, float& value) {
    attributes_.insert(std::string(name));
    const auto number = hdf5_.attribute<double>(group_, name);
    require(std::fabs(number) <= double{std::numeric_limits<float>::max()}, "program", "{}: {} of {} is {}",
            hdf5_.path().string(), name, group_, number);
    value = static_cast<float>(number);
  }

 private:
  /// Codes of as many bits as an attribute says, of `attributes` that there are.
  void read_codes(std::string_view name, Matrix& m, std::string_view bits_name, std::size_t attributes) {
    std::vector<std::uint8_t> bytes;
    read(member(name), bytes, attributes);
    m.rows = size_of(name, "rows");
    m.cols = size_of(name, "cols");
    m.bits = size_of(name, bits_name);
    const std::uint64_t count = std::uint64_t{m.rows} * m.cols;
    require(m.bits >= 1 && m.bits <= 32 && count <= max_elements_ && bytes.size() == (count * m.bits + 7) / 8,
            "program", "{}: {} has {} bytes for {} x {} codes of {} bits", hdf5_.path().string(), path(name),
            bytes.size(), m.rows, m.cols, m.bits);
    m.codes.resize(count);
    unpack(bytes, m);
    const std::size_t unused = 8 * bytes.size() - count * m.bits;
    require(unused == 0 || bytes.back() >> (8 - unused) == 0, "program", "{}: {} has bits behind its last code",
            hdf5_.path().string(), path(name));
  }
  /// Codes of few bits and their steps, from which the codes of the matrix are made.
  void read_levels(std::string_view name, Matrix& m) {
    read_codes(name, m, "level_bits", 7);
    Matrix steps;
    read_codes(steps_name(name), steps, "bits", 3);
    m.levels = {m.bits, size_of(name, "group"), size_of(name, "shift"), 0, std::move(steps.codes)};
    Levels& levels = m.levels;
    const std::uint32_t bound = size_of(name, "bound");
    m.bits = size_of(name, "bits");
    require(levels.bits <= 8 && levels.group >= 1 && levels.shift >= 1 && levels.shift <= 30 && bound < 1U << 30 &&
                steps.rows == m.rows && steps.cols == levels.groups(m.cols),
            "program", "{}: {} has {} x {} steps for {} x {} codes of {} bits in groups of {} columns, shift {}",
            hdf5_.path().string(), path(name), steps.rows, steps.cols, m.rows, m.cols, levels.bits, levels.group,
            levels.shift);
    levels.bound = static_cast<std::int32_t>(bound);
    for (std::size_t k = 0; k < m.codes.size(); ++k) {
      m.codes[k] = levels.code_of(m.codes[k], levels.step(m.cols, k / m.cols, k % m.cols));
    }
  }
  [[nodiscard]] std::string path(std::string_view name) const { return group_ + "/" + std::string(name); }
  [[nodiscard]] std::uint32_t size_of(std::string_view name, std::string_view attribute) const {
    const auto number = hdf5_.attribute<std::uint64_t>(path(name), attribute);
    require(number < std::uint64_t{1} << 32, "program", "{}: {} of {} is {}", hdf5_.path().string(), attribute,
            path(name), number);
    return static_cast<std::uint32_t>(number);
  }
  std::string member(std::string_view name) {
    members_.insert(std::string(name));
    return path(name);
  }
  void check_attribute_count(const std::string& path, std::size_t attributes) const {
    const std::size_t found = hdf5_.attributes(path).size();
    require(found == attributes, "program", "{}: {} has {} attributes, but in a program it has {}",
            hdf5_.path().string(), path, found, attributes);
  }
  template <class T>
  void read(const std::string& path, std::vector<T>& values, std::size_t attributes = 0) const {
    check_attribute_count(path, attributes);
    values = hdf5_.read<T>(path, max_elements_).values;
  }

  Hdf5Reader hdf5_;
  std::size_t max_elements_;  // an array cannot have more than the file has bits
  std::string group_;
  std::set<std::string, std::less<>> members_, attributes_;
};

std::string group_of(std::size_t instruction) { return fmt::format("/code/{:05}", instruction); }

/// The instruction of a name, its members unset.
Instruction make_instruction(std::string_view name, std::string_view file) {
  const auto try_all = [&]<std::size_t... I>(std::index_sequence<I...>) {
    Instruction found;
    bool known = false;
    const auto try_one = [&](Instruction candidate) {
      if (name_of(candidate) != name) return;
      found = std::move(candidate);
      known = true;
    };
    (try_one(Instruction(std::in_place_index<I>)), ...);
    require(known, "program", "{}: there is no instruction '{}'", file, name);
    return found;
  };
  return try_all(std::make_index_sequence<std::variant_size_v<Instruction>>{});
}

std::string first_line(std::string_view content) {
  return fmt::format("{} {} sha256:{}\n", magic, format_version, sha256_hex(content));
}

/// The HDF5 part of a file whose first line is right.
std::string_view checked_content(std::string_view bytes, const std::string& file) {
  require(bytes.size() > line_bytes && bytes.starts_with(magic), "program",
          "{} is not a program file: it has no line '{} ...'", file, magic);
  const std::string_view number = bytes.substr(0, line_bytes).substr(magic.size() + 1);
  int version = 0;
  std::from_chars(number.data(), number.data() + number.size(), version);
  require(version <= format_version, file,
          "was written by a newer bitstate (program format {}); this one reads up to {}", version, format_version);
  const std::string_view content = bytes.substr(line_bytes);
  std::string line = first_line(content);
  line.resize(line_bytes, '\0');
  require(bytes.substr(0, line_bytes) == line, "program",
          "{} is damaged: the SHA-256 of its content is not the one that it states", file);
  return content;
}

}  // namespace

void save(const Program& program, const std::filesystem::path& file) {
  Program copy = program;       // fields() takes what it may write to
  const AtomicFile part(file);  // never committed: only its name is used, and what is under it removed
  FileWriter writer(part.temporary());
  writer.enter("/");
  header_fields(writer, copy);
  writer("architecture", architecture_digest(program));
  writer.enter("/code");
  for (std::size_t i = 0; i < copy.instructions.size(); ++i) {
    writer.enter(group_of(i));
    writer("op", std::string(name_of(copy.instructions[i])));
    std::visit([&](auto& instruction) { fields(writer, instruction); }, copy.instructions[i]);
  }
  writer.commit();
  const std::string content = read_file(part.temporary(), max_bytes);
  std::string line = first_line(content);
  line.resize(line_bytes, '\0');
  write_file_atomically(file, line + content);
}

namespace {

Program read_content(const std::filesystem::path& file, std::string_view content) {
  Reader reader(file, content);
  Program program;
  std::string architecture;
  reader.enter("/");
  header_fields(reader, program);
  reader("architecture", architecture);
  const std::size_t count = reader.count("code");
  reader.leave();
  reader.enter("/code");
  reader.check_attributes();
  require(count <= max_instructions, "program", "{} has {} instructions, but at most {} are allowed", file.string(),
          count, max_instructions);
  for (std::size_t i = 0; i < count; ++i) {
    reader.enter(group_of(i));
    std::string op;
    reader("op", op);
    Instruction instruction = make_instruction(op, file.string());
    std::visit([&](auto& members) { fields(reader, members); }, instruction);
    reader.leave();
    program.instructions.push_back(std::move(instruction));
  }
  try {
    analyse(program);
  } catch (const Error& error) {
    fail("program", "{}: {}", file.string(), error.what());
  }
  require(architecture == architecture_digest(program), "program",
          "{} states another architecture than the one that it holds", file.string());
  return program;
}

}  // namespace

Program load(const std::filesystem::path& file) {
  const std::string bytes = read_file(file, max_bytes);
  const std::string_view content = checked_content(bytes, file.string());
  return rehearsed(file, [&] { return read_content(file, content); });
}

}  // namespace bitstate::program
