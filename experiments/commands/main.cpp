// The program `bitstate`.
#include "core/error.h"
#include "experiments/commands/commands.h"
#include "experiments/host/console.h"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

using bitstate::experiments::print_error;

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // lines reach a log file when they are printed
  try {
    return bitstate::experiments::run_command(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const bitstate::UsageError& error) {
    print_error(fmt::format("bitstate: {}", error.what()));
    return 2;
  } catch (const std::bad_alloc&) {
    print_error("bitstate: there is not enough memory; a smaller model, batch or number of lanes needs less");
  } catch (const std::exception& error) {
    print_error(fmt::format("bitstate: {}", error.what()));
  }
  return 1;
}
