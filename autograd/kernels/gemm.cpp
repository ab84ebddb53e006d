#include "autograd/kernels/gemm.h"

#include "core/error.h"
#include "core/io/memory.h"

#include <dnnl.h>
#include <signal.h>

#include <algorithm>
#include <csignal>
#include <new>
#include <vector>

extern "C" void omp_set_num_threads(int);  // of OpenMP, which oneDNN runs on

namespace bitstate::kernels {
namespace {

constexpr std::size_t room_for_loops = std::size_t{1} << 25;  // more than oneDNN needs to generate them

/// Holds signals back from this thread. oneDNN's kernels for AVX let the stack pointer point to an array on the heap,
/// and a signal that arrives then writes its frame over what lies below that array.
class SignalsHeldBack {
 public:
  SignalsHeldBack() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsHeldBack() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsHeldBack(const SignalsHeldBack&) = delete;
  SignalsHeldBack& operator=(const SignalsHeldBack&) = delete;

 private:
  sigset_t before_{};
};

/// c [m, n] = op(a) op(b) + beta c, where op transposes what is marked with 'T'; k is the inner size. Rows of a and b
/// lie side by side. Lanes are bitstate's threads, so a product runs on the one that asks for it.
void multiply(char a_op, char b_op, std::size_t m, std::size_t n, std::size_t k, const float* a, const float* b,
              float beta, float* c) {
  thread_local bool alone = false;
  if (!alone) omp_set_num_threads(1);
  alone = true;
  const auto size = [](std::size_t v) { return static_cast<dnnl_dim_t>(v); };
  const auto stride = [&](std::size_t cols) { return size(std::max<std::size_t>(cols, 1)); };
  const SignalsHeldBack held_back;
  const dnnl_status_t status = dnnl_sgemm(a_op, b_op, size(m), size(n), size(k), 1.0F, a, stride(a_op == 'N' ? k : m),
                                          b, stride(b_op == 'N' ? n : k), beta, c, stride(n));
  if (status == dnnl_out_of_memory) throw std::bad_alloc();
  require(status == dnnl_success, "gemm", "oneDNN refuses a product of {} x {} x {} with status {}", m, n, k,
          static_cast<int>(status));
}

/// y[n] = w[n, k] x[k]: reads the weights once, from the first to the last, as fast as memory gives them.
void multiply_row(std::size_t n, std::size_t k, const float* x, const float* w, float* y) {
  constexpr std::size_t lanes = 64;
  for (std::size_t o = 0; o < n; ++o) {
    const float* const row = w + o * k;
    float sums[lanes] = {};
    std::size_t i = 0;
    for (; i + lanes <= k; i += lanes) {
#pragma omp simd
      for (std::size_t l = 0; l < lanes; ++l) sums[l] += row[i + l] * x[i + l];
    }
    for (std::size_t l = 0; i + l < k; ++l) sums[l] += row[i + l] * x[i + l];
    float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
    for (std::size_t l = 0; l < lanes; ++l) sum += sums[l];
    y[o] = sum;
  }
}

}  // namespace

void prepare_products() {
  static const bool prepared = [] {
    if (memory_is_limited() && !has_room_for(room_for_loops)) throw std::bad_alloc();
    constexpr std::size_t n = 16;
    const std::vector<float> a(n * n);
    std::vector<float> c(n * n);
    multiply_nt(n, n, n, a.data(), a.data(), c.data());
    multiply_nn_add(n, n, n, a.data(), a.data(), c.data());
    multiply_tn_add(n, n, n, a.data(), a.data(), c.data());
    return true;
  }();
  static_cast<void>(prepared);
}

void multiply_nt(std::size_t m, std::size_t n, std::size_t k, const float* x, const float* w, float* y) {
  if (m == 1) return multiply_row(n, k, x, w, y);
  multiply('N', 'T', m, n, k, x, w, 0.0F, y);
}

void multiply_nn(std::size_t m, std::size_t n, std::size_t k, const float* g, const float* w, float* y) {
  multiply('N', 'N', m, k, n, g, w, 0.0F, y);
}

void multiply_nn_add(std::size_t m, std::size_t n, std::size_t k, const float* g, const float* w, float* y) {
  multiply('N', 'N', m, k, n, g, w, 1.0F, y);
}

void multiply_tn_add(std::size_t m, std::size_t n, std::size_t k, const float* g, const float* x, float* w) {
  multiply('T', 'N', n, k, m, g, x, 1.0F, w);
}

}  // namespace bitstate::kernels
