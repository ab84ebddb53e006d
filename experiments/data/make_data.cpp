#include "experiments/data/make_data.h"

#include "core/error.h"
#include "core/parallel.h"
#include "core/suggest.h"
#include "datasets/generators/listops_generator.h"
#include "datasets/generators/pathfinder_generator.h"
#include "datasets/generators/retrieval_generator.h"
#include "datasets/registry.h"
#include "experiments/host/console.h"
#include "experiments/host/signals.h"
#include "experiments/settings/options.h"
#include "experiments/settings/run_config.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

/// What the command line says.
struct GenerationRequest {
  std::string name;
  fs::path out;
  std::size_t threads = 0;
  Settings options;  ///< all others

  /// Throws unless every option is one of `names`.
  void allow(const std::vector<std::string>& names) const {
    for (const auto& [option, value] : options) {
      require<UsageError>(std::find(names.begin(), names.end(), option) != names.end(), option,
                          "does not apply to data make {}, whose options are out, threads, {}", name,
                          fmt::join(names, ", "));
    }
  }
  template <class Number>
  void set(std::string_view option, Number& number) const {
    for (const auto& [key, value] : options) {
      if (key != option) continue;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      require<UsageError>(error == std::errc() && end == value.data() + value.size(), option,
                          "expected a whole number, got \"{}\"", value);
    }
  }
};

/// A bar for a person; the total is known at the first call.
class Bar {
 public:
  explicit Bar(std::string note) : note_(std::move(note)) {}
  void operator()(std::size_t done, std::size_t total) {
    if (!bar_) bar_ = std::make_shared<ProgressBar>(total, done);
    bar_->show(done, note_);
  }

 private:
  std::string note_;
  std::shared_ptr<ProgressBar> bar_;
};

/// What a generator ends with when the user wants to stop.
struct Stopped {};

/// Shows progress, and stops where a signal asks for it: for generators that must tidy up.
datasets::Progress stoppable(std::string note) {
  return [bar = Bar(std::move(note))](std::size_t done, std::size_t total) mutable {
    if (done < total && StopSignals::requested()) throw Stopped();
    bar(done, total);
  };
}

void make_listops(const GenerationRequest& request) {
  request.allow({"seed", "train", "val", "test", "min_length", "max_length", "max_depth", "max_args"});
  datasets::ListopsOptions options;
  request.set("seed", options.seed);
  request.set("train", options.train);
  request.set("val", options.validation);
  request.set("test", options.test);
  request.set("min_length", options.min_length);
  request.set("max_length", options.max_length);
  request.set("max_depth", options.max_depth);
  request.set("max_args", options.max_args);
  Workers workers(request.threads);
  const StopSignals signals;
  const auto summary = datasets::make_listops(options, request.out, workers, stoppable("expressions"));
  if (!summary.made) return;
  fmt::print("{} of {} candidates were accepted ({:.2f} %), mean length {:.1f}; labels 0 to 9:", summary.accepted,
             summary.candidates,
             100.0 * static_cast<double>(summary.accepted) / static_cast<double>(summary.candidates),
             summary.mean_length);
  for (const std::size_t count : summary.labels) {
    fmt::print(" {:.3f}", static_cast<double>(count) / static_cast<double>(summary.accepted));
  }
  fmt::print("\n");
}

void make_pathfinder(const GenerationRequest& request) {
  request.allow({"seed", "size", "images", "contour_length"});
  datasets::PathfinderOptions options;
  request.set("seed", options.seed);
  request.set("size", options.size);
  request.set("images", options.images);
  request.set("contour_length", options.contour_length);
  Workers workers(request.threads);
  datasets::make_pathfinder(options, request.out, workers, Bar("images"));
}

void make_retrieval(const GenerationRequest& request) {
  request.allow({"seed", "train", "val", "test", "min_length", "max_length", "classes"});
  datasets::RetrievalOptions options;
  request.set("seed", options.seed);
  request.set("train", options.train);
  request.set("val", options.validation);
  request.set("test", options.test);
  request.set("min_length", options.min_length);
  request.set("max_length", options.max_length);
  request.set("classes", options.classes);
  Workers workers(request.threads);
  const StopSignals signals;
  datasets::make_retrieval(options, request.out, workers, stoppable("pairs"));
}

const std::map<std::string, void (*)(const GenerationRequest&)> makers = {
    {"listops", make_listops}, {"pathfinder", make_pathfinder}, {"retrieval", make_retrieval}};

}  // namespace

std::vector<OptionInfo> make_options() {
  const auto make = [](const char* name, const char* unit, const char* help) {
    return OptionInfo{.name = name, .help = help, .unit = unit, .group = "make"};
  };
  return {make("train", "EXAMPLES|PATH", "listops, retrieval: for training; own: that part"),
          make("val", "EXAMPLES|PATH", "listops, retrieval: for validation; own: that part"),
          make("test", "EXAMPLES|PATH", "listops, retrieval: for the test; own: that part"),
          make("min_length", "SYMBOLS", "listops, retrieval: shortest expression or document"),
          make("max_length", "SYMBOLS", "listops, retrieval: longest expression or document"),
          make("max_depth", "LEVELS", "listops: of an expression"),
          make("max_args", "N", "listops: arguments of an operator"),
          make("classes", "N", "retrieval: authors"),
          make("size", "PIXELS", "pathfinder: in each direction, 32, 64, 128 (Path-X) or 256"),
          make("images", "IMAGES", "pathfinder: how many"),
          make("contour_length", "PADDLES", "pathfinder: of a long snake, 3 to 14; also for check")};
}

int make_data(const CommandLine& line) {
  std::vector<std::string> names;
  names.reserve(makers.size());
  for (const auto& [name, maker] : makers) names.push_back(name);
  const std::string name = line.positionals.size() == 2 ? line.positionals[1] : std::string();
  const auto maker = makers.find(name);
  require<UsageError>(!datasets::is_generated(name), "data make",
                      "{} needs no files: train generates and keeps it by itself", name);
  require<UsageError>(maker != makers.end(), "data make", "\"{}\" cannot be generated; {} can{}", name,
                      fmt::join(names, ", "), name.empty() ? std::string() : suggestion(name, names));
  GenerationRequest request{name, {}, 0, {}};
  RunConfig config;
  for (const auto& [option, value] : line.options) {
    if (option == "out" || option == "threads") {
      set_option(config, option, value);
    } else {
      request.options.emplace_back(option, value);
    }
  }
  require<UsageError>(!config.run.out.empty(), "data make", "needs --out=DIR, the folder for the files");
  request.out = config.run.out;
  request.threads = config.run.threads;
  std::error_code error;
  fs::create_directories(request.out, error);
  require(!error, request.out.string(), "the folder cannot be created: {}", error.message());
  try {
    maker->second(request);
  } catch (const Stopped&) {
    fmt::print("stopped: the files of {} appear when all are complete; the same command starts over\n", name);
    return exit_interrupted;
  }
  fmt::print("{} is in {}\n", name, request.out.string());
  return 0;
}

}  // namespace bitstate::experiments
