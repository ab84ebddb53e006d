# Sourced by check and demo: the Debian packages the project is built with, and how they get there.

build_packages=(g++ cmake ninja-build libeigen3-dev libdnnl-dev libtbb-dev libhdf5-dev libboost-program-options-dev
                libboost1.74-dev libfmt-dev nlohmann-json3-dev librandom123-dev zlib1g-dev libarchive-dev libpng-dev libmatio-dev
                libcurl4-openssl-dev libhpdf-dev fonts-liberation doctest-dev)
# completion is tested in zsh, bitstate-mpi in Open MPI, the fonts of plots by pdffonts
test_packages=(zsh libopenmpi-dev openmpi-bin poppler-utils)
clang_packages=(clang-14 clang-tidy-14 libclang-rt-14-dev)  # the last has libFuzzer
cluster_packages=(slurm-wlm munge)  # for tests/command_line/long_slurm.sh, which starts them itself
# for tests/command_line/long_c_targets.sh
arm_packages=(gcc-arm-none-eabi binutils-arm-none-eabi qemu-system-arm)
riscv_packages=(gcc-riscv64-unknown-elf binutils-riscv64-unknown-elf qemu-system-misc)
# for the same and for tests/command_line/long_neon.sh
linux_packages=(g++-aarch64-linux-gnu gcc-riscv64-linux-gnu libc6-dev-riscv64-cross qemu-user)

jobs=$(nproc)

say() { printf '\n== %s\n' "$*"; }

# require_packages <package>...: installs those that are missing, or prints the command that would and exits with 1.
require_packages() {
  local missing=() package
  if ! command -v dpkg-query > /dev/null; then
    echo "not a Debian system: taking it that these are installed under other names: $*" >&2
    return
  fi
  for package in "$@"; do
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || missing+=("$package")
  done
  [ "${#missing[@]}" -eq 0 ] && return

  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2> /dev/null; then
      printf 'packages are missing; install them with\n  sudo apt-get install %s\n' "${missing[*]}" >&2
      exit 1
    fi
    sudo=(sudo -n)
  fi
  say "installing ${missing[*]}"
  "${sudo[@]}" apt-get update -q < /dev/null
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" < /dev/null
}

# prepare_npm: what the tests of tests/command_line/onnx need, in build/npm/node_modules, where node and npm are there and npm
# gets it; else those tests skip themselves. Install scripts do not run: they would fetch binaries for GPUs.
prepare_npm() {
  local source=tests/command_line/onnx/package.json folder=build/npm
  command -v node > /dev/null && command -v npm > /dev/null || return 0
  cmp -s "$source" "$folder/package.json" && [ -d "$folder/node_modules/onnxruntime-node" ] && return 0
  say "installing onnxruntime-node"
  mkdir -p "$folder"
  cp "$source" "$folder/package.json"
  (cd "$folder" && npm install --ignore-scripts --no-audit --no-fund --no-package-lock < /dev/null) ||
    echo "npm could not install it: the tests in onnxruntime will be skipped" >&2
}
