#include "core/pole_spec.h"

#include "core/rule_words.h"

#include <charconv>

namespace bitstate {
namespace {

using rule_words::where;
using rule_words::Word;

constexpr Word<PoleSpec::Form> forms[] = {{"cartesian", PoleSpec::Form::cartesian},
                                          {"disk", PoleSpec::Form::disk},
                                          {"polar", PoleSpec::Form::polar},
                                          {"log-polar", PoleSpec::Form::log_polar},
                                          {"delta", PoleSpec::Form::delta}};
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

/// Bits of the modulus, unless they are given. Angles need the bits: a decay rate may be wrong by a tenth where an
/// angle may not by a hundredth (docs/numerics.md, section 6).
int default_magnitude(PoleSpec::Form form, int bits) {
  const int most = form == PoleSpec::Form::polar ? bits : bits < 7 ? 3 : 4;
  return std::max(1, std::min(bits - 1, most));
}

/// Bits of modulus and phase: what is given, the rest of 2 * bits, or the default split.
void split_bits(PoleSpec& spec, int bits, std::string_view origin) {
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
  for (const std::string_view key : {"magnitude", "phase", "spacing", "width", "grid_shift"}) {
    rule_words::check_effect(given, key, spec.is_lookup(), "form=polar or form=log-polar", origin);
  }
  if (spec.form == PoleSpec::Form::polar && !rule_words::has(given, "spacing")) {
    spec.spacing = PoleSpec::Spacing::linear;
  }
  require<UsageError>(spec.form != PoleSpec::Form::delta || bits != 1, where,
                      "{}: form=delta needs at least 2 bits, one of them for the sign, got 1", origin);
  split_bits(spec, bits, origin);
}

std::string options_text(const PoleSpec& spec) {
  if (spec.form == PoleSpec::Form::cartesian) return {};
  const std::string text = fmt::format("form={}", name_of(spec.form));
  if (!spec.is_lookup()) return text;
  const std::string shift = spec.grid_shift == 0.0 ? "" : fmt::format(" grid_shift={}", spec.grid_shift);
  return fmt::format("{} magnitude={} phase={} spacing={} width={}{}", text, spec.magnitude, spec.phase,
                     rule_words::word_of(spec.spacing, spacings), spec.width, shift);
}

}  // namespace bitstate
