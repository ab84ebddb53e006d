#include "autograd/optimizer.h"

#include "core/error.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

namespace bitstate {
namespace {

bool any_of(std::string_view leaf, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), leaf) != names.end();
}

std::string_view leaf_of(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

std::string_view group_of(std::string_view leaf, const OptimizerSettings& settings) {
  if (settings.freeze_a && any_of(leaf, {"Lambda_re", "Lambda_im", "Lambda_bar", "log_step"})) return "frozen";
  if (leaf == "log_step") return settings.dt_global ? "regular" : "ssm";
  if (any_of(leaf, {"Lambda_re", "Lambda_im", "Lambda_bar", "log_range"})) return "ssm";
  const bool b = any_of(leaf, {"B", "B_bar"});
  switch (settings.opt_config) {
    case OptConfig::standard:
    case OptConfig::qaft:
      return b ? "ssm" : "regular";
    case OptConfig::BandCdecay:
      return b ? "none" : "regular";
    case OptConfig::BfastandCdecay:
      return "regular";
    case OptConfig::noBCdecay:
      return b || any_of(leaf, {"C", "C1", "C2", "D"}) ? "ssm" : "regular";
  }
  fail("optimizer", "opt_config has no value {}", static_cast<int>(settings.opt_config));
}

// The arithmetic of one update that is the same for all elements of a parameter.
struct Update {
  float beta1, beta2, rest1, rest2;  // rest = 1 - beta, from double
  float correct1, correct2;          // 1 / (1 - beta^t)
  float eps, rate, decay;
};

void update(const Update& a, std::size_t n, const float* g, float* m, float* v, float* p) {
  for (std::size_t i = 0; i < n; ++i) {
    m[i] = a.beta1 * m[i] + a.rest1 * g[i];
    v[i] = a.beta2 * v[i] + a.rest2 * (g[i] * g[i]);
    const float direction = (m[i] * a.correct1) / (std::sqrt(v[i] * a.correct2) + a.eps);
    p[i] -= a.rate * (direction + a.decay * p[i]);
  }
}

void update_sgd(float momentum, float rate, std::size_t n, const float* g, float* m, float* p) {
  for (std::size_t i = 0; i < n; ++i) {
    m[i] = momentum * m[i] + g[i];
    p[i] -= rate * m[i];
  }
}

}  // namespace

OptConfig opt_config_of(std::string_view name) {
  if (name == "standard") return OptConfig::standard;
  if (name == "BandCdecay") return OptConfig::BandCdecay;
  if (name == "BfastandCdecay") return OptConfig::BfastandCdecay;
  if (name == "noBCdecay") return OptConfig::noBCdecay;
  if (name == "qaft") return OptConfig::qaft;
  fail<UsageError>("opt_config", "expected one of standard, BandCdecay, BfastandCdecay, noBCdecay, qaft, got \"{}\"",
                   name);
}

ParameterRule parameter_rule(const NamedParameter& parameter, const OptimizerSettings& settings) {
  ParameterRule rule;
  rule.name = parameter.name;
  rule.group = group_of(leaf_of(parameter.name), settings);
  rule.ssm_rate = rule.group == "ssm" || rule.group == "none";
  const bool decays = rule.group == "none" || rule.group == "regular";
  rule.decay = decays && settings.opt_config != OptConfig::qaft ? settings.weight_decay : 0.0;
  rule.offset = parameter.parameter->offset;
  rule.size = parameter.parameter->value.size();
  return rule;
}

Optimizer::Optimizer(std::span<const NamedParameter> parameters, const OptimizerSettings& settings)
    : settings_(settings) {
  rules_.reserve(parameters.size());
  for (const auto& parameter : parameters) rules_.push_back(parameter_rule(parameter, settings));

  std::vector<const ParameterRule*> by_place;
  for (const auto& rule : rules_) by_place.push_back(&rule);
  std::sort(by_place.begin(), by_place.end(),
            [](const auto* left, const auto* right) { return left->offset < right->offset; });
  std::size_t end = 0;
  for (const auto* rule : by_place) {
    require(rule->offset >= end, "optimizer",
            "{} begins at {} of the flat gradient, inside the parameter that ends at {}", rule->name, rule->offset,
            end);
    end = rule->offset + rule->size;
  }
  size_ = end;
  m.assign(size_, 0.0F);
  v.assign(size_, 0.0F);
}

void Optimizer::step(std::span<const NamedParameter> parameters, std::span<const float> gradient, double lr,
                     double ssm_lr) {
  require(parameters.size() == rules_.size(), "optimizer", "got {} parameters, but was made for {}", parameters.size(),
          rules_.size());
  require(gradient.size() >= size_ && m.size() == size_ && v.size() == size_, "optimizer",
          "the gradient has {} elements, but the state has {} and {}; the parameters have {}", gradient.size(),
          m.size(), v.size(), size_);
  ++steps;
  const auto t = static_cast<double>(steps);
  Update a{};
  a.beta1 = static_cast<float>(settings_.beta1);
  a.beta2 = static_cast<float>(settings_.beta2);
  a.rest1 = static_cast<float>(1.0 - settings_.beta1);
  a.rest2 = static_cast<float>(1.0 - settings_.beta2);
  a.correct1 = static_cast<float>(1.0 / (1.0 - std::pow(settings_.beta1, t)));
  a.correct2 = static_cast<float>(1.0 / (1.0 - std::pow(settings_.beta2, t)));
  a.eps = static_cast<float>(settings_.eps);
  for (std::size_t k = 0; k < rules_.size(); ++k) {
    const ParameterRule& rule = rules_[k];
    Tensor& value = parameters[k].parameter->value;
    require(value.size() == rule.size && parameters[k].name == rule.name, "optimizer",
            "parameter {} is {} of {} elements, but was {} of {}", k, parameters[k].name, value.size(), rule.name,
            rule.size);
    if (rule.group == "frozen") continue;
    a.rate = static_cast<float>(rule.ssm_rate ? ssm_lr : lr);
    a.decay = static_cast<float>(rule.decay);
    const float* const g = gradient.data() + rule.offset;
    if (settings_.opt_config == OptConfig::qaft) {
      update_sgd(static_cast<float>(settings_.momentum), a.rate, rule.size, g, m.data() + rule.offset,
                 value.data.data());
    } else {
      update(a, rule.size, g, m.data() + rule.offset, v.data() + rule.offset, value.data.data());
    }
  }
}

std::string Optimizer::table() const {
  std::size_t width = 9;
  for (const auto& rule : rules_) width = std::max(width, rule.name.size());
  std::string text =
      fmt::format("{:<{}}  {:>9}  {:<7}  {:<6}  {}\n", "parameter", width, "size", "group", "rate", "decay");
  for (const auto& rule : rules_) {
    text += fmt::format("{:<{}}  {:>9}  {:<7}  {:<6}  {}\n", rule.name, width, rule.size, rule.group,
                        rule.group == "frozen" ? "0" : (rule.ssm_rate ? "ssm_lr" : "lr"), rule.decay);
  }
  return text;
}

}  // namespace bitstate
