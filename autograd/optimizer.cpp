#include "autograd/optimizer.h"

#include "core/error.h"
#include "core/quant_spec.h"

#include <algorithm>
#include <cmath>

namespace bitstate {
namespace {

Group group_of(std::string_view name, const OptimizerSettings& settings) {
  Group group = glob_matches("*.log_range", name) ? range_group : regular_group;
  for (const GroupRule& rule : settings.groups) {
    if (glob_matches(rule.glob, name)) group = rule.group;
  }
  return group;
}

// The arithmetic of one update that is the same for all elements of a parameter.
struct Update {
  float beta1, beta2, rest1, rest2;  // rest = 1 - beta, from double
  float correct1, correct2;          // 1 / (1 - beta^t)
  float eps, rate, decay;
  float scale;  // of the gradient
};

void update(const Update& a, std::size_t n, const float* g, float* m, float* v, float* p) {
  for (std::size_t i = 0; i < n; ++i) {
    const float slope = a.scale * g[i];
    m[i] = a.beta1 * m[i] + a.rest1 * slope;
    v[i] = a.beta2 * v[i] + a.rest2 * (slope * slope);
    const float direction = (m[i] * a.correct1) / (std::sqrt(v[i] * a.correct2) + a.eps);
    p[i] -= a.rate * (direction + a.decay * p[i]);
  }
}

void update_sgd(float momentum, const Update& a, std::size_t n, const float* g, float* m, float* p) {
  for (std::size_t i = 0; i < n; ++i) {
    m[i] = momentum * m[i] + a.scale * g[i];
    p[i] -= a.rate * m[i];
  }
}

}  // namespace

ParameterRule parameter_rule(const NamedParameter& parameter, const OptimizerSettings& settings) {
  ParameterRule rule;
  rule.name = parameter.name;
  rule.group = parameter.parameter->frozen ? frozen_group : group_of(parameter.name, settings);
  rule.decay = rule.group.decays && settings.method == Method::adamw ? settings.weight_decay : 0.0;
  rule.offset = parameter.parameter->offset;
  rule.size = parameter.parameter->value.size();
  return rule;
}

Optimizer::Optimizer(std::span<const NamedParameter> parameters, const OptimizerSettings& settings)
    : settings_(settings) {
  rules_.reserve(parameters.size());
  for (const auto& parameter : parameters) {
    rules_.push_back(parameter_rule(parameter, settings));
    const ParameterRule& rule = rules_.back();
    if (!parameter.parameter->frozen) size_ = std::max(size_, rule.offset + rule.size);
  }

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
  m.assign(size_, 0.0F);
  v.assign(size_, 0.0F);
}

float Optimizer::scale_of(std::span<const float> gradient) const {
  if (settings_.clip <= 0.0) return 1.0F;
  double squares = 0.0;
  for (const ParameterRule& rule : rules_) {
    if (rule.group.rate == Rate::zero) continue;
    for (const float g : gradient.subspan(rule.offset, rule.size)) squares += double{g} * double{g};
  }
  const double norm = std::sqrt(squares);
  return norm > settings_.clip ? static_cast<float>(settings_.clip / norm) : 1.0F;
}

void Optimizer::step(std::span<const NamedParameter> parameters, std::span<const float> gradient, double lr,
                     double second_lr) {
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
  a.scale = scale_of(gradient);
  for (std::size_t k = 0; k < rules_.size(); ++k) {
    const ParameterRule& rule = rules_[k];
    Tensor& value = parameters[k].parameter->value;
    require(value.size() == rule.size && parameters[k].name == rule.name, "optimizer",
            "parameter {} is {} of {} elements, but was {} of {}", k, parameters[k].name, value.size(), rule.name,
            rule.size);
    if (rule.group.rate == Rate::zero) continue;
    a.rate = static_cast<float>(rule.group.rate == Rate::second ? second_lr : lr);
    a.decay = static_cast<float>(rule.decay);
    const float* const g = gradient.data() + rule.offset;
    if (settings_.method == Method::sgd) {
      update_sgd(static_cast<float>(settings_.momentum), a, rule.size, g, m.data() + rule.offset, value.data.data());
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
    text += fmt::format("{:<{}}  {:>9}  {:<7}  {:<6}  {}\n", rule.name, width, rule.size, rule.group.name,
                        rule.group.rate_name, rule.decay);
  }
  return text;
}

}  // namespace bitstate
