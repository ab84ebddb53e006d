// The program `bitstate`.
#include "experiments/commands/commands.h"

#include <cstdio>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  using namespace bitstate::experiments;
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // lines reach a log file when they are printed
  return exit_code_of("bitstate", [&] { return run_command(std::vector<std::string>(argv + 1, argv + argc)); });
}
