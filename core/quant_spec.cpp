#include "core/quant_spec.h"

#include "core/error.h"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace bitstate {
namespace {

constexpr std::string_view where = "quant";

template <class Choice>
Choice choose(std::string_view value, std::string_view key, std::string_view origin,
              std::initializer_list<std::pair<std::string_view, Choice>> choices) {
  std::string allowed;
  for (const auto& [name, choice] : choices) {
    if (name == value) return choice;
    allowed += (allowed.empty() ? "" : ", ") + std::string(name);
  }
  fail<UsageError>(where, "{}: {} is \"{}\", allowed are {}", origin, key, value, allowed);
}

int parse_bits(const std::string& word, std::string_view origin) {
  if (word == "none") return 0;
  int bits = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), bits);
  require<UsageError>(error == std::errc{} && end == word.data() + word.size() && bits >= 1 && bits <= 16, where,
                      "{}: bits are \"{}\", allowed are 1 to 16 or none", origin, word);
  return bits;
}

float parse_rate(const std::string& value, std::string_view origin) {
  std::size_t used = 0;
  float rate = -1.0F;
  try {
    rate = std::stof(value, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  require<UsageError>(used == value.size() && rate > 0.0F && rate <= 1.0F, where,
                      "{}: rate is \"{}\", allowed are numbers above 0 and up to 1", origin, value);
  return rate;
}

bool is_weight(std::string_view site) { return site.starts_with("weight:"); }

QuantRule parse_rule(const std::string& line, const std::string& origin) {
  std::istringstream words(line);
  QuantRule rule;
  rule.origin = origin;
  std::string bits;
  require<UsageError>(static_cast<bool>(words >> rule.glob >> bits), where,
                      "{}: \"{}\" is not of the form: site bits [key=value ...]", origin, line);
  const bool weight = is_weight(rule.glob);
  require<UsageError>(weight || rule.glob.starts_with("act:") || rule.glob.starts_with("state:"), where,
                      "{}: the site \"{}\" must begin with weight:, act: or state:", origin, rule.glob);
  rule.spec.bits = parse_bits(bits, origin);
  rule.spec.range = weight ? QuantSpec::Range::absmax : QuantSpec::Range::ema;
  for (std::string option; words >> option;) {
    const auto equals = option.find('=');
    const std::string key = option.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : option.substr(equals + 1);
    if (key == "range") {
      rule.spec.range = choose<QuantSpec::Range>(
          value, key, origin, {{"absmax", QuantSpec::Range::absmax}, {"ema", QuantSpec::Range::ema}});
    } else if (key == "granularity") {
      rule.spec.granularity = choose<QuantSpec::Granularity>(
          value, key, origin,
          {{"tensor", QuantSpec::Granularity::tensor}, {"channel", QuantSpec::Granularity::channel}});
    } else if (key == "edge") {
      rule.spec.edge = choose<QuantSpec::Edge>(value, key, origin,
                                               {{"center", QuantSpec::Edge::center}, {"half", QuantSpec::Edge::half}});
    } else if (key == "rate") {
      rule.spec.rate = parse_rate(value, origin);
    } else {
      fail<UsageError>(where, "{}: unknown option \"{}\", allowed are range, granularity, edge, rate", origin, option);
    }
  }
  return rule;
}

void check_fits(const QuantRule& rule, const std::string& site) {
  const QuantSpec& spec = rule.spec;
  if (!spec.active()) return;
  require<UsageError>(!is_weight(site) || spec.range == QuantSpec::Range::absmax, where,
                      "{}: {} is a weight and takes range=absmax only", rule.origin, site);
  require<UsageError>(!site.starts_with("state:") || spec.range == QuantSpec::Range::ema, where,
                      "{}: {} is quantized inside the recurrence and takes range=ema only", rule.origin, site);
  require<UsageError>(!site.starts_with("state:") || spec.bits >= 2, where,
                      "{}: {} needs at least 2 bits (a state must be able to be zero)", rule.origin, site);
}

}  // namespace

float QuantSpec::scale(float r) const {
  if (bits == 1) return std::max(r / 2.0F, 0x1.0p-40F);
  const auto steps = static_cast<float>(bound());
  const float s = r / (edge == Edge::half ? steps + 0.5F : steps);
  return s >= 0x1.0p-60F ? s : 1.0F;  // products of two scales stay normal numbers
}

QuantConfig QuantConfig::parse(std::string_view text, std::string_view origin) {
  QuantConfig config;
  std::istringstream lines{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    line.resize(std::min(line.size(), line.find('#')));
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    config.rules_.push_back(parse_rule(line, fmt::format("{}:{}", origin, number)));
  }
  return config;
}

std::vector<QuantSpec> QuantConfig::resolve(std::span<const std::string> sites) const {
  std::vector<QuantSpec> specs(sites.size());
  for (const QuantRule& rule : rules_) {
    bool used = false;
    for (std::size_t i = 0; i < sites.size(); ++i) {
      if (!glob_matches(rule.glob, sites[i])) continue;
      check_fits(rule, sites[i]);
      specs[i] = rule.spec.active() ? rule.spec : QuantSpec{};
      used = true;
    }
    if (!used) {
      std::string known;
      for (const auto& site : sites) known += (known.empty() ? "" : ", ") + site;
      fail<UsageError>(where, "{}: \"{}\" matches no site of this model; its sites are {}", rule.origin, rule.glob,
                       known);
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
