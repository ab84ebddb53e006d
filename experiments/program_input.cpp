#include "experiments/program_input.h"

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/hdf5.h"
#include "datasets/idx.h"
#include "datasets/smnist.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bitstate::experiments {
namespace {

using program::Program;
using Codes = std::vector<std::int32_t>;

constexpr std::size_t max_file_bytes = std::size_t{1} << 30;

Codes encoded(const Program& p, std::span<const float> x) {
  Codes codes(x.size());
  if (!p.input.tokens) {
    program::encode_input(p, x.data(), x.size(), codes.data());
    return codes;
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    require(x[i] >= 0.0F && x[i] <= static_cast<float>(p.input.grid.hi) && x[i] == std::floor(x[i]), "run",
            "token {} at step {}, allowed are whole numbers from 0 to {}", x[i], i, p.input.grid.hi);
    codes[i] = static_cast<std::int32_t>(x[i]);
  }
  return codes;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\r' || text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  return text;
}

/// The numbers of one line, or nothing when a cell is none.
std::optional<std::vector<float>> numbers_of(std::string_view line) {
  std::vector<float> numbers;
  while (true) {
    const std::size_t comma = line.find(',');
    const std::string_view cell = trimmed(line.substr(0, comma));
    const std::string_view digits = cell.starts_with('+') ? cell.substr(1) : cell;
    double number = 0.0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    numbers.push_back(static_cast<float>(std::clamp(number, -1e39, 1e39)));  // beyond float: an infinity, refused later
    if (comma == std::string_view::npos) return numbers;
    line.remove_prefix(comma + 1);
  }
}

/// Whether each cell begins with a letter or an underscore, and is no NaN or infinity.
bool is_names(std::string_view line) {
  while (true) {
    const std::size_t comma = line.find(',');
    const std::string_view cell = trimmed(line.substr(0, comma));
    if (cell.empty() || (std::isalpha(static_cast<unsigned char>(cell.front())) == 0 && cell.front() != '_'))
      return false;
    if (numbers_of(cell)) return false;
    if (comma == std::string_view::npos) return true;
    line.remove_prefix(comma + 1);
  }
}

std::vector<Codes> from_csv(const Program& p, const std::filesystem::path& file) {
  const std::string text = read_file(file, max_file_bytes);
  std::vector<float> x;
  std::size_t number = 0;  // of the line
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = trimmed(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    ++number;
    if (line.empty()) continue;
    const auto numbers = numbers_of(line);
    if (number == 1 && is_names(line)) continue;
    const auto is_finite = [](float v) { return std::isfinite(v); };
    require(numbers && numbers->size() == p.input.cols && std::all_of(numbers->begin(), numbers->end(), is_finite),
            "run", "{}, line {}: \"{}\" is not a row of {} numbers", file.string(), number, line.substr(0, 40),
            p.input.cols);
    x.insert(x.end(), numbers->begin(), numbers->end());
  }
  return {encoded(p, x)};
}

std::vector<Codes> from_hdf5(const Program& p, const std::filesystem::path& file) {
  const auto array = Hdf5Reader(file).read<float>("x");
  const auto& shape = array.shape;
  const bool fits = (shape.size() == 3 && shape[2] == p.input.cols) || (shape.size() == 2 && p.input.cols == 1);
  require(fits, "run", "{}: x has {} dimensions, allowed are [sequences, steps, {}]{}", file.string(), shape.size(),
          p.input.cols, p.input.cols == 1 ? " and [sequences, steps]" : "");
  const std::size_t each = shape[1] * p.input.cols;
  std::vector<Codes> sequences;
  for (std::size_t n = 0; n < shape[0]; ++n) {
    sequences.push_back(encoded(p, std::span(array.values).subspan(n * each, each)));
  }
  return sequences;
}

std::vector<Codes> from_idx(const Program& p, const std::filesystem::path& file) {
  const datasets::Idx images = datasets::read_idx(file, 3);
  const std::size_t pixels = images.shape[1] * images.shape[2];
  require(p.input.cols == 1, "run", "{}: a pixel is one number, the program reads {}", file.string(), p.input.cols);
  const bool permuted = p.name == "psmnist";
  const auto order = datasets::bit_reversal_permutation();
  require(!permuted || pixels == order.size(), "run", "{}: images of {} pixels, psmnist has {}", file.string(), pixels,
          order.size());
  std::vector<Codes> sequences;
  std::vector<float> x(pixels);
  for (std::size_t n = 0; n < images.shape[0]; ++n) {
    for (std::size_t j = 0; j < pixels; ++j) {
      const float pixel = images.values[n * pixels + (permuted ? order[j] : j)];
      x[j] = p.input.tokens ? pixel : pixel / 255.0F;
    }
    sequences.push_back(encoded(p, x));
  }
  return sequences;
}

}  // namespace

std::vector<std::vector<std::int32_t>> read_sequences(const Program& program, const std::filesystem::path& file) {
  const std::string extension = file.extension().string();
  std::vector<Codes> sequences;
  if (extension == ".csv") {
    sequences = from_csv(program, file);
  } else if (extension == ".h5" || extension == ".hdf5") {
    sequences = from_hdf5(program, file);
  } else if (file.filename().string().find("idx") != std::string::npos) {
    sequences = from_idx(program, file);
  } else {
    fail<UsageError>("run", "{} is no input: allowed are .csv, .h5 and idx files", file.string());
  }
  for (const Codes& codes : sequences) {
    require(!codes.empty(), "run", "{} holds a sequence without steps", file.string());
  }
  require(!sequences.empty(), "run", "{} holds no sequence", file.string());
  return sequences;
}

}  // namespace bitstate::experiments
