#include "experiments/host/signals.h"

#include <array>
#include <csignal>

namespace bitstate::experiments {
namespace {

constexpr std::array<int, 3> caught = {SIGTERM, SIGUSR1, SIGINT};

// A signal handler can reach nothing but objects of static storage.
volatile std::sig_atomic_t stop_requested = 0;
std::array<struct sigaction, caught.size()> previous;

extern "C" void request_stop(int) { stop_requested = 1; }

}  // namespace

StopSignals::StopSignals() {
  stop_requested = 0;
  struct sigaction action {};
  action.sa_handler = request_stop;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < caught.size(); ++i) sigaction(caught[i], &action, &previous[i]);
}

StopSignals::~StopSignals() {
  for (std::size_t i = 0; i < caught.size(); ++i) sigaction(caught[i], &previous[i], nullptr);
}

bool StopSignals::requested() { return stop_requested != 0; }

}  // namespace bitstate::experiments
