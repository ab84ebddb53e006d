#include "experiments/settings/foreign_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace bitstate::experiments {
namespace {

/// Where `note` is empty, `options` says it all.
struct Foreign {
  std::string_view names;    ///< lower case, without dashes and underscores, with blanks around each
  std::string_view options;  ///< of bitstate
  std::string_view note;
};

constexpr std::array foreign_table = {
    Foreign{" lr learningrate baselr maxlr ", "--ssm_lr_base", "times --lr_factor for all that is not the SSM's"},
    Foreign{" lrssm ssmlr ", "--ssm_lr_base", ""},
    Foreign{" minlr etamin ", "--lr_min", ""},
    Foreign{" batchsize batch bs minibatch trainbatchsize perdevicetrainbatchsize ", "--bsz", ""},
    Foreign{
        " hidden hiddensize hiddendim hiddenunits dhidden dim width features nfeatures embeddim dembed nembd units ",
        "--d_model", ""},
    Foreign{" numlayers layers depth numhiddenlayers nblocks numblocks ", "--n_layers", ""},
    Foreign{" statedim statesize nstates states ssmsize nssm ", "--ssm_size_base", ""},
    Foreign{" dropout droprate dropoutrate drop pdrop ", "--p_dropout", ""},
    Foreign{" wd decay l2 l2reg ", "--weight_decay", ""},
    Foreign{" numepochs nepochs maxepochs numtrainepochs ", "--epochs", ""},
    Foreign{" steps maxsteps numsteps iterations iters niter totalsteps ", "--epochs",
            "(training is counted in epochs)"},
    Foreign{" numwarmupsteps ", "--warmup_steps", ""},
    Foreign{" warmup warmupepochs ", "--warmup_end", "(in epochs)"},
    Foreign{" optimizer optim opt ", "--opt_config", ""},
    Foreign{" scheduler lrscheduler lrschedule ", "--cosine_anneal", "(false for a constant rate)"},
    Foreign{" activation act nonlinearity ", "--activation_fn", ""},
    Foreign{" norm normalization batchnormalization layernorm ", "--batchnorm", "(false for layer normalization)"},
    Foreign{" pooling pool ", "--mode", ""},
    Foreign{" randomseed manualseed jaxseed rngseed ", "--seed", ""},
    Foreign{" workers numworkers nworkers numthreads nthreads cores cpus ", "--threads", ""},
    Foreign{" device devices gpu gpus ngpu ngpus cuda usecuda nocuda accelerator ", "",
            "bitstate runs on the CPU; --threads sets on how many threads"},
    Foreign{" outputdir outdir output savedir savepath logdir rundir workdir checkpointdir ", "--out", ""},
    Foreign{" datadir datapath dataroot datasetdir datasetpath root dirname ", "--data", ""},
    Foreign{" checkpoint ckpt checkpointpath ckptpath load loadfrom loadcheckpoint pretrained weights initfrom ",
            "--from=RUN", "to start from the weights of a run, or --resume to continue the run in --out"},
    Foreign{" resumefrom resumefromcheckpoint restore continue ", "--resume", "with the run's --out"},
    Foreign{" config configfile cfg recipe ", "", "the recipe is named without an option: bitstate train RECIPE"},
    Foreign{" modelname arch architecture ", "--model", "(s5, mamba or mamba2)"},
    Foreign{" wbits weightbits actbits nbits bitwidth numbits ", "--quant",
            "for a named configuration, or --bits for a rule"},
    Foreign{" precision dtype amp fp16 bf16 fp32 mixedprecision half ", "",
            "training computes in 32-bit floats; --quant sets the bits of the model"},
    Foreign{" valsize validationsplit valsplitratio valfraction testsize ", "--val_split", ""},
    Foreign{" seqlen sequencelength maxlen maxlength ", "",
            "the length is that of the data; --window cuts series into sequences"},
    Foreign{" gradclip clip clipgrad clipnorm maxgradnorm gradientclipval ", "--clip_grad_norm", ""},
    Foreign{" momentum beta1 betas eps ", "",
            "the optimizer's constants are fixed but for beta2; --opt_config chooses it"},
    Foreign{" patience earlystopping earlystop earlystoppatience ", "",
            "no run stops early; the weights of its best epoch are kept"},
    Foreign{" heads numheads nheads attentionheads ", "", "an SSM has no attention heads"},
    Foreign{" wandb usewandb wandbproject ", "--tensorboard", "(curves.csv always has the figures)"},
    Foreign{" sep delimiter delim ", "--separator", "(comma, semicolon, tab or blank)"},
    Foreign{" skiprows skiplines ", "--skip", ""},
    Foreign{" fillna navalues nan dropna ", "--missing", "(error, drop, hold or linear)"},
    Foreign{" timestamp timestamps datetime timecolumn timecol date ", "--time", "for the column of times"},
    Foreign{" verbose quiet debug loglevel ", "", "train.log in the folder of the run holds what is printed"},
};

}  // namespace

std::string here_called(std::string_view name) {
  std::string word = " ";
  for (const char c : name) {
    if (c != '-' && c != '_') word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  word += ' ';
  const auto row = std::find_if(foreign_table.begin(), foreign_table.end(),
                                [&](const Foreign& f) { return f.names.find(word) != f.names.npos; });
  if (row == foreign_table.end() || word.size() < 3) return {};
  if (row->options.empty()) return std::string(row->note);
  return fmt::format("here it is {}{}{}", row->options, row->note.empty() ? "" : " ", row->note);
}

}  // namespace bitstate::experiments
