#include "core/parallel.h"

#include "core/error.h"
#include "core/io/memory.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#ifdef BITSTATE_STD_THREADS
#include <condition_variable>
#else
#include <malloc.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task.h>
#include <oneapi/tbb/task_arena.h>

#include <chrono>
#include <new>
#endif

namespace bitstate {
namespace {

/// Thrown in the lanes that wait when another lane has failed; never leaves this file.
struct Abandoned {};

/// The arithmetic of a meeting, without the waiting.
class Sums {
 public:
  Sums(std::size_t lanes, const MeetOthers& others) : slots_(lanes), others_(others) {}

  void put(std::size_t lane, std::span<const double> values) {
    require(lane < slots_.size(), "meeting", "lane {} takes part, there are lanes 0 to {}", lane, slots_.size() - 1);
    slots_[lane].assign(values.begin(), values.end());
  }
  /// Keeps what is thrown for take(): it runs where nobody could catch it.
  void merge() noexcept {
    try {
      add();
    } catch (...) {
      error_ = std::current_exception();
    }
  }
  void take(std::span<double> values) const {
    if (error_) std::rethrow_exception(error_);
    std::copy(total_.begin(), total_.end(), values.begin());
  }

 private:
  void add() {
    const std::size_t count = slots_.front().size();
    std::vector<double> all;
    for (const auto& slot : slots_) {
      require(slot.size() == count, "meeting", "the lanes bring different counts of numbers");
      all.insert(all.end(), slot.begin(), slot.end());
    }
    if (others_) all = others_(std::move(all));
    total_.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
    for (std::size_t lane = 1; lane * count < all.size(); ++lane) {
      for (std::size_t i = 0; i < count; ++i) total_[i] += all[lane * count + i];
    }
  }

  std::vector<std::vector<double>> slots_;
  const MeetOthers& others_;
  std::vector<double> total_;
  std::exception_ptr error_;
};

/// Runs `body(i)`, keeping its error for later.
template <class Body>
void guarded(std::exception_ptr& error, const Body& body) {
  try {
    body();
  } catch (const Abandoned&) {  // another lane's error is the one to tell
  } catch (...) {
    error = std::current_exception();
  }
}

void rethrow_first(const std::vector<std::exception_ptr>& errors) {
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace

#ifdef BITSTATE_STD_THREADS

namespace {

/// Lanes are threads; at most `permits` of them run at a time.
class ThreadMeeting final : public Meeting {
 public:
  ThreadMeeting(std::size_t lanes, std::size_t permits, const MeetOthers& others)
      : lanes_(lanes), permits_(permits), sums_(lanes, others) {}

  void enter() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return permits_ > 0; });
    --permits_;
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    ++permits_;
    changed_.notify_all();
  }
  void abandon() {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    changed_.notify_all();
  }
  void sum(std::size_t lane, std::span<double> values) override {
    std::unique_lock lock(mutex_);
    sums_.put(lane, values);
    if (++arrived_ == lanes_) {
      sums_.merge();
      arrived_ = 0;
      ++round_;
      changed_.notify_all();
    } else {
      const std::size_t round = round_;
      ++permits_;
      changed_.notify_all();
      changed_.wait(lock, [&] { return (round_ != round || abandoned_) && permits_ > 0; });
      --permits_;
      if (round_ == round) throw Abandoned{};
    }
    sums_.take(values);
  }

 private:
  std::size_t lanes_;
  std::size_t permits_;
  std::size_t arrived_ = 0;
  std::size_t round_ = 0;
  bool abandoned_ = false;
  Sums sums_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace

struct Workers::Implementation {
  std::size_t threads;
};

Workers::Workers(std::size_t threads)
    : implementation_(new Implementation{threads != 0 ? threads : std::max(1U, std::thread::hardware_concurrency())}) {}

std::size_t Workers::threads() const { return implementation_->threads; }

void Workers::for_each(std::size_t count, const std::function<void(std::size_t)>& f) {
  std::vector<std::exception_ptr> errors(count);
  std::atomic<std::size_t> next{0};
  std::vector<std::thread> pool;
  for (std::size_t t = 0; t < std::min(threads(), count); ++t) {
    pool.emplace_back([&] {
      for (std::size_t i = next++; i < count; i = next++) guarded(errors[i], [&] { f(i); });
    });
  }
  for (auto& thread : pool) thread.join();
  rethrow_first(errors);
}

void Workers::for_each_lane(std::size_t lanes, const std::function<void(std::size_t, Meeting&)>& f,
                            const MeetOthers& others) {
  std::vector<std::exception_ptr> errors(lanes);
  ThreadMeeting meeting(lanes, threads(), others);
  std::vector<std::thread> pool;
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    pool.emplace_back([&, lane] {
      meeting.enter();
      guarded(errors[lane], [&] { f(lane, meeting); });
      if (errors[lane]) meeting.abandon();
      meeting.leave();
    });
  }
  for (auto& thread : pool) thread.join();
  rethrow_first(errors);
}

#else

namespace {

/// Whether there is room for the stacks of `count` threads now.
bool has_room_for_stacks(std::size_t count) {
  constexpr std::size_t guard = std::size_t{1} << 16;
  return has_room_for(count * (tbb::global_control::active_value(tbb::global_control::thread_stack_size) + guard));
}

/// Lanes are tasks; a lane that waits is suspended and its thread takes up another one.
class TaskMeeting final : public Meeting {
 public:
  TaskMeeting(std::size_t lanes, const MeetOthers& others)
      : lanes_(lanes), limited_(memory_is_limited()), sums_(lanes, others) {
    waiting_.reserve(lanes);
  }

  void abandon() {
    std::vector<tbb::task::suspend_point> ready;
    {
      const std::lock_guard lock(mutex_);
      abandoned_ = true;
      ready.swap(waiting_);
    }
    for (const auto& point : ready) tbb::task::resume(point);
  }
  void sum(std::size_t lane, std::span<double> values) override {
    sums_.put(lane, values);
    // oneTBB gives a suspended task's thread another stack, and does not look whether it got it; two, for what other
    // threads take meanwhile
    if (limited_ && !has_room_for_stacks(2)) throw std::bad_alloc();
    tbb::task::suspend([this](tbb::task::suspend_point point) {
      std::vector<tbb::task::suspend_point> ready;
      {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(point);
        if (!abandoned_ && waiting_.size() < lanes_) return;
        if (!abandoned_) sums_.merge();
        ready.swap(waiting_);
      }
      for (const auto& each : ready) tbb::task::resume(each);
    });
    if (abandoned_) throw Abandoned{};
    sums_.take(values);
  }

 private:
  std::size_t lanes_;
  bool limited_;
  std::atomic<bool> abandoned_ = false;
  Sums sums_;
  std::mutex mutex_;
  std::vector<tbb::task::suspend_point> waiting_;
};

}  // namespace

struct Workers::Implementation {
  explicit Implementation(std::size_t threads)
      : limit(tbb::global_control::max_allowed_parallelism, threads),
        arena(static_cast<int>(threads)),
        count(threads) {}
  tbb::global_control limit;  // lets the arena have more threads than cores
  tbb::task_arena arena;
  std::size_t count;
};

namespace {

/// Starts all threads now. oneTBB starts them as there is work, one by another, and ends the program where one cannot
/// be started: it must not come to that later, when memory is used up.
void start_threads(tbb::task_arena& arena, std::size_t count) {
  ::mallopt(M_ARENA_MAX, 1);  // an arena for each thread would reserve 64 MiB
  require(has_room_for_stacks(count), "threads", "there is not enough memory for {} threads; fewer need less", count);
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::seconds(1);
  std::atomic<std::size_t> started{0};
  arena.execute([&] {
    tbb::parallel_for(
        tbb::blocked_range<std::size_t>(0, count, 1),
        [&](const auto&) {
          ++started;  // and none goes on to the next before all have come
          while (started < count && Clock::now() < end) std::this_thread::yield();
        },
        tbb::simple_partitioner{});
  });
}

}  // namespace

Workers::Workers(std::size_t threads)
    : implementation_(std::make_unique<Implementation>(
          threads != 0 ? threads : static_cast<std::size_t>(std::max(1U, std::thread::hardware_concurrency())))) {
  if (memory_is_limited()) start_threads(implementation_->arena, implementation_->count);
}

std::size_t Workers::threads() const { return implementation_->count; }

void Workers::for_each(std::size_t count, const std::function<void(std::size_t)>& f) {
  std::vector<std::exception_ptr> errors(count);
  implementation_->arena.execute([&] {
    tbb::parallel_for(
        tbb::blocked_range<std::size_t>(0, count, 1),
        [&](const tbb::blocked_range<std::size_t>& range) {
          for (std::size_t i = range.begin(); i < range.end(); ++i) guarded(errors[i], [&] { f(i); });
        },
        tbb::simple_partitioner{});
  });
  rethrow_first(errors);
}

void Workers::for_each_lane(std::size_t lanes, const std::function<void(std::size_t, Meeting&)>& f,
                            const MeetOthers& others) {
  TaskMeeting meeting(lanes, others);
  std::vector<std::exception_ptr> errors(lanes);
  for_each(lanes, [&](std::size_t lane) {
    guarded(errors[lane], [&] { f(lane, meeting); });
    if (errors[lane]) meeting.abandon();
  });
  rethrow_first(errors);
}

#endif

Workers::~Workers() = default;

}  // namespace bitstate
