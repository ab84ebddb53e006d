// The program `bitstate`.
#include "core/error.h"
#include "experiments/commands.h"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // lines reach a log file when they are printed
  try {
    return bitstate::experiments::run_command(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const bitstate::UsageError& error) {
    fmt::print(stderr, "bitstate: {}\n", error.what());
    return 2;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "bitstate: there is not enough memory; a smaller model, batch or number of lanes needs less\n");
  } catch (const std::exception& error) {
    fmt::print(stderr, "bitstate: {}\n", error.what());
  }
  return 1;
}
