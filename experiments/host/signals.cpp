#include "experiments/host/signals.h"

#include <array>
#include <csignal>

namespace bitstate::experiments {
namespace {

constexpr std::array<int, 4> caught = {SIGTERM, SIGUSR1, SIGINT, SIGHUP};

// A signal handler can reach nothing but objects of static storage.
volatile std::sig_atomic_t stop_requested = 0;
std::array<struct sigaction, caught.size()> previous;

extern "C" void request_stop(int) { stop_requested = 1; }

}  // namespace

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGUSR1, SIGINT}) sigaddset(&signals, signal);
  struct sigaction hangup {};
  sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler != SIG_IGN) sigaddset(&signals, SIGHUP);
  return signals;
}

StopSignals::StopSignals() {
  const sigset_t signals = stop_signals();
  stop_requested = 0;
  struct sigaction action {};
  action.sa_handler = request_stop;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < caught.size(); ++i) {
    sigaction(caught[i], sigismember(&signals, caught[i]) == 1 ? &action : nullptr, &previous[i]);
  }
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

StopSignals::~StopSignals() {
  for (std::size_t i = 0; i < caught.size(); ++i) sigaction(caught[i], &previous[i], nullptr);
}

bool StopSignals::requested() { return stop_requested != 0; }

}  // namespace bitstate::experiments
