// Runs a target without libFuzzer:   <reader>_fuzz [mutations [strides]]
// First every seed, then the seeds with every cut and every flipped bit (of long ones one in so many that there are
// about `strides`), and `mutations` inputs made of them, each a function of its number; last the seeds again, with one
// allocation after the other failing. Ends at the first broken claim; the input is then left in the working folder. A
// reader may take a second and 256 MiB.
#include "core/error.h"
#include "core/random.h"
#include "tests/fuzz/allocations.h"
#include "tests/fuzz/target.h"

#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <exception>
#include <fstream>
#include <new>
#include <optional>
#include <string>

using namespace bitstate;
using fuzz::Claim;
using fuzz::Seed;

// HDF5 1.10 itself leaks what it had read of a damaged object header. NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5\n"; }

namespace {

constexpr double max_seconds = 1.0;
constexpr long max_kib = 256 * 1024;

/// What is being read, in memory that the parent of the process that reads it sees, too.
struct Current {
  char name[128];
  std::size_t size;
  char bytes[std::size_t{1} << 23];
};

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

long peak_kib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

/// Kills the process if it is not called again within ten seconds of computing.
void wind_alarm() {
  const itimerval alarm{{0, 0}, {10, 0}};
  ::setitimer(ITIMER_PROF, &alarm, nullptr);
}

/// One of the words that matter to readers of sizes, and any other now and then.
std::uint64_t number(std::uint64_t word) {
  constexpr std::uint64_t one = 1;
  const std::uint64_t power = one << (word >> 8U & 63U);
  switch (word & 3U) {
    case 0:
      return power;
    case 1:
      return power - 1;
    case 2:
      return ~power + 1;
    default:
      return word >> 16U;
  }
}

/// The input of number `index`: a seed, changed one to five times.
std::string mutated(const std::vector<std::string>& seeds, std::uint64_t index) {
  const Random random{1, index};
  std::uint64_t draws = 0;
  const auto below = [&](std::size_t n) {
    return static_cast<std::size_t>(random.below(std::max<std::size_t>(n, 1), draws++));
  };
  std::string bytes = seeds[below(seeds.size())];
  for (std::size_t changes = 1 + below(5); changes-- > 0;) {
    const std::size_t at = below(bytes.size() + 1);
    const std::size_t length = std::min(bytes.size() - at, std::size_t{1} << below(9));
    std::uint64_t value = number(random.below(~std::uint64_t{0}, draws++));
    switch (below(7)) {
      case 0:
        if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8));
        break;
      case 1:
        bytes.erase(at, length);
        break;
      case 2:
        bytes.insert(below(bytes.size() + 1), bytes.substr(at, length));
        break;
      case 3: {
        const std::string& other = seeds[below(seeds.size())];
        bytes.replace(at, length, other.substr(below(other.size()), length));
        break;
      }
      case 4:  // a number, lowest byte first
        for (std::size_t i = at; i < std::min(bytes.size(), at + (std::size_t{1} << below(4))); ++i, value >>= 8U) {
          bytes[i] = static_cast<char>(value & 255U);
        }
        break;
      case 5:  // or last
        for (std::size_t i = std::min(bytes.size(), at + (std::size_t{1} << below(4))); i-- > at; value >>= 8U) {
          bytes[i] = static_cast<char>(value & 255U);
        }
        break;
      default:
        bytes.replace(at, std::min<std::size_t>(length, 20), std::to_string(value));
    }
  }
  return bytes;
}

class Driver {
 public:
  explicit Driver(Current& current) : target_(fuzz::target()), current_(current) {}

  /// Whether all claims hold; says so.
  void run(std::size_t mutations, std::size_t strides) {
    std::vector<std::string> valid;
    for (std::size_t i = 0; i < target_.seeds.size(); ++i) {
      check_seed(target_.seeds[i], fmt::format("seed {}", i), strides);
      if (target_.seeds[i].claim != Claim::refused) valid.push_back(target_.seeds[i].bytes);
    }
    for (std::size_t i = 0; i < mutations; ++i) try_mutation(mutated(valid, i), fmt::format("mutation {}", i));
    for (std::size_t i = 0; i < valid.size(); ++i) run_out_of_memory(valid[i], fmt::format("seed {}", i), strides / 2);
    fmt::print("{} inputs, {} of them refused; the slowest took {:.3f} s ({}), the largest {} MiB\n", inputs_, refused_,
               slowest_, slowest_name_, largest_ / 1024);
  }

 private:
  /// Neither as it is nor as a forger would finish it may the input be anything but read or refused.
  void try_mutation(const std::string& bytes, const std::string& name) {
    (void)read(bytes, name);
    if (target_.forge) (void)read(target_.forge(bytes), name + ", forged");
  }

  /// What the reader makes of the input; nothing where it refuses it.
  std::optional<std::string> read(const std::string& bytes, const std::string& name) {
    std::strncpy(current_.name, name.c_str(), sizeof current_.name - 1);
    current_.size = std::min(bytes.size(), sizeof current_.bytes);
    std::memcpy(current_.bytes, bytes.data(), current_.size);
    wind_alarm();
    const long memory = peak_kib();
    const double start = cpu_seconds();
    std::optional<std::string> content;
    try {
      content = target_.read(bytes);
    } catch (const Error& error) {
      ++refused_;
      refusal_ = error.what();
    }
    const double seconds = cpu_seconds() - start;
    if (seconds > slowest_) slowest_name_ = name;
    slowest_ = std::max(slowest_, seconds);
    largest_ = std::max(largest_, peak_kib() - memory);
    require(seconds <= max_seconds, name, "reading it took {} s", seconds);
    require(largest_ <= max_kib, name, "reading it took {} MiB", largest_ / 1024);
    ++inputs_;
    return content;
  }

  /// Where an allocation fails, the input is refused, there is a std::bad_alloc, or the content is the whole one.
  void run_out_of_memory(const std::string& bytes, const std::string& valid, std::size_t strides) {
    fuzz::fail_allocation(0);
    const std::optional<std::string> content = read(bytes, valid);
    const std::size_t count = fuzz::count_allocations();
    for (std::size_t number = 1; number <= count; number += 1 + count / std::max<std::size_t>(strides, 1)) {
      const std::string name = fmt::format("{} with the failed allocation {} of {}", valid, number, count);
      try {
        fuzz::fail_allocation(number);
        const std::optional<std::string> left = read(bytes, name);
        fuzz::count_allocations();
        require(!left || left == content, name, "it is read, with another content");
      } catch (const std::bad_alloc&) {
        fuzz::count_allocations();
      }
    }
    require(read(bytes, valid) == content, valid, "after failed allocations it has another content");
  }

  void check_seed(const Seed& seed, const std::string& name, std::size_t strides) {
    const std::optional<std::string> content = read(seed.bytes, name);
    require(content.has_value() == (seed.claim != Claim::refused), name, "it is {}",
            content ? "read, and should be refused" : "refused, and should be read: " + refusal_);
    if (!content) return;
    const auto check = [&](const std::string& bytes, bool shows, const std::string& change) {
      const std::optional<std::string> changed = read(bytes, change);
      require(!shows || !changed || changed == content, change, "it is read, with another content");
    };
    const std::size_t size = seed.bytes.size();
    for (std::size_t cut = 0; cut < size; cut += 1 + size / strides) {
      check(seed.bytes.substr(0, cut), seed.claim >= Claim::cuts_show, fmt::format("{} cut at {}", name, cut));
    }
    for (std::size_t bit = 0; bit < 8 * size; bit += stride(8 * size, strides)) {
      std::string bytes = seed.bytes;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
      check(bytes, seed.claim == Claim::changes_show, fmt::format("{} with bit {} flipped", name, bit));
    }
  }

  /// Odd, so that all bits of a byte have their turn.
  static std::size_t stride(std::size_t count, std::size_t strides) { return count / strides | 1U; }

  fuzz::Target target_;
  Current& current_;
  std::size_t inputs_ = 0;
  std::size_t refused_ = 0;
  std::string refusal_;  // the last
  double slowest_ = 0.0;
  std::string slowest_name_;
  long largest_ = 0;  // KiB by which the peak grew
};

int read_all(Current& current, std::size_t mutations, std::size_t strides) {
  try {
    Driver(current).run(mutations, strides);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t mutations = argc > 1 ? std::stoul(argv[1]) : 10'000;
  const std::size_t strides = argc > 2 ? std::stoul(argv[2]) : 3'000;
  void* const shared = ::mmap(nullptr, sizeof(Current), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 1;
  auto& current = *static_cast<Current*>(shared);
  // a process of its own: whatever ends it, the input that did is known
  const pid_t child = ::fork();
  if (child == 0) return read_all(current, mutations, strides);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return 1;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
  const std::string kept = std::filesystem::path(argv[0]).filename().string() + "-failed";
  std::ofstream(kept, std::ios::binary).write(current.bytes, static_cast<std::streamsize>(current.size));
  fmt::print(stderr, "{}: failed ({} {}); the input of {} bytes is in {}\n", current.name,
             WIFSIGNALED(status) ? "signal" : "code", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
             current.size, kept);
  return 1;
}
