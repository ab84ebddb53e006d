#include "experiments/inspect/inspect.h"

#include "autograd/ops.h"
#include "core/error.h"
#include "experiments/inspect/one_example.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace bitstate::experiments {

namespace {

using kernels::ScaleLayout;

void widen(std::optional<Extent>& extent, const float* values, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const double v = values[i];
    if (!extent) extent = Extent{v, v};
    extent->low = std::min(extent->low, v);
    extent->high = std::max(extent->high, v);
  }
}

std::vector<std::complex<double>> eigenvalues_of(Tape& tape, Value v) {
  const float* const lambda = tape.value(v);
  const std::size_t states = tape[v].size() / 2;
  std::vector<std::complex<double>> eigenvalues;
  eigenvalues.reserve(states);
  for (std::size_t p = 0; p < states; ++p) eigenvalues.emplace_back(lambda[p], lambda[states + p]);
  return eigenvalues;
}

/// How many of the numbers of a state matrix its form moved because they were outside the disk or the grid.
std::uint64_t outside_disk(const float* lambda, const Node& quantized) {
  const std::size_t states = quantized.size() / 2;
  const double limit = (static_cast<double>(quantized.bound) + 0.5) * double{quantized.scale[0]};
  std::uint64_t count = 0;
  for (std::size_t p = 0; p < states; ++p) {
    const double re = lambda[p];
    const double im = lambda[states + p];
    if (std::hypot(re, im) > 1.0 || std::max(std::fabs(re), std::fabs(im)) > limit) count += 2;
  }
  return count;
}

void add_visit(Tape& tape, const SiteVisit& visit, InspectedSite& site) {
  const Node& in = tape[visit.input];
  const Node& out = tape[visit.output];
  const float* const values = tape.value(visit.input);
  widen(site.observed, values, in.size());
  if (!site.spec.active()) {
    site.integer = in.has_codes();
    return;
  }
  site.values += out.size();
  if (out.has_codes()) widen(site.scale, out.scale, kernels::scale_count(out.layout, out.rows, out.cols));
  if (site.spec.pole.form != PoleSpec::Form::cartesian && out.has_codes()) site.saturated += outside_disk(values, out);
  site.saturated += ops::count_clamped(tape, visit.output);
}

void add_inner(const InnerSite& inner, InspectedSite& site) {
  if (!site.spec.active() || inner.values == 0) return;
  widen(site.observed, &inner.low, 1);
  widen(site.observed, &inner.high, 1);
  site.values += inner.values;
  site.saturated += inner.clamped;
}

void add_eigenvalues(Tape& tape, Inspection& result) {
  for (const SiteVisit& visit : tape.visits()) {
    const auto same = [&](const InspectedEigenvalues& layer) { return layer.site == visit.site->site; };
    const bool seen = std::any_of(result.eigenvalues.begin(), result.eigenvalues.end(), same);  // by the other document
    if (!visit.site->poles || seen) continue;
    result.eigenvalues.push_back(
        {visit.site->site, visit.site->spec, eigenvalues_of(tape, visit.input), eigenvalues_of(tape, visit.output)});
  }
}

std::vector<InnerSite> inner_sites(Tape& tape, const Node& node) {
  return node.op != nullptr && node.op->inner != nullptr ? node.op->inner(tape, node) : std::vector<InnerSite>();
}

/// The sites of the values of a tape.
class Names {
 public:
  explicit Names(const Tape& tape) : tape_(tape) {}

  /// The site that yielded `v`; the last of those through which it passed unchanged. Empty for none.
  [[nodiscard]] std::string giving(Value v) const {
    std::string name;
    for (const SiteVisit& visit : tape_.visits()) {
      if (visit.output.id == v.id) name = visit.site->site;
    }
    return name;
  }
  /// The first site that reads `v`.
  [[nodiscard]] std::string reading(Value v) const {
    for (const SiteVisit& visit : tape_.visits()) {
      if (visit.input.id == v.id) return visit.site->site;
    }
    return {};
  }
  /// What the sums of `v` are of: its weight, and which result of it where it has several; or the state.
  [[nodiscard]] std::string summed(Value v) const {
    const Node& node = tape_[v];
    std::string name = giving(node.inputs[1]);
    const Quantizer* const site = tape_[node.inputs[1]].site;
    if (!name.empty()) return name;
    if (site == nullptr) return nearest(v);
    name = reading(v);
    return site->site + (name.empty() ? name : " to " + name);
  }
  [[nodiscard]] std::string nearest(Value v) const {
    const Node& node = tape_[v];
    if (node.site != nullptr) return node.site->site;
    for (const std::string& name :
         {node.op->traits.weighted ? giving(node.inputs[1]) : std::string(), reading(v), giving(node.inputs[0])}) {
      if (!name.empty()) return name;
    }
    return "the model";
  }
  /// Sites through which `v` passed although an integer program needs their bits.
  void add_missing(Value v, std::vector<std::string>& missing) const {
    for (const SiteVisit& visit : tape_.visits()) {
      const SiteKind kind = visit.site->kind;
      const bool optional = kind == SiteKind::acc || kind == SiteKind::bias;
      if (visit.input.id == v.id && visit.output.id == v.id && !visit.site->spec.active() && !optional) {
        missing.push_back(visit.site->site);
      }
    }
  }

 private:
  const Tape& tape_;
};

void add_accumulators(const Tape& tape, const Names& names, Inspection& result) {
  for (std::uint32_t i = 0; i < tape.nodes().size(); ++i) {
    const Node& node = tape.nodes()[i];
    if (node.op == nullptr || !node.op->traits.accumulates) continue;
    result.accumulators.push_back({names.summed({i}), std::string(node.op->name), node.bound});
  }
}

/// Whether an op cannot take the codes of `operand` for what they are, or finds none.
bool is_unfit(const OpTraits& op, const Node& operand) {
  if (!operand.has_codes()) return true;
  if (op.any_scales) return false;
  return operand.layout != ScaleLayout::per_tensor || operand.bound > std::int64_t{1} << 15;
}

/// Why a node that has all the rows it needs, and no float operand, is float.
std::string reason_of(const Tape& tape, const Node& node) {
  if (!node.op->traits.why_float.empty()) return std::string(node.op->traits.why_float);
  if (node.has_codes() && !node.rounded_float && node.op->lower == nullptr) return "it says no instruction (Op::lower)";
  if (node.bound >= std::int64_t{1} << 31) return "its accumulator needs more than 31 bits";
  for (const Value v : node.inputs) {
    const bool data = v.exists() && !tape[v].constant;
    if (data && tape[v].has_codes() && tape[v].layout != ScaleLayout::per_tensor) {
      return "its operand has a scale for each channel";
    }
  }
  return "an operand has too many bits or too many scales";
}

FloatIsland island_of(Tape& tape, const Names& names, Value v) {
  const Node& node = tape[v];
  FloatIsland island{std::string(node.op->name), names.nearest(v), {}, {}};
  bool follows = false;
  for (const Value input : node.inputs) {
    if (!input.exists()) continue;
    follows = follows || tape[input].is_float_island();
    if (is_unfit(node.op->traits, tape[input])) names.add_missing(input, island.missing);
  }
  if (node.op->traits.rounds) names.add_missing(v, island.missing);
  for (const InnerSite& inner : inner_sites(tape, node)) {
    if (!inner.site->spec.active()) island.missing.push_back(inner.site->site);
  }
  if (island.missing.empty() && !follows) island.reason = reason_of(tape, node);
  return island;
}

void add_islands(Tape& tape, const Names& names, Value output, bool compares, Inspection& result) {
  for (std::uint32_t i = 0; i <= output.id; ++i) {
    const Node& node = tape.nodes()[i];
    const bool instruction = node.op == nullptr || node.constant || !node.has_codes() || node.op->lower != nullptr;
    if (!instruction || node.is_float_island()) result.islands.push_back(island_of(tape, names, {i}));
  }
  const Node& y = tape[output];
  if (compares && y.has_codes() && y.layout != ScaleLayout::per_tensor) {
    FloatIsland island{"argmax", names.giving(output), {}, "the logits have a scale for each class"};
    names.add_missing(output, island.missing);
    result.islands.push_back(island);
  }
}

/// A pass that evaluates. Gradients are only asked for so that quantizers note what they clamp.
Pass evaluation(std::vector<float>& gradient) {
  Pass pass;
  pass.gradients = true;
  pass.gradient = gradient;
  return pass;
}

Inspection without_sample(const Inventory& inventory) {
  Inspection result;
  result.size_bits = size_bits(inventory);
  for (const Quantizer* quantizer : inventory.quantizers) {
    InspectedSite& site = result.sites.emplace_back();
    site.site = quantizer->site;
    site.kind = quantizer->kind;
    site.spec = quantizer->spec;
    site.memory_bits = quantizer->stored_bits();
    if (quantizer->is_constant()) result.float_size_bits += std::uint64_t{32} * quantizer->numbers;
  }
  return result;
}

}  // namespace

double largest_modulus(const std::vector<std::complex<double>>& eigenvalues) {
  double largest = 0.0;
  for (const auto& eigenvalue : eigenvalues) largest = std::max(largest, std::abs(eigenvalue));
  return largest;
}

/// The scales of sites inside of an op, whose values no tape has.
void add_hidden_scales(const Inventory& inventory, Inspection& result) {
  for (std::size_t i = 0; i < result.sites.size(); ++i) {
    const Quantizer& quantizer = *inventory.quantizers[i];
    InspectedSite& site = result.sites[i];
    if (site.scale || !site.spec.active() || quantizer.is_constant() || quantizer.range.empty()) continue;
    for (std::size_t c = 0; c < quantizer.range_channels(); ++c) {
      const float scale = quantizer.grid(c).scale;
      widen(site.scale, &scale, 1);
    }
  }
}

Inspection inspect(const Model& model, const Inventory& inventory, const datasets::Dataset& part, std::size_t sequences,
                   std::size_t padded_length) {
  Inspection result = without_sample(inventory);
  result.sequences = std::min(sequences, part.size());
  std::vector<float> gradient(inventory.parameter_count());
  Tape tape;
  datasets::Example example;
  for (std::size_t s = 0; s < result.sequences; ++s) {
    example.clear();
    part.read(s, example);
    result.steps += example.length + example.second.size();
    const OneExample one(example, padded_length);
    tape.begin(evaluation(gradient));
    const Value output = model.forward(tape, one.batch());
    const auto of = [&](const Quantizer* site) -> InspectedSite& {
      const auto place = std::find(inventory.quantizers.begin(), inventory.quantizers.end(), site);
      return result.sites[static_cast<std::size_t>(place - inventory.quantizers.begin())];
    };
    for (const SiteVisit& visit : tape.visits()) {
      if (s == 0 || !visit.site->is_constant()) add_visit(tape, visit, of(visit.site));
    }
    for (std::size_t i = 0; i < tape.nodes().size(); ++i) {
      for (const InnerSite& inner : inner_sites(tape, tape.nodes()[i])) add_inner(inner, of(inner.site));
    }
    if (s > 0) continue;  // the rest is the same for every sequence
    const Names names(tape);
    add_eigenvalues(tape, result);
    add_accumulators(tape, names, result);
    add_islands(tape, names, output, gives_classes(model.output().output), result);
  }
  add_hidden_scales(inventory, result);
  return result;
}

std::string export_obstacle(const Model& model, const Inventory& inventory, const datasets::Splits& data,
                            std::size_t padded_length) {
  const auto has_bits = [](const Quantizer* q) { return q->spec.active(); };
  if (std::none_of(inventory.quantizers.begin(), inventory.quantizers.end(), has_bits)) return {};
  const Inspection inspection = inspect(model, inventory, *data.train, 1, padded_length);
  if (inspection.islands.empty()) return {};
  return "bitstate export will refuse this run: " + verdict(inspection);
}

}  // namespace bitstate::experiments
