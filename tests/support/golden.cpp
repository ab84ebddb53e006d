#include "tests/support/golden.h"

#include "core/error.h"
#include "tests/support/folders.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

namespace bitstate::tests {
namespace {

struct Sides {
  std::size_t rows = 1;
  std::size_t cols = 1;
};

Sides sides_of(const Hdf5Shape& shape) {
  Sides sides;
  for (std::size_t axis = 0; axis + 1 < shape.size(); ++axis) sides.rows *= shape[axis];
  if (!shape.empty()) sides.cols = shape.back();
  return sides;
}

GoldenMatrix transposed(const GoldenMatrix& matrix) {
  GoldenMatrix out{matrix.cols, matrix.rows, std::vector<double>(matrix.values.size())};
  for (std::size_t r = 0; r < matrix.rows; ++r) {
    for (std::size_t c = 0; c < matrix.cols; ++c) out.values[c * matrix.rows + r] = matrix.values[r * matrix.cols + c];
  }
  return out;
}

/// The kind of a group; nothing for one that only holds others, or that no test knows.
std::optional<GoldenKind> kind_of(const Hdf5Reader& file, const std::string& group) {
  if (!file.is_group(group)) return std::nullopt;
  const auto attribute = [&](const char* name) { return file.has_attribute(group, name); };
  const auto array = [&](const char* name) { return file.exists(group + "/" + name); };
  if (attribute("base_lr")) return GoldenKind::schedule;
  if (attribute("dt") && attribute("N")) return GoldenKind::dense_system;
  if (attribute("P_full") && attribute("H")) {
    if (attribute("n_classes")) return GoldenKind::model;
    return attribute("activation") ? GoldenKind::layer : GoldenKind::ssm;
  }
  if (array("A") && array("p") && array("b")) return GoldenKind::hippo;
  if (array("V") && array("Vinv")) return GoldenKind::block_hippo;
  if (array("gelu_tanh")) return GoldenKind::scalar;
  return std::nullopt;
}

/// The attributes that the tests of a kind read, or that say nothing they would need; empty where arrays say all.
std::set<std::string_view> attributes_of(GoldenKind kind) {
  std::set<std::string_view> names = {"H",          "P_full",       "J", "conj_sym", "bidirectional", "discretization",
                                      "clip_eigs",  "step_rescale", "P", "L",        "C_init",        "seed",
                                      "description"};
  const std::set<std::string_view> layer = {"activation", "prenorm", "norm", "bn_momentum", "dropout", "Bsz"};
  const std::set<std::string_view> model = {"mode",       "d_input", "n_classes", "n_layers",
                                            "opt_config", "lr",      "ssm_lr",    "weight_decay"};
  switch (kind) {
    case GoldenKind::model:
      names.insert(model.begin(), model.end());
      [[fallthrough]];
    case GoldenKind::layer:
      names.insert(layer.begin(), layer.end());
      [[fallthrough]];
    case GoldenKind::ssm:
      return names;
    case GoldenKind::schedule:
      return {"base_lr", "epochs", "lr_min", "steps_per_epoch", "warmup_end", "description"};
    case GoldenKind::dense_system:
      return {"H", "L", "N", "dt", "description"};
    case GoldenKind::hippo:
    case GoldenKind::block_hippo:
    case GoldenKind::scalar:
      break;
  }
  return {};
}

/// Refuses an attribute that would ask for something that no test checks.
void check_attributes(const Hdf5Reader& file, const std::string& group, GoldenKind kind) {
  const auto known = attributes_of(kind);
  if (known.empty()) return;
  for (const auto& name : file.attributes(group)) {
    require(known.count(name) == 1, "golden", "{}: {} has the attribute \"{}\", which no test reads",
            file.path().string(), group, name);
  }
}

std::string_view leaf_of(std::string_view path) { return path.substr(path.find_last_of("./") + 1); }

template <class Got, class Expected>
double relative_error_of(std::span<const Got> got, std::span<const Expected> expected) {
  if (got.size() != expected.size()) return std::numeric_limits<double>::infinity();
  double worst = 0.0;
  double scale = 0.0;
  for (std::size_t k = 0; k < got.size(); ++k) {
    const double distance = std::abs(Expected(got[k]) - expected[k]);
    if (!std::isfinite(distance)) return std::numeric_limits<double>::infinity();
    worst = std::max(worst, distance);
    scale = std::max(scale, std::abs(expected[k]));
  }
  return scale > 0.0 ? worst / scale : worst;
}

}  // namespace

std::vector<std::complex<double>> GoldenArray::complex_values() const {
  require(complex, "golden", "the array is real");
  std::vector<std::complex<double>> out(values.size() / 2);
  for (std::size_t k = 0; k < out.size(); ++k) out[k] = {values[2 * k], values[2 * k + 1]};
  return out;
}

Tensor GoldenMatrix::tensor() const {
  Tensor out(rows, cols);
  std::transform(values.begin(), values.end(), out.data.begin(),
                 [](double value) { return static_cast<float>(value); });
  return out;
}

GoldenMatrix planar_rows(const GoldenArray& array) {
  const auto [rows, cols] = sides_of(array.shape);
  const auto values = array.complex_values();
  GoldenMatrix out{2 * rows, cols, std::vector<double>(2 * rows * cols)};
  for (std::size_t k = 0; k < values.size(); ++k) {
    out.values[k] = values[k].real();
    out.values[rows * cols + k] = values[k].imag();
  }
  return out;
}

GoldenMatrix planar_columns(const GoldenArray& array) {
  const auto [rows, cols] = sides_of(array.shape);
  const auto values = array.complex_values();
  GoldenMatrix out{rows, 2 * cols, std::vector<double>(2 * rows * cols)};
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) {
      out.values[r * 2 * cols + c] = values[r * cols + c].real();
      out.values[r * 2 * cols + cols + c] = values[r * cols + c].imag();
    }
  }
  return out;
}

GoldenMatrix real_matrix(const GoldenArray& array) {
  require(!array.complex, "golden", "the array is complex");
  const auto [rows, cols] = sides_of(array.shape);
  return {rows, cols, array.values};
}

Golden::Golden() : Golden(fixture_folder() / "s5_reference.h5") {}

void Golden::collect(const std::string& path, GoldenKind kind, std::vector<std::string>& found) const {
  for (const auto& name : file_.list(path)) {
    const std::string member = path == "/" ? name : path + "/" + name;
    const std::optional<GoldenKind> known = kind_of(file_, member);
    if (known == kind) found.push_back(member);
    if (known) {
      check_attributes(file_, member, *known);
      continue;
    }
    const bool holds_groups = file_.is_group(member) && !file_.list(member).empty() && file_.attributes(member).empty();
    require(holds_groups, "golden", "{}: {} is of no kind that the tests know; its attributes are \"{}\"",
            file_.path().string(), member, fmt::join(file_.attributes(member), ", "));
    collect(member, kind, found);
  }
}

std::vector<std::string> Golden::groups(GoldenKind kind) const {
  std::vector<std::string> found;
  collect("/", kind, found);
  return found;
}

GoldenArray Golden::array(const std::string& path) const {
  auto raw = file_.read<double>(path);
  GoldenArray out;
  out.complex = file_.has_attribute(path, "complex");
  out.shape = std::move(raw.shape);
  out.values = std::move(raw.values);
  if (out.complex) {
    require(!out.shape.empty() && out.shape.back() == 2, "golden", "{} is complex without a last axis of 2", path);
    out.shape.pop_back();
  }
  return out;
}

std::vector<std::int64_t> Golden::integers(const std::string& path) const {
  return file_.read<std::int64_t>(path).values;
}

double Golden::number(const std::string& object, std::string_view attribute) const {
  return file_.attribute<double>(object, attribute);
}

std::size_t Golden::count(const std::string& object, std::string_view attribute) const {
  return static_cast<std::size_t>(file_.attribute<std::int64_t>(object, attribute));
}

bool Golden::flag(const std::string& object, std::string_view attribute) const {
  return file_.attribute<std::int64_t>(object, attribute) != 0;
}

std::string Golden::text(const std::string& object, std::string_view attribute) const {
  return file_.attribute<std::string>(object, attribute);
}

GoldenMatrix Golden::parameter(const std::string& path) const {
  const GoldenArray values = array(path);
  const std::string_view leaf = leaf_of(path);
  if (leaf == "B") return planar_rows(values);
  if (values.complex) return planar_columns(values);
  if (leaf == "kernel") return transposed(real_matrix(values));
  return {1, values.values.size(), values.values};
}

std::string model_name(std::string_view golden_name) {
  std::string name(golden_name);
  const auto replace = [&name](std::string_view from, std::string_view to) {
    const std::size_t at = name.find(from);
    if (at != std::string::npos) name.replace(at, from.size(), to);
  };
  if (name.rfind("layer", 0) == 0) replace("layer", "layers.");
  replace("out1.", "glu.out1.");
  replace("out2.", "glu.out2.");
  replace("decoder.layer1.", "decoder.0.");
  replace("decoder.layer2.", "decoder.1.");
  replace("kernel", "weight");
  return name;
}

double relative_error(std::span<const double> got, std::span<const double> expected) {
  return relative_error_of(got, expected);
}

double relative_error(std::span<const float> got, std::span<const double> expected) {
  return relative_error_of(got, expected);
}

double relative_error(std::span<const std::complex<double>> got, std::span<const std::complex<double>> expected) {
  return relative_error_of(got, expected);
}

}  // namespace bitstate::tests
