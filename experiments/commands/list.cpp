#include "experiments/commands/list.h"

#include "core/error.h"
#include "core/suggest.h"
#include "core/text.h"
#include "experiments/settings/embedded.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace bitstate::experiments {
namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kinds{{
    {"recipes", "a model, its data and its training: bitstate train NAME"},
    {"configs", "bits and ranges of all sites: --quant=NAME"},
    {"datasets", "what a recipe may learn: dataset = NAME"},
    {"sweeps", "several runs and their table: bitstate sweep NAME"},
    {"presets", "settings and rules of other code: --preset=NAME"},
}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 20> data_sets{{
    {"smnist", "MNIST read pixel by pixel: one of 10 digits"},
    {"psmnist", "MNIST read in a permuted order of its pixels: one of 10 digits"},
    {"listops", "ListOps of the Long Range Arena: the value of an expression, 0 to 9; can be generated"},
    {"imdb", "IMDB reviews read character by character: praise or not"},
    {"aan", "retrieval of the Long Range Arena: whether two documents belong together; can be generated"},
    {"lra-cifar", "CIFAR-10 in grey read pixel by pixel: one of 10 classes"},
    {"cifar", "CIFAR-10 in colour read pixel by pixel: one of 10 classes"},
    {"pathfinder", "Pathfinder, 32 x 32 pixels: whether one line joins two points; can be generated"},
    {"pathx", "Path-X, 128 x 128 pixels: whether one line joins two points; can be generated"},
    {"speech35", "Speech Commands at 16 kHz: one of 35 words"},
    {"speech35-8k", "Speech Commands at 8 kHz: one of 35 words"},
    {"lorenz", "the Lorenz system, generated: its next 512 steps"},
    {"mackey-glass", "the Mackey-Glass equation, generated: its next 512 steps"},
    {"silverbox", "Silverbox, a measured circuit: its output, tested on multisines"},
    {"silverbox-arrow", "Silverbox: its output, tested on amplitudes beyond those of the training"},
    {"cascaded-tanks", "two cascaded tanks, measured: the level of the lower one"},
    {"induction", "induction heads, generated: the token that followed a special one"},
    {"copying", "selective copying, generated: tokens among noise, in their order"},
    {"imdb-bytes", "IMDB reviews read byte by byte: the next byte"},
    {"own", "your own .csv, .h5, .npy or .txt files (docs/own-data.md)"},
}};

std::string columns(const Lines& lines) {
  std::size_t width = 0;
  for (const auto& [name, what] : lines) width = std::max(width, name.size());
  std::string text;
  for (const auto& [name, what] : lines) text += fmt::format("{:<{}}  {}\n", name, width, what);
  return text;
}

Lines embedded_lines(std::string_view kind) {
  Lines lines;
  for (const std::string& name : embedded_names(kind)) {
    const std::string extension = kind == "configs" ? "quant" : "ini";
    lines.emplace_back(name, description_of(*embedded_file(fmt::format("{}/{}.{}", kind, name, extension))));
  }
  return lines;
}

}  // namespace

std::vector<std::string> list_kinds() {
  std::vector<std::string> names;
  for (const auto& [kind, what] : kinds) names.emplace_back(kind);
  return names;
}

std::string description_of(std::string_view text) {
  if (text.empty() || text.front() != '#') return {};
  return std::string(trimmed(text.substr(1, text.find('\n') - 1)));
}

std::string list_text(std::string_view kind) {
  if (kind.empty()) return columns(Lines(kinds.begin(), kinds.end()));
  const auto known = list_kinds();
  if (std::find(known.begin(), known.end(), kind) == known.end()) {
    fail<UsageError>("list", "there is no kind \"{}\"{}", kind, suggestion(kind, known));
  }
  if (kind != "datasets") return columns(embedded_lines(kind));
  return columns(Lines(data_sets.begin(), data_sets.end()));
}

}  // namespace bitstate::experiments
