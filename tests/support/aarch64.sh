# Sourced by what runs the integer programs of core on AArch64, under QEMU.

aarch64_include=/usr/include # of headers that are the same for all machines
aarch64_folders=(doctest fmt Random123)
# what a Runner needs, none of which needs HDF5
aarch64_sources=(core/program/run/*.cpp core/program/{analysis,analysis_scans,instructions,program}.cpp
                 core/kernels/*.cpp core/{arena,fixed_point,grid,random,units}.cpp core/io/{atomic_file,sha256}.cpp
                 core/quantization/int4.cpp)

# has_aarch64: whether what this file needs is here; else says in a sentence what is missing
has_aarch64() {
  local tool folder
  for tool in aarch64-linux-gnu-g++ aarch64-linux-gnu-nm qemu-aarch64; do
    command -v "$tool" > /dev/null || { echo "skipped: there is no $tool"; return 1; }
  done
  for folder in "${aarch64_folders[@]}"; do
    [ -d "$aarch64_include/$folder" ] || { echo "skipped: there is no $aarch64_include/$folder"; return 1; }
  done
}

# build_aarch64 <folder to work in> <program> <source>...: with a Runner, from the root of the repository
build_aarch64() {
  local work=$1 program=$2 folder
  mkdir -p "$work/include"
  for folder in "${aarch64_folders[@]}"; do ln -sfn "$aarch64_include/$folder" "$work/include/$folder"; done
  printf '%s\n' "${aarch64_sources[@]}" "${@:3}" | xargs -P "$(nproc)" -I{} bash -c '
    aarch64-linux-gnu-g++ -std=c++20 -O3 -Wall -Wextra -Wpedantic -Wconversion -Wno-sign-conversion -Werror \
      -ffp-contract=off -DFMT_HEADER_ONLY -DDOCTEST_CONFIG_SUPER_FAST_ASSERTS -I. -isystem "$0/include" \
      -c "$1" -o "$0/${1//\//_}.o"' "$work" {}
  aarch64-linux-gnu-g++ -static "$work"/*.o -o "$program"
}
