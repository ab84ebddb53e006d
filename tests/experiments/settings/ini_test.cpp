// Text that is saved comes back as it was: values of .ini files, and with them the settings of runs and sweeps.
#include "experiments/settings/ini.h"

#include "core/error.h"
#include "core/random.h"
#include "datasets/registry.h"
#include "experiments/run_folder/identity.h"
#include "experiments/run_folder/load.h"
#include "experiments/settings/options.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

namespace bitstate::experiments {
namespace {

/// Strings that are hard to save, and numbers to choose by.
class RandomText {
 public:
  explicit RandomText(std::uint64_t seed) : random_{seed, random_stream("ini")} {}

  std::size_t below(std::size_t n) { return random_.below(n, next_++); }

  std::string text() {
    static const std::vector<std::string> pieces{
        "#",  "\"",   "\\",           "=",    "[",    "]",    ";",    "|", ",",        " ",    "  ",   "\t", "\n",
        "\r", "\r\n", "\v",           "\f",   "a",    "B7",   "/",    "'", "\xC3\xA9", "none", "\x7F", "\1", "%s",
        "{}", "\\n",  "\xEF\xBB\xBF", "\xFF", "true", "-1e9", "act:*"};
    std::string text;
    for (std::size_t n = below(8); n > 0; --n) text += pieces[below(pieces.size())];
    return text;
  }

 private:
  Random random_;
  std::uint64_t next_ = 0;
};

TEST_CASE("ini: any values come back, whatever they hold, also in sections") {
  RandomText random(1);
  for (int round = 0; round < 5000; ++round) {
    Settings settings;
    for (std::size_t i = random.below(4); i > 0; --i) {
      settings.emplace_back((i % 2 == 0 ? "set.n" : "n") + std::to_string(i), random.text());
    }
    const std::string text = format_ini(settings);
    CAPTURE(text);
    REQUIRE(parse_ini(text, "x.ini") == settings);
    std::string crlf;  // as an editor of another system saves it
    for (const char c : text) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
    REQUIRE(parse_ini("\xEF\xBB\xBF" + crlf, "x.ini") == settings);
  }
}

TEST_CASE("ini: files that were written without quotes mean what they meant") {
  const auto value = [](const std::string& line) { return parse_ini(line, "x.ini").at(0).second; };
  CHECK(value("a = b c   # why") == "b c");
  CHECK(value("a = say \"no\" \\ 'so'") == "say \"no\" \\ 'so'");
  CHECK(value("a = C:\\data\\new") == "C:\\data\\new");
  CHECK(value("a = b = [c]; d|e, f") == "b = [c]; d|e, f");
  CHECK(value("a =") == "");
  CHECK(value("a = #\"b\"") == "");
  CHECK(parse_ini("a = 1\rb = 2\r\rc = 3", "x.ini") == Settings{{"a", "1"}, {"b", "2"}, {"c", "3"}});
}

TEST_CASE("ini: quotes keep a value whole, and what is wrong with them is said") {
  const auto value = [](const std::string& line) { return parse_ini(line, "x.ini").at(0).second; };
  CHECK(value("input = \"Sensor #1, left \"  # the \"first\"") == "Sensor #1, left ");
  CHECK(value(R"(a = "\"\\\n\r\t\"")") == "\"\\\n\r\t\"");
  CHECK(value("a = \"\"") == "");
  const auto refusal = [](const std::string& text) {
    return tests::error_of<UsageError>([&] { parse_ini(text, "x.ini"); });
  };
  CHECK(refusal("\na = \"b") == "[x.ini] line 2: the value begins with a quote, but no quote ends it: \"b");
  CHECK(refusal("a = \"b\\\"") == "[x.ini] line 1: the value begins with a quote, but no quote ends it: \"b\\\"");
  CHECK(refusal("a = \"b\" c") ==
        "[x.ini] line 1: c stands behind the closing quote of the value; put all of it in quotes");
  CHECK(refusal("a = \"\\x\"").find("line 1: \\x is unknown in quotes") != std::string::npos);
  CHECK(refusal(std::string("a = b\0c", 7)) == "[x.ini] holds a NUL, so it is no text");
}

TEST_CASE("ini: a name that is given twice is refused with both lines, but rules add up") {
  const auto refusal = [](const std::string& text) {
    return tests::error_of<UsageError>([&] { parse_ini(text, "x.ini"); });
  };
  CHECK(refusal("input = u\n# c\ninput = t\n") == "[x.ini] lines 1 and 3 both give input; remove one of them");
  CHECK(refusal("[axis]\na = 1\n[set]\na = 2\n").empty());
  CHECK(refusal("[axis]\na = 1\n[set]\n[axis]\na = 2\n") ==
        "[x.ini] lines 2 and 5 both give axis.a; remove one of them");
  CHECK(parse_ini("axis.input = \"Sensor #1\" u # \"c\"", "x.ini").at(0).second == "\"Sensor #1\" u");
  CHECK(parse_ini("bits = act:* 8\nbits = state:* 16\nset.bits = a 1\nset.bits = b 2\n", "x.ini").size() == 4);
}

/// A text that the option may take, or not.
std::string random_value(const OptionInfo& option, RandomText& random) {
  const std::vector<std::string> words = option.is_switch ? std::vector<std::string>{"true", "false"} : option.words;
  switch (random.below(words.empty() ? 4 : 5)) {
    case 0:
      return random.text();
    case 1:
      return std::to_string(random.below(2000));
    case 2:
      return std::to_string(1 + random.below(16));
    case 3:
      return std::to_string(static_cast<double>(random.below(1000)) * 1e-3);
    default:
      return words[random.below(words.size())];
  }
}

/// A run on this data set with random values of all options that it has, as far as each takes them.
RunConfig random_config(const std::string& dataset, RandomText& random) {
  RunConfig config;
  config.dataset = dataset;
  for (const Option& option : option_table()) {
    if (!is_chosen(option, config) || option.name == "dataset") continue;
    for (int tries = 0; tries < 6; ++tries) {
      const std::string text = random_value(option, random);
      try {
        option.set(config, option.verbatim ? std::string_view(text) : trimmed(text));
      } catch (const UsageError&) {  // not a value of this option
      }
    }
  }
  return config;
}

TEST_CASE("settings: those of any run come back from settings.ini, and a checkpoint knows its own run") {
  const tests::TempFolder folder;
  RandomText random(2);
  const auto datasets = datasets::names();
  std::set<std::string> at_default;
  for (const Option& option : option_table()) at_default.insert(option.name);
  for (std::size_t round = 0; round < 5 * datasets.size(); ++round) {
    const RunConfig config = random_config(datasets[round % datasets.size()], random);
    for (const Option& option : option_table()) {
      if (option.text(config) != option.text(RunConfig())) at_default.erase(option.name);
    }
    const Settings given = settings(config);
    const std::string text = format_ini(given);
    CAPTURE(text);
    RunConfig again;
    for (const auto& [name, value] : parse_ini(text, "settings.ini")) set_option(again, name, value);
    REQUIRE(settings(again) == given);
    REQUIRE(settings_hash(again) == settings_hash(config));
    REQUIRE(completed(parse_ini(text, "settings.ini"), "settings.ini") == given);
    if (round % 10 > 0) continue;  // files are slow
    const RunIdentity run = identity_of(config);
    save_checkpoint(folder / "c.h5", run, {}, {}, nullptr);
    CHECK_NOTHROW(check_identity(folder / "c.h5", run));
    RunIdentity other = run;
    Settings changed = parse_ini(run.settings, "settings");
    auto& [name, value] = changed[random.below(changed.size())];
    value = name == "from" && !value.empty() ? "" : value + "#";
    other.settings = format_ini(changed);
    CHECK_THROWS_AS(check_identity(folder / "c.h5", other), Error);
  }
  CHECK(at_default == std::set<std::string>{"give_up"});  // no random text is EPOCH:VALUE
}

TEST_CASE("settings: blanks at the ends of a value are no part of it, but of a path") {
  RunConfig config;
  set_option(config, "input", " u ");
  set_option(config, "epochs", " 7\t");
  set_option(config, "mode", "last ");
  set_option(config, "quant", " w8a8 ");
  set_option(config, "data", " my data ");
  CHECK(config.data.own.input == "u");
  CHECK(config.training.epochs == 7);
  CHECK(config.model.s5.mode == "last");
  CHECK(config.quantization.quant == "w8a8");
  CHECK(config.data.path == " my data ");
  const RunConfig preset = load_run_config("smnist-small", {{"preset", "qs5 "}});
  CHECK(settings(preset) == settings(load_run_config("smnist-small", {{"preset", "qs5"}})));
}

}  // namespace
}  // namespace bitstate::experiments
