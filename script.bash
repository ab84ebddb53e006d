# bash completion of bitstate; load it by: source <(bitstate completion bash)
_bitstate() {
  local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
  local name='' words='' paths='' options='' argument=1 i
  COMPREPLY=()
  local valued=' --C_init --a_bits --a_training --activation_fn --adc_bits --adc_lsb --adc_offset --b_bits --batches --bits --blocks --bn_momentum --bsz --c_bits --calibration_batches --checkpoint_seconds --classes --contour_length --d_bits --d_model --data --dataset --discretization --dt_max --dt_min --epochs --format --from --from_epochs_factor --from_lr_factor --horizon --images --input --jobs --lanes --limit_test --limit_train --lr_factor --lr_min --max_args --max_depth --max_length --memory --min_length --mirror --mode --n_layers --name --non_ssm_act_bits --non_ssm_bits --opt_config --out --p_dropout --parity --preset --proof --quant --samples --scan --seed --size --ssm_act_bits --ssm_lr_base --ssm_size_base --step_rescale --stride --target --task --tau --test --threads --train --trajectories --transforms --val --val_split --warmup_end --weight_decay --window '
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W 'train ptq eval inspect export run sweep report data bench signature list completion help --help --version' -- "$cur"))
    return 0
  fi
  case $command in
    train) options='--dataset= --preset= --n_layers= --d_model= --ssm_size_base= --blocks= --C_init= --discretization= --mode= --activation_fn= --conj_sym --clip_eigs --bidirectional --dt_min= --dt_max= --step_rescale= --prenorm --batchnorm --bn_momentum= --qgelu_approx --hard_sigmoid --use_layernorm_bias --scan= --quantize_gradients --pad --bsz= --epochs= --ssm_lr_base= --lr_factor= --dt_global --lr_min= --warmup_end= --cosine_anneal --p_dropout= --weight_decay= --opt_config= --a_training= --seed= --lanes= --from= --from_lr_factor= --from_epochs_factor= --balance --quant= --a_bits= --b_bits= --c_bits= --d_bits= --ssm_act_bits= --non_ssm_bits= --non_ssm_act_bits= --bits= --calibration_batches= --limit_train= --limit_test= --tau= --contour_length= --trajectories= --val_split= --input= --target= --window= --stride= --horizon= --task= --data= --out= --threads= --checkpoint_seconds= --resume --json --transforms= --memory= --help --version' ;;
    ptq) options='--bsz= --seed= --lanes= --quant= --bits= --limit_train= --limit_test= --data= --out= --threads= --resume --json --preset= --qgelu_approx --hard_sigmoid --scan= --balance --a_bits= --b_bits= --c_bits= --d_bits= --ssm_act_bits= --non_ssm_bits= --non_ssm_act_bits= --transforms= --batches= --help --version' ;;
    eval) options='--dataset= --step_rescale= --limit_test= --contour_length= --data= --threads= --json --help --version' ;;
    inspect) options='--data= --json --samples= --memory --help --version' ;;
    export) options='--data= --threads= --json --out= --format= --proof= --name= --adc_lsb= --adc_offset= --adc_bits= --parity= --help --version' ;;
    run) options='--threads= --out= --input= --help --version' ;;
    sweep) options='--dataset= --preset= --n_layers= --d_model= --ssm_size_base= --blocks= --C_init= --discretization= --mode= --activation_fn= --conj_sym --clip_eigs --bidirectional --dt_min= --dt_max= --step_rescale= --prenorm --batchnorm --bn_momentum= --qgelu_approx --hard_sigmoid --use_layernorm_bias --scan= --quantize_gradients --pad --bsz= --epochs= --ssm_lr_base= --lr_factor= --dt_global --lr_min= --warmup_end= --cosine_anneal --p_dropout= --weight_decay= --opt_config= --a_training= --seed= --lanes= --from= --from_lr_factor= --from_epochs_factor= --balance --quant= --a_bits= --b_bits= --c_bits= --d_bits= --ssm_act_bits= --non_ssm_bits= --non_ssm_act_bits= --bits= --calibration_batches= --limit_train= --limit_test= --tau= --contour_length= --trajectories= --val_split= --input= --target= --window= --stride= --horizon= --task= --data= --out= --threads= --checkpoint_seconds= --resume --json --transforms= --memory= --jobs= --help --version' ;;
    report) options='--json --out= --help --version' ;;
    data) options='--data= --threads= --mirror= --out= --seed= --train= --val= --test= --min_length= --max_length= --max_depth= --max_args= --classes= --size= --images= --contour_length= --input= --target= --task= --help --version' ;;
    bench) options='--dataset= --preset= --n_layers= --d_model= --ssm_size_base= --blocks= --C_init= --discretization= --mode= --activation_fn= --conj_sym --clip_eigs --bidirectional --dt_min= --dt_max= --step_rescale= --prenorm --batchnorm --bn_momentum= --qgelu_approx --hard_sigmoid --use_layernorm_bias --scan= --quantize_gradients --pad --bsz= --epochs= --ssm_lr_base= --lr_factor= --dt_global --lr_min= --warmup_end= --cosine_anneal --p_dropout= --weight_decay= --opt_config= --a_training= --seed= --lanes= --quant= --a_bits= --b_bits= --c_bits= --d_bits= --ssm_act_bits= --non_ssm_bits= --non_ssm_act_bits= --bits= --calibration_batches= --limit_train= --tau= --contour_length= --trajectories= --val_split= --threads= --json --memory= --help --version' ;;
    signature) options='--help --version' ;;
    list) options='--help --version' ;;
    completion) options='--help --version' ;;
    help) options='--help --version' ;;
  esac
  if [[ $cur == '=' ]]; then
    name=$before cur=''
  elif [[ $before == '=' ]]; then
    name=${COMP_WORDS[COMP_CWORD-2]}
  elif [[ $valued == *" $before "* ]]; then
    name=$before
  fi
  if [[ -n $name ]]; then
    _bitstate_values
  elif [[ $cur == -* ]]; then
    words=$options
  else
    for ((i = 2; i < COMP_CWORD; ++i)); do
      if [[ ${COMP_WORDS[i]} != -* ]]; then
        ((++argument))
      elif [[ ${COMP_WORDS[i+1]} == '=' ]]; then
        ((i += 2))
      elif [[ $valued == *" ${COMP_WORDS[i]} "* ]]; then
        ((++i))
      fi
    done
    _bitstate_arguments
  fi
  local IFS=$' \t\n'
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [[ -n $paths ]]; then
    IFS=$'\n'
    COMPREPLY+=($(compgen -f -- "$cur"))
    compopt -o filenames 2> /dev/null
  fi
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then compopt -o nospace 2> /dev/null; fi
  return 0
}
complete -F _bitstate bitstate
_bitstate_values() {
  case $name in
    --C_init) words='trunc_standard_normal lecun_normal complex_normal' ;;
    --a_training) words='continuous discrete frozen' ;;
    --activation_fn) words='full_glu half_glu1 half_glu2 gelu' ;;
    --data) paths=1 ;;
    --dataset) words='smnist psmnist listops imdb aan lra-cifar cifar pathfinder pathx speech35 speech35-8k lorenz mackey-glass silverbox silverbox-arrow cascaded-tanks own' ;;
    --discretization) words='zoh bilinear' ;;
    --format) words='program c onnx' ;;
    --from) paths=1 ;;
    --input) paths=1 ;;
    --memory) words='fast small' ;;
    --mode) words='pool last' ;;
    --opt_config) words='standard BandCdecay BfastandCdecay noBCdecay qaft' ;;
    --out) paths=1 ;;
    --preset) words='none qs5' ;;
    --proof) words='auto required none' ;;
    --quant) words='none w2a8 w2a8-a8 w2a8-ssm8 w4a8 w4a8-a8 w4a8-ssm8 w8a8' paths=1 ;;
    --scan) words='recurrence tree' ;;
    --task) words='auto classification regression value' ;;
    --transforms) words='balance' ;;
  esac
}
_bitstate_arguments() {
  case $command:$argument in
    train:1) words='aan aan-small cascaded-tanks cifar imdb imdb-small listops listops-small lorenz lorenz-small lra-cifar lra-cifar-small mackey-glass pathfinder pathfinder-small pathx pathx-small psmnist silverbox smnist smnist-small speech35 speech35-small' paths=1 ;;
    train:*) paths=1 ;;
    ptq:*) paths=1 ;;
    eval:*) paths=1 ;;
    inspect:*) paths=1 ;;
    export:*) paths=1 ;;
    run:*) paths=1 ;;
    sweep:1) words='demo mackey-glass smnist-small smnist-small-a smnist-small-a-shifts smnist-small-ptq smnist-small-seven smnist-small-state' paths=1 ;;
    sweep:*) paths=1 ;;
    report:*) paths=1 ;;
    data:1) words='check fetch make' ;;
    data:2) words='smnist psmnist listops imdb aan lra-cifar cifar pathfinder pathx speech35 speech35-8k lorenz mackey-glass silverbox silverbox-arrow cascaded-tanks own' ;;
    bench:1) words='aan aan-small cascaded-tanks cifar imdb imdb-small listops listops-small lorenz lorenz-small lra-cifar lra-cifar-small mackey-glass pathfinder pathfinder-small pathx pathx-small psmnist silverbox smnist smnist-small speech35 speech35-small' paths=1 ;;
    bench:*) paths=1 ;;
    list:1) words='recipes configs datasets sweeps presets' ;;
    completion:1) words='bash zsh' ;;
    help:1) words='train ptq eval inspect export run sweep report data bench signature list completion' ;;
    help:2) words='aan aan-small cascaded-tanks cifar imdb imdb-small listops listops-small lorenz lorenz-small lra-cifar lra-cifar-small mackey-glass pathfinder pathfinder-small pathx pathx-small psmnist silverbox smnist smnist-small speech35 speech35-small' ;;
  esac
}
