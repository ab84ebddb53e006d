#include "autograd/kernels/gemm.h"

#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace bitstate {
namespace {

// A signal handler can reach nothing but objects of static storage.
std::uintptr_t stack_begin = 0, stack_end = 0;
volatile std::sig_atomic_t arrived = 0, astray = 0;

extern "C" void note_where(int /*signal*/) {
  volatile char here = 0;
  const auto place = reinterpret_cast<std::uintptr_t>(&here);
  arrived = 1;
  if (place < stack_begin || place >= stack_end) astray = 1;
}

/// Notes where the stack of this thread is.
void find_stack() {
  pthread_attr_t attributes;
  REQUIRE(pthread_getattr_np(pthread_self(), &attributes) == 0);
  void* begin = nullptr;
  std::size_t size = 0;
  REQUIRE(pthread_attr_getstack(&attributes, &begin, &size) == 0);
  pthread_attr_destroy(&attributes);
  stack_begin = reinterpret_cast<std::uintptr_t>(begin);
  stack_end = stack_begin + size;
}

TEST_CASE("gemm: a signal that arrives during a product writes onto the stack and nowhere else") {
  find_stack();
  arrived = 0;
  astray = 0;
  struct sigaction action {
  }, before{};
  action.sa_handler = note_where;
  sigemptyset(&action.sa_mask);
  REQUIRE(sigaction(SIGUSR2, &action, &before) == 0);
  std::atomic<bool> done = false;
  std::thread sender([&, computing = pthread_self()] {
    while (!done) pthread_kill(computing, SIGUSR2);
  });
  for (const std::size_t rows : {64UL, 512UL, 4096UL, 16384UL}) {
    const std::size_t features = 32;
    const std::vector<float> x(rows * features, 0.5F), square(features * features, 0.25F);
    std::vector<float> y(rows * features), w(features * features);
    for (std::size_t i = 0; i < 1 + (1UL << 16) / rows; ++i) {
      kernels::multiply_nt(rows, features, features, x.data(), square.data(), y.data());
      kernels::multiply_nn(rows, features, features, x.data(), square.data(), y.data());
      kernels::multiply_tn_add(rows, features, features, x.data(), x.data(), w.data());
    }
  }
  done = true;
  sender.join();
  sigaction(SIGUSR2, &before, nullptr);
  CHECK(arrived == 1);
  CHECK(astray == 0);
}

}  // namespace
}  // namespace bitstate
