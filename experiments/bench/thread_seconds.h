// CPU time: waiting for a core that others use would count against what takes longer.
#pragma once

#include <ctime>

namespace bitstate::experiments {

/// Of this thread.
inline double thread_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// That f() takes.
template <class F>
double seconds_of(const F& f) {
  const double start = thread_seconds();
  f();
  return thread_seconds() - start;
}

}  // namespace bitstate::experiments
