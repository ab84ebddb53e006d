// The processes that train one model together, each with its own share of the lanes.
#pragma once

#include <cstddef>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate {

/// A team whose members, the ranks, all do the same at the same time. This class is the team of one; where there are
/// more, a derived class carries bytes between them. Once an error has been agreed on, nothing is done together any
/// more: every rank is on its way out.
class Team {
 public:
  Team() = default;
  virtual ~Team() = default;
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  [[nodiscard]] virtual std::size_t rank() const { return 0; }  ///< from 0
  [[nodiscard]] virtual std::size_t size() const { return 1; }
  [[nodiscard]] bool leads() const { return rank() == 0; }  ///< alone writes files

  /// Runs `f` on every rank. Where it fails, be it on one rank alone, all throw the error of the first rank among
  /// those: an Error, a DivergedError or a UsageError with its sentence, a std::bad_alloc, else a std::runtime_error.
  template <class F>
  void together(const F& f) {
    std::exception_ptr error;
    try {
      f();
    } catch (...) {
      error = std::current_exception();
    }
    agree(error, false);
  }

  /// Whether any rank says so. Throws as together() does where another rank has failed instead of asking.
  [[nodiscard]] bool any(bool own) { return agree({}, own); }

  /// Throws Error, "[where] sentence", unless all ranks bring the same text; and as any() does.
  void require_same(std::string_view text, std::string_view where, std::string_view sentence);

  /// Where the share of each rank begins when `count` things are dealt to the ranks in order, and at the end `count`.
  [[nodiscard]] std::vector<std::size_t> shares(std::size_t count) const;

  /// Every rank has filled its part [begins[rank], begins[rank + 1]) of `all`, and gets the other parts. Comes after
  /// together() or any(), which make sure that every rank is there.
  template <class T>
  void gather(std::span<T> all, std::vector<std::size_t> begins) {
    for (std::size_t& begin : begins) begin *= sizeof(T);
    gather_bytes(std::as_writable_bytes(all), begins);
  }

  /// Replaces `values` on every rank by add(add(rank 0, rank 1), add(rank 2, rank 3)) and so on, pairs of pairs, number
  /// by number: the tree in which the lanes of one process are added. Each rank adds up its share of the numbers, in
  /// `parts`, which takes room for size() numbers more than there are. Comes where gather() may come.
  template <class T, class Add>
  void reduce(std::span<T> values, std::vector<T>& parts, const Add& add) {
    if (size() == 1) return;
    const std::vector<std::size_t> begins = shares(values.size());
    const std::span<T> own = values.subspan(begins[rank()], begins[rank() + 1] - begins[rank()]);
    parts.resize(own.size() * size());  // the share of this rank, from every rank
    std::vector<std::size_t> byte_begins = begins;
    for (std::size_t& begin : byte_begins) begin *= sizeof(T);
    scatter_bytes(std::as_bytes(values), byte_begins, std::as_writable_bytes(std::span(parts)));
    for (std::size_t stride = 1; stride < size(); stride *= 2) {
      for (std::size_t left = 0; left + stride < size(); left += 2 * stride) {
        const T* const right = parts.data() + (left + stride) * own.size();
        T* const sum = parts.data() + left * own.size();
        for (std::size_t i = 0; i < own.size(); ++i) sum[i] = add(sum[i], right[i]);
      }
    }
    for (std::size_t i = 0; i < own.size(); ++i) own[i] = parts[i];
    gather(values, begins);
  }

 private:
  /// As gather() does.
  virtual void gather_bytes(std::span<std::byte>, std::span<const std::size_t>) {}
  /// Sends [begins[r], begins[r + 1]) of `own` to each rank r, and puts what the ranks send here one behind the other.
  virtual void scatter_bytes(std::span<const std::byte>, std::span<const std::size_t>, std::span<std::byte>) {}

  bool agree(const std::exception_ptr& own, bool wish);

  bool over_ = false;
};

}  // namespace bitstate
