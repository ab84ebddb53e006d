#include "core/quant_spec.h"

#include "core/error.h"
#include "core/rule_words.h"
#include "core/suggest.h"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace bitstate {
namespace {

using rule_words::check_effect;
using rule_words::choose;
using rule_words::has;
using rule_words::where;
using rule_words::Word;
using rule_words::word_of;

constexpr Word<QuantSpec::Range> ranges[] = {
    {"absmax", QuantSpec::Range::absmax},         {"ema", QuantSpec::Range::ema},
    {"percentile", QuantSpec::Range::percentile}, {"mse", QuantSpec::Range::mse},
    {"fixed", QuantSpec::Range::fixed},           {"learned", QuantSpec::Range::learned},
    {"stored", QuantSpec::Range::stored}};
constexpr Word<QuantSpec::Granularity> granularities[] = {{"tensor", QuantSpec::Granularity::tensor},
                                                          {"group", QuantSpec::Granularity::group},
                                                          {"channel", QuantSpec::Granularity::channel},
                                                          {"step", QuantSpec::Granularity::step},
                                                          {"sample", QuantSpec::Granularity::sample}};
constexpr Word<QuantSpec::Edge> edges[] = {{"center", QuantSpec::Edge::center}, {"half", QuantSpec::Edge::half}};
constexpr Word<QuantSpec::Symmetry> symmetries[] = {{"symmetric", QuantSpec::Symmetry::symmetric},
                                                    {"asymmetric", QuantSpec::Symmetry::asymmetric}};
constexpr Word<QuantSpec::Scale> scales[] = {{"free", QuantSpec::Scale::free}, {"pow2", QuantSpec::Scale::pow2}};
constexpr Word<QuantSpec::Rounding> roundings[] = {{"nearest", QuantSpec::Rounding::nearest},
                                                   {"stochastic", QuantSpec::Rounding::stochastic},
                                                   {"feedback", QuantSpec::Rounding::feedback},
                                                   {"decayed", QuantSpec::Rounding::decayed}};
constexpr Word<QuantSpec::Parts> parts_words[] = {{"joint", QuantSpec::Parts::joint},
                                                  {"separate", QuantSpec::Parts::separate}};

int parse_bits(const std::string& word, std::string_view origin) {
  if (word == "none") return 0;
  int bits = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), bits);
  require<UsageError>(error == std::errc{} && end == word.data() + word.size() && bits >= 1 && bits <= 16, where,
                      "{}: expected 1 to 16 bits or none, got \"{}\"", origin, word);
  return bits;
}

/// A number above 0 and up to `high`.
float parse_real(const std::string& value, std::string_view key, float high, std::string_view origin) {
  float number = -1.0F;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  require<UsageError>(error == std::errc{} && end == value.data() + value.size() && number > 0.0F && number <= high,
                      where, "{0}: {1}: expected a number above 0 and up to {3}, got \"{2}\"", origin, key, value,
                      high);
  return number;
}

std::int32_t parse_group(const std::string& value, std::string_view origin) {
  std::int32_t columns = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), columns);
  require<UsageError>(error == std::errc{} && end == value.data() + value.size() && columns >= 1 && columns <= 65536,
                      where, "{}: group: expected 1 to 65536 columns, got \"{}\"", origin, value);
  return columns;
}

void set_option(QuantSpec& spec, const std::string& key, const std::string& value, const std::string& origin,
                const std::string& option) {
  if (key == "range") {
    spec.range = choose(value, key, origin, ranges);
  } else if (key == "granularity") {
    spec.granularity = choose(value, key, origin, granularities);
  } else if (key == "edge") {
    spec.edge = choose(value, key, origin, edges);
  } else if (key == "rate") {
    spec.rate = parse_real(value, key, 1.0F, origin);
  } else if (key == "sign") {
    spec.symmetry = choose(value, key, origin, symmetries);
  } else if (key == "scale") {
    spec.scale_kind = choose(value, key, origin, scales);
  } else if (key == "alpha") {
    spec.alpha = parse_real(value, key, 100.0F, origin);
  } else if (key == "value") {
    spec.value = parse_real(value, key, 1e18F, origin);
  } else if (key == "rounding") {
    spec.rounding = choose(value, key, origin, roundings);
  } else if (key == "parts") {
    spec.parts = choose(value, key, origin, parts_words);
  } else if (key == "group") {
    spec.group = parse_group(value, origin);
  } else {
    require<UsageError>(
        set_pole_option(spec.pole, key, value, origin), where,
        "{}: \"{}\" is not an option of a rule; the options are range, granularity, edge, rate, sign, scale, alpha, "
        "value, rounding, parts, group, {}",
        origin, option, pole_options);
  }
}

/// Refuses options that would do nothing.
void check_given(const QuantSpec& spec, const std::vector<std::string>& given, const std::string& origin) {
  using Range = QuantSpec::Range;
  const auto check = [&](std::string_view key, bool fits, std::string_view needs) {
    check_effect(given, key, fits, needs, origin);
  };
  const bool fixed = spec.pole.is_fixed();
  for (const std::string_view key : {"edge", "scale", "sign"}) check(key, !fixed, "form=cartesian or form=disk");
  check("range", !fixed || spec.range == Range::absmax, "form=cartesian or form=disk");
  check("parts", spec.range == Range::absmax && spec.granularity != QuantSpec::Granularity::channel,
        "range=absmax and no granularity=channel");
  check("group",
        spec.granularity == QuantSpec::Granularity::channel && spec.bits >= 2 && spec.bits <= 8 &&
            (spec.range == Range::absmax || spec.range == Range::stored) &&
            spec.symmetry == QuantSpec::Symmetry::symmetric && spec.scale_kind == QuantSpec::Scale::free,
        "2 to 8 bits, granularity=channel, range=absmax or stored, sign=symmetric and scale=free");
  check("alpha", spec.range == Range::percentile, "range=percentile");
  check("value", spec.range == Range::fixed, "range=fixed");
  check("rate", spec.range == Range::ema || spec.range == Range::percentile || spec.range == Range::mse,
        "range=ema, percentile or mse");
  require<UsageError>(spec.range != Range::fixed || has(given, "value"), where,
                      "{}: range=fixed needs the range as value=", origin);
}

QuantRule parse_rule(const std::string& line, const std::string& origin) {
  std::istringstream words(line);
  words.exceptions(std::ios::badbit);  // else an allocation that fails looks like the end
  QuantRule rule;
  rule.origin = origin;
  std::string bits;
  require<UsageError>(static_cast<bool>(words >> rule.glob >> bits), where,
                      "{}: expected \"site bits [key=value ...]\", got \"{}\"", origin, line);
  rule.optional = rule.glob.front() == '?';
  if (rule.optional) rule.glob.erase(0, 1);
  const auto kind = kind_of(rule.glob);
  require<UsageError>(kind.has_value(), where,
                      "{}: the site \"{}\" must begin with weight:, bias:, act:, acc: or state:", origin, rule.glob);
  QuantSpec& spec = rule.spec;
  spec.bits = parse_bits(bits, origin);
  spec.range = is_constant(*kind) ? QuantSpec::Range::absmax : QuantSpec::Range::ema;
  if (kind == SiteKind::state) spec.rounding = QuantSpec::Rounding::feedback;
  std::vector<std::string> given;
  for (std::string option; words >> option;) {
    const auto equals = option.find('=');
    given.push_back(option.substr(0, equals));
    set_option(spec, given.back(), equals == std::string::npos ? "" : option.substr(equals + 1), origin, option);
  }
  complete(spec.pole, spec.bits, given, origin);
  check_given(spec, given, origin);
  return rule;
}

/// The first of the sites that are `special`, as a glob: that of the first layer with any number, "weight:*.ssm.A".
std::string glob_of(std::span<const Site> sites, bool Site::*special, std::string_view what) {
  const auto found = std::find_if(sites.begin(), sites.end(), [&](const Site& site) { return site.*special; });
  if (found == sites.end()) return fmt::format("{}, which this model does not have", what);
  const std::string& name = found->name;
  const std::size_t number = name.find_last_of("0123456789");
  return number == name.npos ? name : name.substr(0, name.find(':') + 1) + "*" + name.substr(number + 1);
}

/// What a rule asks of one of a model's sites that this site cannot do.
void check_fits(const QuantRule& rule, const Site& site, std::span<const Site> sites) {
  using Range = QuantSpec::Range;
  using Granularity = QuantSpec::Granularity;
  const QuantSpec& spec = rule.spec;
  if (!spec.active()) return;
  const auto check = [&](bool fits, std::string_view sentence) {
    require<UsageError>(fits, where, "{}: {} {}", rule.origin, site.name, sentence);
  };
  const bool constant = is_constant(site.kind);
  const bool state = site.kind == SiteKind::state;
  const bool per_part = spec.granularity == Granularity::step || spec.granularity == Granularity::sample;
  check(!constant || spec.range != Range::ema, "is a constant, which sets its own range; range=ema is for activations");
  check(constant || spec.range != Range::stored, "is not a constant; range=stored is for weights and biases");
  check(!constant || !per_part, "is a constant and takes granularity=tensor or channel only");
  check(constant || !per_part || spec.is_dynamic(), "takes granularity=step or sample only with range=absmax");
  const bool group = spec.granularity == Granularity::group;
  check(!group || site.grouped,
        "has no groups of channels; granularity=group is for " + glob_of(sites, &Site::grouped, "channels in groups"));
  check(!group || spec.range == Range::ema || spec.range == Range::percentile || spec.range == Range::mse,
        "takes granularity=group only with range=ema, percentile or mse");
  check(!state || spec.bits >= 2, "needs at least 2 bits (a state must be able to be zero)");
  check(!state || spec.symmetry == QuantSpec::Symmetry::symmetric, "is a state and takes sign=symmetric only");
  check(!state || spec.range == Range::ema || spec.range == Range::fixed || spec.range == Range::absmax,
        "is quantized inside the recurrence and takes range=ema, fixed or (with scan=tree) absmax only");
  check(state || spec.rounding == QuantSpec::Rounding::nearest, "is not a state; rounding is for state: rows");
  check(spec.symmetry == QuantSpec::Symmetry::symmetric || spec.edge == QuantSpec::Edge::center,
        "is asymmetric and takes edge=center only");
  check(spec.symmetry == QuantSpec::Symmetry::symmetric ||
            (spec.range == Range::absmax || spec.range == Range::ema || spec.range == Range::fixed),
        "is asymmetric and takes range=absmax, ema or fixed only");
  check(spec.parts == QuantSpec::Parts::joint ||
            (site.complex && spec.symmetry == QuantSpec::Symmetry::symmetric && (constant || per_part)),
        "cannot have parts=separate, which is for B, C and the operand of C, symmetric, an operand with "
        "granularity=step or sample");
  check(spec.group == 0 || (site.kind == SiteKind::weight && !site.poles),
        "has no rows of a matrix; group is for weights that have them");
  const bool cartesian = spec.pole.form == PoleSpec::Form::cartesian;
  check(site.poles || cartesian, "is not a state matrix; form is for " + glob_of(sites, &Site::poles, "eigenvalues"));
  check(cartesian || (spec.symmetry == QuantSpec::Symmetry::symmetric && spec.range != Range::learned &&
                      spec.range != Range::stored),
        "takes only sign=symmetric, and not range=learned or stored, in a form other than cartesian");
}

}  // namespace

std::string options_text(const QuantSpec& spec) {
  const QuantSpec plain;
  std::string text;
  const auto add = [&](bool differs, std::string_view key, const auto& value) {
    if (differs) text += fmt::format("{}{}={}", text.empty() ? "" : " ", key, value);
  };
  add(true, "range", word_of(spec.range, ranges));
  add(spec.range == QuantSpec::Range::percentile, "alpha", spec.alpha);
  add(spec.range == QuantSpec::Range::fixed, "value", spec.value);
  add(spec.granularity != plain.granularity, "granularity", word_of(spec.granularity, granularities));
  add(spec.edge != plain.edge, "edge", word_of(spec.edge, edges));
  add(spec.symmetry != plain.symmetry, "sign", word_of(spec.symmetry, symmetries));
  add(spec.scale_kind != plain.scale_kind, "scale", word_of(spec.scale_kind, scales));
  add(spec.range == QuantSpec::Range::ema && spec.rate != plain.rate, "rate", spec.rate);
  add(spec.rounding != plain.rounding, "rounding", word_of(spec.rounding, roundings));
  add(spec.parts != plain.parts, "parts", word_of(spec.parts, parts_words));
  add(spec.group != plain.group, "group", spec.group);
  const std::string pole = options_text(spec.pole);
  if (!pole.empty()) text += " " + pole;
  return text;
}

QuantConfig QuantConfig::parse(std::string_view text, std::string_view origin) {
  QuantConfig config;
  std::istringstream lines{std::string(text)};
  lines.exceptions(std::ios::badbit);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    line.resize(std::min(line.size(), line.find('#')));
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    config.rules_.push_back(parse_rule(line, fmt::format("{}:{}", origin, number)));
  }
  return config;
}

std::vector<QuantSpec> QuantConfig::resolve(std::span<const Site> sites) const {
  std::vector<QuantSpec> specs(sites.size());
  for (const QuantRule& rule : rules_) {
    bool used = false;
    for (std::size_t i = 0; i < sites.size(); ++i) {
      if (!glob_matches(rule.glob, sites[i].name)) continue;
      check_fits(rule, sites[i], sites);
      specs[i] = rule.spec.active() ? rule.spec : QuantSpec{};
      used = true;
    }
    if (!used && !rule.optional) {
      std::vector<std::string> names;
      for (const Site& site : sites) names.push_back(site.name);
      fail<UsageError>(where, "{}: \"{}\" matches no site of this model; the nearest one is {}", rule.origin, rule.glob,
                       nearest_match(rule.glob, names));
    }
  }
  return specs;
}

bool glob_matches(std::string_view glob, std::string_view text) {
  std::size_t g = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = t;
    } else if (g < glob.size() && glob[g] == text[t]) {
      ++g;
      ++t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

}  // namespace bitstate
