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
                                          {"log-polar", PoleSpec::Form::log_polar}};
constexpr Word<PoleSpec::Spacing> spacings[] = {{"linear", PoleSpec::Spacing::linear}, {"log", PoleSpec::Spacing::log}};

int parse_whole(std::string_view word, std::string_view key, int low, int high, std::string_view origin) {
  int number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  require<UsageError>(error == std::errc{} && end == word.data() + word.size() && number >= low && number <= high,
                      where, "{0}: {1}: expected a whole number from {3} to {4}, got \"{2}\"", origin, key, word, low,
                      high);
  return number;
}

/// Bits of modulus and phase: what is given, the rest of 2 * bits, or the default split.
void split_bits(PoleSpec& spec, int bits, std::string_view origin) {
  if (!spec.is_lookup() || bits == 0) {
    spec.magnitude = spec.phase = 0;
    return;
  }
  const int total = 2 * bits;
  if (spec.magnitude == 0) spec.magnitude = spec.phase > 0 ? total - spec.phase : std::max(1, bits - 1);
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
  } else {
    return false;
  }
  return true;
}

void complete(PoleSpec& spec, int bits, const std::vector<std::string>& given, std::string_view origin) {
  for (const std::string_view key : {"magnitude", "phase", "spacing", "width"}) {
    rule_words::check_effect(given, key, spec.is_lookup(), "form=polar or form=log-polar", origin);
  }
  if (spec.form == PoleSpec::Form::polar && !rule_words::has(given, "spacing")) {
    spec.spacing = PoleSpec::Spacing::linear;
  }
  split_bits(spec, bits, origin);
}

std::string options_text(const PoleSpec& spec) {
  if (spec.form == PoleSpec::Form::cartesian) return {};
  const std::string text = fmt::format("form={}", name_of(spec.form));
  if (!spec.is_lookup()) return text;
  return fmt::format("{} magnitude={} phase={} spacing={} width={}", text, spec.magnitude, spec.phase,
                     rule_words::word_of(spec.spacing, spacings), spec.width);
}

}  // namespace bitstate
