#include "experiments/commands/command_table.h"

#include "core/suggest.h"
#include "datasets/registry.h"
#include "experiments/commands/allocation_commands.h"
#include "experiments/commands/list.h"
#include "experiments/data/make_data.h"
#include "experiments/posttraining/transform.h"
#include "experiments/settings/embedded.h"
#include "experiments/settings/options.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

namespace bitstate::experiments {
namespace {

using Options = std::vector<OptionInfo>;

Options only(const Options& options, std::initializer_list<std::string_view> names) {
  Options chosen;
  std::copy_if(options.begin(), options.end(), std::back_inserter(chosen),
               [&](const OptionInfo& option) { return is_one_of(option.name, names); });
  return chosen;
}

Options without(Options options, std::initializer_list<std::string_view> names) {
  std::erase_if(options, [&](const OptionInfo& option) { return is_one_of(option.name, names); });
  return options;
}

Options joined(Options options, const Options& more) {
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

Options ptq_options(const Options& all) {
  Options options = only(all, {"quant", "bits", "weight_range", "bsz", "limit_train", "limit_test", "seed", "lanes",
                               "data", "train", "val", "test", "out", "threads", "resume", "json"});
  for (const OptionInfo& option : all) {
    const bool listed = find_option(options, option.name) != nullptr;
    if ((option.gives_bits || option.changes_trained) && !listed) options.push_back(option);
  }
  options.push_back({.name = "batches",
                     .help = "training batches that set the ranges; 0 where none is kept",
                     .unit = "BATCHES",
                     .group = "quantization",
                     .value = "8"});
  return options;
}

/// Those of ptq, and of the transform.
Options evolve_options(const Options& all) {
  Options options = ptq_options(all);
  for (OptionInfo option : transform_named("evolve").options) {
    option.group = "search";
    options.push_back(std::move(option));
  }
  return options;
}

Options eval_options(Options options) {
  constexpr std::array<std::string_view, 4> as_everywhere{"data", "test", "threads", "json"};
  std::erase_if(options, [&](const OptionInfo& option) {
    return !option.of_evaluation && !is_one_of(option.name, as_everywhere);
  });
  return options;
}

/// What a model, its data and its training are; bits come later.
Options import_options(const Options& all) {
  Options options = without(all, {"preset", "from", "from_lr_factor", "from_epochs_factor", "balance", "transforms",
                                  "hadamard", "calibration_batches", "threads", "memory", "checkpoint_seconds",
                                  "tensorboard", "give_up", "resume", "limit_train", "limit_test"});
  std::erase_if(options, [](const OptionInfo& option) { return option.gives_bits; });
  return options;
}

/// How tables are read.
Options table_options(const Options& all) {
  return only(all, {"separator", "decimal", "header", "skip", "missing", "time", "resample", "gap"});
}

Options data_options(const Options& all) {
  Options options = only(all, {"data", "threads"});
  options.push_back({.name = "mirror",
                     .help = "fetch: address of a folder that holds the files; else their publishers'",
                     .unit = "URL",
                     .group = "fetch"});
  options.push_back({.name = "out", .help = "make: folder of the generated data", .unit = "FOLDER", .group = "make"});
  options.push_back(
      {.name = "seed", .help = "make: seed of every random draw", .unit = "N", .group = "make", .value = "0"});
  options.push_back(
      {.name = "svg", .help = "show: write plots of the columns to this file", .unit = "FILE", .group = "show"});
  options = joined(std::move(options), make_options());
  for (OptionInfo option : all) {  // --data or those that `make` has, too, stand there already
    if (!is_one_of("own", option.subjects) || find_option(options, option.name) != nullptr) continue;
    option.help = "own: " + option.help;
    option.group = "check, show";
    options.push_back(std::move(option));
  }
  return options;
}

Options export_options(const Options& all) {
  return joined(
      only(all, {"data", "train", "val", "test", "threads", "json"}),
      {{.name = "out",
        .help = "what to write, for C a folder; else program.h5, model.onnx or c in RUN",
        .unit = "PATH"},
       {.name = "format",
        .help = "program: a file for bitstate run; c: C99 sources; onnx",
        .unit = "WORD",
        .value = "program",
        .words = {"program", "c", "onnx"}},
       {.name = "proof",
        .help = "auto: run what is written, with cc or onnxruntime where they are found; required: an error without",
        .unit = "WORD",
        .value = "auto",
        .words = {"auto", "required", "none"}},
       {.name = "name",
        .help = "c: begins the names of files, functions and (in capitals) macros",
        .unit = "NAME",
        .value = "model"},
       {.name = "layout",
        .help = "c: of the folder: the files alone, a CMake project, an Arduino library, or a Zephyr module",
        .unit = "WORD",
        .value = "plain",
        .words = {"plain", "cmake", "arduino", "zephyr"}},
       {.name = "adc_lsb",
        .help = "c: what one count of an ADC stands for, or one number per column: a,b",
        .unit = "NUMBERS"},
       {.name = "adc_offset", .help = "c: what the count 0 stands for, likewise", .unit = "NUMBERS", .value = "0"},
       {.name = "adc_bits", .help = "c: of the ADC; s16 for signed counts of 16 bits", .unit = "BITS", .value = "12"},
       {.name = "trainable",
        .help = "c: head: a device can go on training the classifier head, in integers; top1: and the top layer of S5",
        .unit = "WORD",
        .value = "none",
        .words = {"none", "head", "top1"}},
       {.name = "tune_rate", .help = "c: learning rate of --trainable", .unit = "NUMBER", .value = "0.01"},
       {.name = "layer_rate", .help = "c: that of the top layer", .unit = "NUMBER", .value = "0.3"},
       {.name = "tune_steps",
        .help = "c: of an example that the top layer learns; else those of the longest sequence",
        .unit = "STEPS"},
       {.name = "parity",
        .help = "test sequences on which it is compared with the run; else all",
        .unit = "SEQUENCES"}});
}

std::vector<Command> commands_on_runs(const Options& all) {
  const auto recipes = recipe_names();
  return {
      {"train",
       "RECIPE | --from=RUN",
       "train a model, from the start or from the weights of a run",
       {"bitstate train lorenz-small --out=runs/lorenz", "bitstate train --from=runs/lorenz --quant=w8a8 --epochs=2"},
       all,
       {recipes}},
      {"ptq",
       "RUN --quant=NAME|FILE",
       "quantize the best weights of a run without training",
       {"bitstate ptq runs/lorenz --quant=w8a8", "bitstate ptq runs/lorenz --bits='weight:* 4' --out=runs/four"},
       ptq_options(all)},
      {"evolve",
       "RUN --quant=NAME|FILE",
       "quantize a run, and search the ranges that lose least",
       {"bitstate evolve runs/lorenz --quant=w4a8", "bitstate evolve runs/smnist --quant=w4a8 --passes=4 --loss=kl"},
       evolve_options(all)},
      {"eval",
       "RUN",
       "evaluate the best weights of a run on the test part",
       {"bitstate eval runs/lorenz", "bitstate eval runs/lorenz --limit_test=100 --json"},
       eval_options(all)},
      {"import",
       "FILE --model=NAME",
       "make a run of weights that were trained elsewhere",
       {"bitstate import model.safetensors --model=mamba --out=runs/published",
        "bitstate import s5.npz --model=s5 --dataset=smnist --out=runs/s5"},
       import_options(all)},
      {"inspect",
       "RUN",
       "show bits, ranges, saturation and size of a trained model",
       {"bitstate inspect runs/lorenz", "bitstate inspect runs/lorenz --samples=8 --json",
        "bitstate inspect runs/lorenz --memory", "bitstate inspect runs/lorenz-w8a8 --device=cortex-m4,rv32im"},
       joined(only(all, {"data", "train", "val", "test", "json"}),
              {{.name = "samples", .help = "training sequences to evaluate", .unit = "SEQUENCES", .value = "64"},
               {.name = "memory", .help = "show what a training step keeps in memory instead", .is_switch = true},
               {.name = "device",
                .help = "estimate the instructions per step of its C instead, on some of cortex-m3, cortex-m4, "
                        "cortex-m7, cortex-m33, cortex-m55 and rv32im",
                .unit = "LIST"},
               {.name = "pj_per_cycle",
                .help = "with device: what a cycle of the chip takes, for an estimate of energy",
                .unit = "PICOJOULES"}})},
      {"export",
       "RUN",
       "write a run as an integer program, C or ONNX, and prove it",
       {"bitstate export runs/lorenz-w8a8", "bitstate export runs/lorenz-w8a8 --format=c --out=firmware"},
       export_options(all)},
      {"run",
       "PROGRAM --input=FILE",
       "run an exported integer program",
       {"bitstate run program.h5 --input=new.csv", "bitstate run program.h5 --input=new.h5 --out=outputs.csv",
        "sensor | bitstate run program.h5 --input=-"},
       joined(joined(only(all, {"threads"}), table_options(all)),
              {{.name = "out", .help = "table to write; else it is printed", .unit = "FILE"},
               {.name = "input",
                .help = "sequences: a table, .h5 or idx file; -: a table on standard input",
                .unit = "FILE"}})},
  };
}

constexpr std::string_view sweep_notes = R"(
keys of a sweep file (docs/sweeps.md):
  recipe = NAME|FILE                settings that all runs begin with; else those of the run set.from
  seeds = 1 2 3                     an axis: the seeds
  quant = NAME|FILE ...             an axis: configurations of bits
  axis.OPTION = VALUE ...           an axis: an option of train; bars separate values with blanks
  zip.OPTION = VALUE ...            all zip lists are one axis: first values, second values, ...
  row.LABEL = OPTION=VALUE | ...    all rows are one axis; LABEL is what tables call the row
  skip.NAME = OPTION=VALUE | ...    leaves out points where all holds; also row=LABEL, stage=NAME
  stage.NAME = OPTION=VALUE | ...   the first is the float run, which the others start from
  set.OPTION = VALUE                the same for all runs
  table.rows = KEY                  of the report's table and heat map, as report --rows takes it
  table.columns = KEY               likewise

a sweep file (quant is set by its rows):
  recipe = lorenz-small
  seeds = 1 2 3
  set.epochs = 20
  row.Float = quant=none
  row.W8A8 = quant=w8a8
  row.A of 4 bits = bits=weight:*.ssm.A 4 form=log-polar
  zip.d_model = 3 8
  zip.ssm_size_base = 8 16
  axis.p_dropout = 0 0.1
  skip.small with dropout = d_model=3 | p_dropout=0.1
  stage.float =
  stage.ptq = epochs=0
  stage.qaft = epochs=3 | from_lr_factor=0.1
  table.rows = configuration
  table.columns = stage
)";

std::vector<Command> commands_around_runs(const Options& all) {
  return {
      {"sweep",
       "NAME | FILE.ini",
       "train all runs of a sweep",
       {"bitstate sweep demo --jobs=2", "bitstate sweep my.ini --out=sweeps/mine --epochs=5"},
       joined(all,
              {{.name = "jobs",
                .help = "runs at once; each gets its share of the threads",
                .unit = "RUNS",
                .group = "run",
                .value = "1"},
               {.name = "extend",
                .help = "a run of more epochs goes on where one that is done and else the same ended",
                .is_switch = true,
                .group = "run"},
               {.name = "dry_run",
                .help = "train nothing: list the rows with the time and memory of their runs",
                .is_switch = true,
                .group = "run"},
               {.name = "engine",
                .help = "local: here; parallel: write tasks for GNU parallel; slurm: submit jobs",
                .unit = "ENGINE",
                .group = "run",
                .value = "local"},
               {.name = "time_limit",
                .help = "limit of a job of Slurm; a run goes on in another one",
                .unit = "LIMIT",
                .group = "run",
                .value = "24:00:00"},
               {.name = "run", .help = "do only this run, and what it starts from", .unit = "HASH", .group = "run"},
               {.name = "yes", .help = "more than 1000 runs are meant", .is_switch = true, .group = "run"}}),
       {embedded_names("sweeps")},
       true,
       std::string(sweep_notes)},
      {"report",
       "FOLDER...",
       "tabulate the runs of folders and of all folders below",
       {"bitstate report sweeps/demo", "bitstate report sweeps/parts --rows=part --columns=width",
        "bitstate report sweeps/a sweeps/b --out=both --json"},
       joined(only(all, {"json"}),
              {{.name = "out", .help = "folder of the report; else FOLDER, if there is one", .unit = "FOLDER"},
               {.name = "rows", .help = "with --columns: a table by two keys, this one downwards", .unit = "KEY"},
               {.name = "columns", .help = "stage, configuration, a setting, part or width of rules", .unit = "KEY"}})},
      {"data",
       "show|check|fetch|make NAME|FILE",
       "show a file; verify, download and generate data",
       {"bitstate data show series.csv --time=t --svg=series.svg", "bitstate data fetch smnist --data=data"},
       data_options(all),
       {{"check", "fetch", "make", "show"}, datasets::names()},
       true},
      {"sensitivity",
       "RUN",
       "measure what each part loses alone with few bits",
       {"bitstate sensitivity runs/lorenz", "bitstate sensitivity runs/lorenz --widths=8,4,2 --finetune=5"},
       sensitivity_options(all)},
      {"allocate",
       "RUN --budget=BYTES",
       "choose bits for each weight within a size or for a metric",
       {"bitstate allocate runs/lorenz --budget=400", "bitstate allocate runs/smnist --quant=w8a8 --accuracy=0.97",
        "bitstate allocate runs/mamba --preset=quamba2-w4ax --share=0.25"},
       allocate_options(all)},
      {"bench",
       "[RECIPE | PROGRAM]",
       "measure the training step, or an exported program",
       {"bitstate bench smnist", "bitstate bench program.h5 --json"},
       without(all, {"from",
                     "from_lr_factor",
                     "from_epochs_factor",
                     "balance",
                     "transforms",
                     "limit_test",
                     "input",
                     "target",
                     "window",
                     "stride",
                     "horizon",
                     "task",
                     "vocabulary",
                     "document_end",
                     "stream",
                     "separator",
                     "decimal",
                     "header",
                     "skip",
                     "missing",
                     "time",
                     "resample",
                     "gap",
                     "rows",
                     "folds",
                     "fold",
                     "x",
                     "y",
                     "train",
                     "val",
                     "test",
                     "data",
                     "out",
                     "checkpoint_seconds",
                     "tensorboard",
                     "give_up",
                     "resume"}),
       {recipe_names()}},
      {"signature",
       "",
       "print a hash of what the integer arithmetic computes",
       {"bitstate signature", "test $(bitstate signature) = $(./other/bitstate signature)"},
       {},
       {},
       false},
      {"list",
       "[KIND]",
       "list recipes, configurations, data sets or sweeps",
       {"bitstate list", "bitstate list recipes"},
       {},
       {list_kinds()},
       false},
      {"completion",
       "bash|zsh",
       "print a script for the completion of a shell",
       {"source <(bitstate completion bash)", "bitstate completion zsh > ~/.zfunc/_bitstate"},
       {},
       {{"bash", "zsh"}},
       false},
  };
}

}  // namespace

std::vector<Command> command_table(const Options& run) {
  std::vector<Command> table = commands_on_runs(run);
  for (Command& command : commands_around_runs(run)) table.push_back(std::move(command));
  std::vector<std::string> names;
  names.reserve(table.size());
  for (const Command& command : table) names.push_back(command.name);
  table.push_back({"help",
                   "[COMMAND [RECIPE]]",
                   "show this help, or that of a command",
                   {"bitstate help train", "bitstate help train smnist"},
                   {},
                   {names, recipe_names()},
                   false});
  return table;
}

}  // namespace bitstate::experiments
