// The tape: calling an op appends a node, and backward() walks the nodes from right to left. What is real is computed
// at once. Codes of sums and products are computed when they are asked for, so that whoever rounds them next can have
// them rounded on the way: such wide codes need not be stored (docs/numerics.md, section 4).
#pragma once

#include "autograd/op_traits.h"
#include "autograd/pass.h"
#include "autograd/quantizer.h"
#include "core/arena.h"
#include "core/kernels/quantize.h"
#include "core/program/run/codes.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate {

class Lowering;
class Tape;
struct Node;

/// Rows that are computed at once: their codes of 32 bits stay in the cache.
inline constexpr std::size_t block_rows = 64;

/// A value on a tape.
struct Value {
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  std::uint32_t id = none;
  [[nodiscard]] bool exists() const { return id != none; }
};

/// Rows [first, first + count) of a node.
struct RowRange {
  std::size_t first;
  std::size_t count;
};

/// A site inside of an op, whose values no tape has, and what it rounded. No values: it has no bits, or nobody kept
/// them.
struct InnerSite {
  const Quantizer* site;
  float low = 0.0F, high = 0.0F;
  std::size_t values = 0, clamped = 0;
};

/// What an op is to the tape: its name, and how a node's gradient flows to its inputs (Tape::gradient).
struct Op {
  std::string_view name;
  void (*backward)(Tape& tape, const Node& node);
  /// The instruction that computes the node's codes (autograd/export.h); null where there is none.
  void (*lower)(Lowering& lowering, const Node& node) = nullptr;
  /// y_i = f(x_i) of the only input: on codes it is a table.
  const Elementwise* elementwise = nullptr;
  OpTraits traits = {};
  /// Computes rows of the codes of a node that has them into `y` when they are asked for, rescaled on the way where
  /// `then` is given; null where the op computes them at once. Row 0 of `y` and of what `then` watches is rows.first.
  void (*compute)(Tape& tape, const Node& node, RowRange rows, const program::Rescaling* then,
                  const program::MutableCodes& y) = nullptr;
  /// Computes the real numbers of a node of push_bare() without codes when they are asked for; null for `elementwise`.
  void (*evaluate)(Tape& tape, const Node& node, float* real) = nullptr;
  /// The sites inside of a node of a pass with gradients; null where there are none.
  std::vector<InnerSite> (*inner)(Tape& tape, const Node& node) = nullptr;
};

/// The sequences of a pass, stacked one after the other: sequence s has rows[s] rows, of which the first lengths[s] are
/// real and the others padding.
struct Sequences {
  std::span<const std::size_t> rows;
  std::span<const std::size_t> lengths;
  std::size_t first = 0;  ///< position of sequence 0 in the batch: random numbers are a function of it
  [[nodiscard]] std::size_t count() const { return rows.size(); }
  /// Throws Error in the name of an op unless each sequence has a length from 1 to its rows, and all have `steps` rows.
  void check(std::string_view op, std::size_t steps) const;
};

/// One computed value [rows, cols], row-major. With codes, it is codes * scale (docs/numerics.md, section 1), but for
/// the eigenvalues of form=shear, whose codes are those of a matrix. Whoever reads it asks the tape: Tape::value() and
/// Tape::codes() compute what is not there yet.
struct Node {
  const Op* op = nullptr;              ///< null for leaves: parameters and data
  std::span<const Value> inputs = {};  ///< as many as the op has, in the arena
  std::size_t rows = 0;
  std::size_t cols = 0;
  float* real = nullptr;         ///< [rows, cols]; null until it is asked for
  float* gradient = nullptr;     ///< null until something flows into it
  program::Codes codes = {};     ///< without memory until they are asked for; the width that they will have, if known
  const float* scale = nullptr;  ///< null without codes
  kernels::ScaleLayout layout = kernels::ScaleLayout::per_tensor;
  std::int64_t bound = 0;           ///< of |codes|, at least 1; too large where it forbade codes (linear, product)
  const Quantizer* site = nullptr;  ///< of a quantizer's result
  /// Of a quantizer's result: bit k of code k, counted with the stride of the codes, says whether the clamp did nothing
  /// (of a scan: program::States::unclamped). Empty where nothing is ever clamped, and in a pass without gradients.
  std::span<const std::uint8_t> unclamped = {};
  std::span<const std::uint8_t> mask = {};  ///< bit i: the gradient of element i flows on; all do where it is empty
  std::span<const float> of_rows = {};      ///< numbers of each row that backward reads, such as 1 / sigma of a norm
  std::span<const std::byte> starts = {};  ///< of a scan: what its other states are computed from (Pass::replay_states)
  bool constant = false;                   ///< depends on parameters only
  bool table = false;          ///< without codes, but each element is a function of one code, or 0 by dropout
  bool by_token = false;       ///< without codes, but each row is a function of one token
  bool rounded_float = false;  ///< has codes, but they were computed in float from operands without (scan)
  bool needs_gradient = false;
  bool held = false;   ///< backward() reads its numbers or codes; those of others may be given back (Pass::gives_back)
  bool light = false;  ///< its codes are not kept, but computed whenever they are asked for
  std::uint32_t readers = 0;         ///< ops that have it as an input
  const void* attributes = nullptr;  ///< plain data of the op, in the arena

  [[nodiscard]] std::size_t size() const { return rows * cols; }
  [[nodiscard]] bool has_codes() const { return scale != nullptr; }
  /// Computed in float from the input: nothing that an integer program could do.
  [[nodiscard]] bool is_float_island() const {
    return op != nullptr && !constant && !table && !by_token && (!has_codes() || rounded_float);
  }
  /// A function of one element of this node can be tabulated, for each scale of its columns.
  [[nodiscard]] bool can_be_tabulated() const {
    return table || (has_codes() && layout != kernels::ScaleLayout::per_row && bound <= std::int64_t{1} << 15);
  }
  /// Scale of column `c` of codes that have no scale per row.
  [[nodiscard]] double column_scale(std::size_t c) const {
    return double{scale[layout == kernels::ScaleLayout::per_column ? c : 0]};
  }
};

/// Codes of a caller, which are to be a leaf of a tape, or those of a value that are kept for one.
struct CodedRows {
  std::size_t rows = 0;
  std::size_t cols = 0;
  program::Codes codes = {};
  const float* scale = nullptr;
  kernels::ScaleLayout layout = kernels::ScaleLayout::per_tensor;
  std::int64_t bound = 1;  ///< of |codes|
};

/// What a quantizer read and gave; the same value where its site has no bits. A scan gives its state.
struct SiteVisit {
  const Quantizer* site;
  Value input;
  Value output;
};

/// A worker's tape. Nodes and their memory live until the next begin(); their order is a topological order.
class Tape {
 public:
  /// Forgets all nodes and starts a pass.
  void begin(const Pass& pass);
  [[nodiscard]] const Pass& pass() const { return pass_; }

  /// A leaf that refers to memory of the caller.
  Value input(std::size_t rows, std::size_t cols, const float* data);
  /// A leaf of codes, which are memory of the caller as well.
  Value input(const CodedRows& rows);
  /// A leaf whose gradient goes to the lane's flat gradient, at the parameter's offset.
  Value parameter(const Parameter& parameter);

  /// Appends a node whose real numbers are uninitialised; it needs a gradient when one of the inputs does.
  Node& push(const Op& op, std::span<const Value> inputs, std::size_t rows, std::size_t cols) {
    Node& node = push_bare(op, inputs, rows, cols);
    node.real = new_real(node);
    return node;
  }
  Node& push(const Op& op, std::initializer_list<Value> inputs, std::size_t rows, std::size_t cols) {
    return push(op, std::span(inputs.begin(), inputs.size()), rows, cols);
  }
  /// As push(), without memory for real numbers: a node of codes, or of numbers that a table gives when they are asked
  /// for.
  Node& push_bare(const Op& op, std::span<const Value> inputs, std::size_t rows, std::size_t cols);
  Node& push_bare(const Op& op, std::initializer_list<Value> inputs, std::size_t rows, std::size_t cols) {
    return push_bare(op, std::span(inputs.begin(), inputs.size()), rows, cols);
  }
  /// The handle of the node appended last.
  [[nodiscard]] Value last() const { return {static_cast<std::uint32_t>(nodes_.size() - 1)}; }

  /// The handle of a node of this tape.
  [[nodiscard]] Value handle(const Node& node) const { return {static_cast<std::uint32_t>(&node - nodes_.data())}; }

  /// Throws Error for a value that is not on the tape, such as one of an earlier pass.
  [[nodiscard]] const Node& operator[](Value v) const {
    if (v.id >= nodes_.size()) fail_absent(v);
    return nodes_[v.id];
  }
  [[nodiscard]] Node& operator[](Value v) { return const_cast<Node&>(std::as_const(*this)[v]); }
  [[nodiscard]] std::span<const Node> nodes() const { return nodes_; }

  /// The real numbers of v, [rows, cols]. Computed from the codes where they are not there, and kept; in backward()
  /// until the op's own has ended.
  [[nodiscard]] const float* value(Value v);
  /// Computes what v has: its codes, or else its real numbers. They are kept.
  void compute(Value v);
  /// Rows of its real numbers: of the node if it has them, else `scratch` [count, cols], filled from the codes.
  [[nodiscard]] const float* rows(Value v, RowRange rows, float* scratch);
  /// The codes of a v that has them. Computed if they are not there, and kept.
  [[nodiscard]] program::Codes codes(Value v);
  /// For an op whose backward reads the codes of v: they are computed and kept; those of a light op whose operands are
  /// kept are computed again when they are asked for.
  void hold(Value v);
  /// Rows of its codes, row 0 being rows.first. If they are not there, they are computed into scratch memory, and
  /// not kept; but those of a value with several readers are, unless it is light. At most block_rows at once.
  [[nodiscard]] program::Codes code_rows(Value v, RowRange rows);
  /// How wide its codes are, or will be.
  [[nodiscard]] program::Width width(Value v) const;
  /// Calls f(RowRange) for blocks of a node's rows, in their order; what f takes of scratch() it gives back.
  template <class F>
  void by_blocks(std::size_t rows, F f);
  /// The codes of v, [rows, cols], as integers of 32 bits.
  [[nodiscard]] std::vector<std::int32_t> codes32(Value v);
  /// Memory for the real numbers of a node.
  [[nodiscard]] float* new_real(const Node& node) {
    return reinterpret_cast<float*>(take(node.size() * sizeof(float)));
  }
  /// Memory for a node's codes of the given width, which it gets.
  program::MutableCodes new_codes(Node& node, program::Width width);
  /// Memory for its codes of 32 bits without gaps, [rows, cols].
  std::int32_t* new_codes32(Node& node);
  /// Scratch memory for codes of `rows`.
  program::MutableCodes scratch_codes(std::size_t rows, std::size_t cols, program::Width width);
  /// The loops that compute codes: the fastest that this machine has.
  [[nodiscard]] static const program::Kernels& kernels();

  /// Notes a use of a quantizer, also of one without bits: visits() tells which value is of which site.
  void visit(const Quantizer& site, Value input, Value output) { visits_.push_back({&site, input, output}); }
  [[nodiscard]] std::span<const SiteVisit> visits() const { return visits_; }

  /// Notes a part of the model (autograd/recompute.h), in the order in which they are computed. What is behind its
  /// result reads nothing else of what is before it, but for constants.
  void end_part(Value entering, Value result) {
    if (parts_.empty()) entering_ = entering;
    parts_.push_back(result);
    if (pass_.gives_back && pass_.gradients) give_back_unread();
  }
  [[nodiscard]] std::span<const Value> parts() const { return parts_; }
  [[nodiscard]] Value entering() const { return entering_; }  ///< what the first part reads

  /// Adds d(seed . v)/d(parameter) to the gradients of all that v depends on. `seed` [rows, cols] of v; 1 when empty
  /// and v is [1, 1].
  void backward(Value v, std::span<const float> seed = {});

  /// The array that an op's backward adds to for input `v`, zero at first; null when nobody needs it.
  float* gradient(Value v);
  /// Writes or adds an op's part of the gradient of input `v`: calls flow(put), where put(i, g) gives element i, each
  /// once. Nothing is called when nobody needs it.
  template <class Flow>
  void flow(Value v, Flow flow);
  /// Gives a node's own gradient, which its backward may have changed, to an input of the same size. The last thing
  /// that a backward does: the node may have no gradient any more.
  void pass_on(Value v, const Node& node);
  /// An array for the gradient of `v` that nobody has written to and that its only writer must fill; null if there is
  /// one already, or when nobody needs it.
  float* first_gradient(Value v);

  /// Keeps what gradient() returned for leaves of data, to be read after backward().
  void keep_gradient(Value v) { (*this)[v].needs_gradient = true; }

  /// What this lane has seen of a site that keeps a range: [range_count()] of Pass::observed.
  [[nodiscard]] std::span<float> observed(const Quantizer& site) const;
  /// The histogram of range `c` of the site, of Pass::counts.
  [[nodiscard]] std::span<std::uint32_t> counts(const Quantizer& site, std::size_t c) const;
  /// `count` elements of Pass::statistics; empty where the pass has none.
  [[nodiscard]] std::span<double> statistics(std::size_t offset, std::size_t count) const;

  /// Whether this pass has computed before what it computes now (TapePart): what is counted would count twice.
  [[nodiscard]] bool repeats() const { return repeats_; }

  Arena& arena() { return memory_.arena; }
  /// Memory that lives until the end of a block of rows (by_blocks), or of the op's backward.
  Arena& scratch() { return scratch_; }
  /// For an op whose kernel does not rescale: calls fill(codes) with memory for `rows` of its codes, which is `y` where
  /// nothing follows.
  template <class Fill>
  void fill_rows(const Node& node, RowRange rows, const program::Rescaling* then, const program::MutableCodes& y,
                 Fill fill);
  /// What the passes so far have taken at most: the sum of the largest sizes of nodes, parts and blocks.
  [[nodiscard]] std::size_t peak_bytes() const {
    return memory_.arena.peak_bytes() + aside_.arena.peak_bytes() + scratch_.peak_bytes();
  }
  /// What the nodes and their gradients take now, but for those of a part.
  [[nodiscard]] std::size_t used_bytes() const { return memory_.arena.used_bytes(); }
  /// What of it nobody needs at the moment: nodes and gradients to come may have it.
  [[nodiscard]] std::size_t given_back_bytes() const;
  /// The most that blocks of rows and single backward functions have taken.
  [[nodiscard]] std::size_t scratch_bytes() const { return scratch_.peak_bytes(); }
  /// Plain data that lives as long as the nodes.
  template <class T>
  const T* keep(const T& data) {
    return std::construct_at(memory_.arena.array<T>(1), data);
  }

 private:
  friend class TapePart;
  struct Spare {
    std::size_t bytes;
    std::byte* memory;
  };
  struct Memory {
    Arena arena;
    std::vector<Spare> spare;  // arrays that nobody needs any more, for reuse while they are still in the cache
    std::vector<std::uint32_t> passing;  // nodes whose real numbers only the op at hand asked for, in backward()
    bool in_backward = false;
    void clear();
  };

  [[nodiscard]] bool is_light(Value v) const;
  void give_back_unread();
  void give_back(std::size_t size, float* memory) {
    memory_.spare.push_back({size * sizeof(float), reinterpret_cast<std::byte*>(memory)});
  }
  std::byte* take(std::size_t bytes);
  void run_backward(std::size_t last, std::size_t first);
  [[noreturn]] void fail_absent(Value v) const;

  std::vector<Node> nodes_;
  std::vector<SiteVisit> visits_;
  std::vector<Value> parts_;
  Value entering_;
  Memory memory_;
  Memory aside_;  // of the last part; in a part, of what came before
  Arena scratch_;
  Pass pass_;
  bool repeats_ = false;
};

/// A part of the tape that has memory of its own, and leaves the tape with this object. There is one at a time;
/// Pass::results_only is false in it. What its nodes point to can be read until the next part begins.
class TapePart {
 public:
  /// `again`: this pass has computed the part before.
  TapePart(Tape& tape, bool again);
  ~TapePart();
  TapePart(const TapePart&) = delete;
  TapePart& operator=(const TapePart&) = delete;

  /// As Tape::backward(v), for the nodes of the part. `gradient` is that of v; an op may change it or pass it on.
  void backward(Value v, float* gradient);

 private:
  Tape& tape_;
  std::size_t first_node_;
  std::size_t first_visit_;
};

/// Reads the real numbers of a value row by row, computed from its codes by blocks of rows where it has no others.
class RowReader {
 public:
  RowReader(Tape& tape, Value v);
  /// [cols]; valid until the next call.
  const float* operator()(std::size_t row) {
    if (row - first_ >= count_) load(row);
    return block_ + (row - first_) * cols_;
  }

 private:
  void load(std::size_t row);

  Tape& tape_;
  Value value_;
  std::size_t rows_, cols_;
  std::size_t first_ = 0;  // of the block
  std::size_t count_ = 0;
  const float* block_ = nullptr;
  float* scratch_;
};

template <class F>
void Tape::by_blocks(std::size_t rows, F f) {
  for (std::size_t first = 0; first < rows; first += block_rows) {
    const Arena::Scope scope(scratch_);
    f(RowRange{first, std::min(block_rows, rows - first)});
  }
}

template <class Fill>
void Tape::fill_rows(const Node& node, RowRange rows, const program::Rescaling* then, const program::MutableCodes& y,
                     Fill fill) {
  if (then == nullptr) {
    fill(y);
    return;
  }
  const program::MutableCodes codes = scratch_codes(rows.count, node.cols, width(handle(node)));
  fill(codes);
  kernels().rescale(*then, node.cols, rows.count, {codes.data, codes.width, codes.stride}, y);
}

template <class Flow>
void Tape::flow(Value v, Flow flow) {
  if (float* const fresh = first_gradient(v)) {
    flow([fresh](std::size_t i, float g) { fresh[i] = g; });
  } else if (float* const sum = gradient(v)) {
    flow([sum](std::size_t i, float g) { sum[i] += g; });
  }
}

}  // namespace bitstate
