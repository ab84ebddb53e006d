#include "core/pole_spec.h"

#include "core/rule_words.h"

#include <algorithm>
#include <charconv>

namespace bitstate {
namespace {

using rule_words::where;
using rule_words::Word;

constexpr Word<PoleSpec::Form> forms[] = {
    {"cartesian", PoleSpec::Form::cartesian}, {"disk", PoleSpec::Form::disk},   {"polar", PoleSpec::Form::polar},
    {"log-polar", PoleSpec::Form::log_polar}, {"delta", PoleSpec::Form::delta}, {"shear", PoleSpec::Form::shear}};
constexpr Word<PoleSpec::Spacing> spacings[] = {{"linear", PoleSpec::Spacing::linear}, {"log", PoleSpec::Spacing::log}};

int parse_whole(std::string_view word, std::string_view key, int low, int high, std::string_view origin) {
  int number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  require<UsageError>(error == std::errc{} && end == word.data() + word.size() && number >= low && number <= high,
                      where, "{0}: {1}: expected a whole number from {3} to {4}, got \"{2}\"", origin, key, word, low,
                      high);
  return number;
}

double parse_shift(std::string_view word, std::string_view origin) {
  double shift = 0.0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), shift);
  require<UsageError>(error == std::errc{} && end == word.data() + word.size() && shift >= -0.5 && shift <= 0.5, where,
                      "{}: grid_shift: expected a number from -0.5 to 0.5, got \"{}\"", origin, word);
  return shift;
}

/// Bits of the modulus, unless they are given. Few bits belong to the angle: a decay rate may be wrong by a tenth where
/// an angle may not by a hundredth. Of many, slow systems want some for the decay (docs/numerics.md, section 6).
int default_magnitude(PoleSpec::Form form, int bits) {
  return std::max(1, form == PoleSpec::Form::log_polar && bits > 4 ? bits - 2 : bits - 1);
}

/// The bits of a shear's decay. Without any, it is a power of two.
void check_decay(PoleSpec& spec, std::string_view origin) {
  require<UsageError>(spec.magnitude <= 15, where,
                      "{}: magnitude: expected 1 to 15 bits of the decay with form=shear, got {}", origin,
                      spec.magnitude);
  spec.magnitude = std::max(spec.magnitude, 1);
}

/// Bits of modulus and phase: what is given, the rest of 2 * bits, or the default split.
void split_bits(PoleSpec& spec, int bits, std::string_view origin) {
  if (spec.form == PoleSpec::Form::shear && bits != 0) return check_decay(spec, origin);
  if (!spec.is_lookup() || bits == 0) {
    spec.magnitude = spec.phase = 0;
    return;
  }
  const int total = 2 * bits;
  if (spec.magnitude == 0) spec.magnitude = spec.phase > 0 ? total - spec.phase : default_magnitude(spec.form, bits);
  if (spec.phase == 0) spec.phase = total - spec.magnitude;
  require<UsageError>(
      spec.magnitude >= 1 && spec.phase >= 1 && spec.magnitude + spec.phase == total, where,
      "{0}: expected a magnitude and a phase of at least 1 with the sum {4} ({3} bits per component), got {1} "
      "and {2}",
      origin, spec.magnitude, spec.phase, bits, total);
}

}  // namespace

std::string_view name_of(PoleSpec::Form form) { return rule_words::word_of(form, forms); }

int PoleSpec::stored_bits(int bits, bool conj_sym) const {
  if (form == Form::delta) return 2 * bits + 10;  // two shifts and a quarter turn
  if (form != Form::shear) return 2 * bits;
  return 9 + bits - (conj_sym ? 1 : 0) + (magnitude > 1 ? magnitude : 0);  // g, two shifts, n, m
}

int PoleSpec::multiplier_bits(int bits) const {
  if (form == Form::shear && magnitude > 1) return std::max(bits, magnitude + 1);  // with a sign
  return is_lookup() ? width : bits;
}

bool set_pole_option(PoleSpec& spec, std::string_view key, std::string_view value, std::string_view origin) {
  if (key == "form") {
    spec.form = rule_words::choose(value, key, origin, forms);
  } else if (key == "magnitude" || key == "phase") {
    (key == "phase" ? spec.phase : spec.magnitude) = parse_whole(value, key, 1, 31, origin);
  } else if (key == "spacing") {
    spec.spacing = rule_words::choose(value, key, origin, spacings);
  } else if (key == "width") {
    spec.width = parse_whole(value, key, 8, 16, origin);
  } else if (key == "grid_shift") {
    spec.grid_shift = parse_shift(value, origin);
  } else {
    return false;
  }
  return true;
}

void complete(PoleSpec& spec, int bits, const std::vector<std::string>& given, std::string_view origin) {
  const bool shear = spec.form == PoleSpec::Form::shear;
  rule_words::check_effect(given, "magnitude", spec.is_lookup() || shear, "form=polar, log-polar or shear", origin);
  for (const std::string_view key : {"phase", "spacing", "width", "grid_shift"}) {
    rule_words::check_effect(given, key, spec.is_lookup(), "form=polar or form=log-polar", origin);
  }
  if (spec.form == PoleSpec::Form::polar && !rule_words::has(given, "spacing")) {
    spec.spacing = PoleSpec::Spacing::linear;
  }
  require<UsageError>((spec.form != PoleSpec::Form::delta && !shear) || bits != 1, where,
                      "{}: form={} needs at least 2 bits, one of them for the sign, got 1", origin, name_of(spec.form));
  split_bits(spec, bits, origin);
}

std::string options_text(const PoleSpec& spec) {
  if (spec.form == PoleSpec::Form::cartesian) return {};
  const std::string text = fmt::format("form={}", name_of(spec.form));
  if (spec.form == PoleSpec::Form::shear && spec.magnitude > 1)
    return fmt::format("{} magnitude={}", text, spec.magnitude);
  if (!spec.is_lookup()) return text;
  const std::string shift = spec.grid_shift == 0.0 ? "" : fmt::format(" grid_shift={}", spec.grid_shift);
  return fmt::format("{} magnitude={} phase={} spacing={} width={}{}", text, spec.magnitude, spec.phase,
                     rule_words::word_of(spec.spacing, spacings), spec.width, shift);
}

}  // namespace bitstate
