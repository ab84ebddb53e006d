// The program `bitstate-mpi`: bitstate train and bitstate ptq by the processes that mpirun starts.
#include "experiments/commands/commands.h"
#include "experiments/host/console.h"
#include "experiments/mpi/mpi_team.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  using namespace bitstate::experiments;
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // lines reach a log file when they are printed
  std::shared_ptr<MpiTeam> team;
  const int code = exit_code_of("bitstate-mpi", [&] {
    team = std::make_shared<MpiTeam>();
    if (!team->leads()) silence_stdout();
    return 0;
  });
  if (code != 0) return code;
  // an error that one rank alone meets all agree on, and the first one tells it
  return exit_code_of(team->leads() ? "bitstate-mpi" : "", [&] {
    int result = 0;
    team->together([&] { result = run_command(std::vector<std::string>(argv + 1, argv + argc), team); });
    return result;
  });
}
